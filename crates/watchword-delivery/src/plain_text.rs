//! Messages as text, for media that show what they get as it is.

use std::borrow::Cow;

use watchword_core::delivery::{BodyFormat, Message};

/// Characters of a line of a mail's text part.
const MAIL_WIDTH: usize = 76;

/// Longer than any message by SMS: its lines stay as they are.
const ENDLESS: usize = 10_000;

/// What a person reads where mail in HTML is not shown as such: the caller's own words for it, else the body with links at the
/// end and tables line by line. `None`: it can't be told.
pub(crate) fn of_mail(message: &Message) -> Option<Cow<'_, str>> {
    brought(message).or_else(|| of_html(&message.body, MAIL_WIDTH).map(Cow::Owned))
}

/// The body of a message, without markup.
pub(crate) fn of(message: &Message) -> Cow<'_, str> {
    match message.format {
        BodyFormat::Text => Cow::Borrowed(&message.body),
        BodyFormat::Html => {
            if let Some(text) = brought(message) {
                return text;
            }
            let text = of_html(&message.body, ENDLESS).map(|text| text.trim_end().to_owned());
            text.map_or(Cow::Borrowed(&message.body), Cow::Owned)
        }
    }
}

/// The plain text that the caller brought along.
fn brought(message: &Message) -> Option<Cow<'_, str>> {
    message.plain.as_deref().filter(|text| !text.trim().is_empty()).map(Cow::Borrowed)
}

fn of_html(html: &str, width: usize) -> Option<String> {
    html2text::config::plain_no_decorate()
        .link_footnotes(true)
        .no_link_wrapping()
        .raw_mode(true)
        .allow_width_overflow()
        .string_from_read(html.as_bytes(), width)
        .ok()
}
