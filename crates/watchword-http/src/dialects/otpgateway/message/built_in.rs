//! The words where nobody wrote a template.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use watchword_core::delivery::BodyFormat;
use watchword_core::engine::Words;
use watchword_template::{Escaping, Template, TemplateError, Value};

use super::{Compose, MessageContext};

/// The mail in HTML: nothing is fetched from anywhere, and it is readable on light and dark.
const MAIL: &str = include_str!("mail.html");

static MAIL_TEMPLATE: LazyLock<Result<Template, TemplateError>> =
    LazyLock::new(|| Template::parse(MAIL, Escaping::Html));

/// The words for providers that have no template.
#[derive(Clone, Debug)]
pub struct BuiltIn {
    /// The subject, in place of the built-in one.
    pub subject: Option<String>,
    /// Whether the link belongs into the text. Not in an SMS: it would not fit, and people are taught to distrust it there.
    pub link: bool,
    /// What the body is written in. Only words with a link are there in HTML: without one, it is always text.
    pub format: BodyFormat,
}

impl Compose for BuiltIn {
    fn compose(&self, context: &MessageContext<'_>) -> Words {
        let subject = self.subject.as_deref().unwrap_or("Your verification code").to_owned();
        if self.link
            && self.format == BodyFormat::Html
            && let Some(body) = mail(context)
        {
            return Words { subject, body, format: BodyFormat::Html, ..Words::default() };
        }
        let (code, ttl) = (context.otp, Spoken(context.ttl));
        let body = if self.link {
            format!(
                "Your verification code is {code}\n\nIt is good for {ttl}. You can also finish on this page:\n{}\n\n\
                 If you did not ask for a code, ignore this message and tell it to nobody.\n",
                context.otp_url()
            )
        } else {
            format!("{code} is your verification code, good for {ttl}. Tell it to nobody.")
        };
        Words { subject, body, format: BodyFormat::Text, ..Words::default() }
    }
}

/// The mail in HTML. It does not fail, as a test shows; if it did, there would still be the text.
fn mail(context: &MessageContext<'_>) -> Option<String> {
    let data = Value::from([
        ("OTP", context.otp.into()),
        ("OTPURL", context.otp_url().into()),
        ("GoodFor", Spoken(context.ttl).to_string().into()),
    ]);
    MAIL_TEMPLATE.as_ref().ok()?.render(&data, context.now.as_millis()).ok()
}

/// A length of time as people say it, in its largest whole unit.
struct Spoken(Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
        let whole = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
        let (unit, name) = whole.unwrap_or((1, "second"));
        let count = seconds / unit;
        write!(f, "{count} {name}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::context;
    use super::*;

    fn built_in(link: bool, format: BodyFormat) -> BuiltIn {
        BuiltIn { subject: None, link, format }
    }

    #[test]
    fn a_mail_has_the_link_and_an_sms_has_not() {
        let mail = built_in(true, BodyFormat::Text).compose(&context("uniqueID", "123456"));
        assert_eq!(mail.subject, "Your verification code");
        assert_eq!(
            mail.body,
            "Your verification code is 123456\n\nIt is good for 5 minutes. You can also finish on this page:\n\
             https://otp.example.com/otp/my%20app/uniqueID?otp=123456&action=check\n\n\
             If you did not ask for a code, ignore this message and tell it to nobody.\n"
        );
        let subject = Some("Code".to_owned());
        let sms =
            BuiltIn { subject, ..built_in(false, BodyFormat::Text) }.compose(&context("uniqueID", "123456"));
        assert_eq!(sms.subject, "Code");
        assert_eq!(sms.body, "123456 is your verification code, good for 5 minutes. Tell it to nobody.");
    }

    #[test]
    fn a_mail_in_html_says_the_same() {
        let mail = built_in(true, BodyFormat::Html).compose(&context("uniqueID", "<1'2>"));
        assert_eq!(mail.format, BodyFormat::Html);
        for part in [
            ">&lt;1&#39;2&gt;</p>",
            "It is good for 5 minutes.",
            "<a href=\"https://otp.example.com/otp/my%20app/uniqueID?otp=%3C1%272%3E&amp;action=check\"",
            "If you did not ask for a code, ignore this message and tell it to nobody.",
        ] {
            assert!(mail.body.contains(part), "{part} is missing in {}", mail.body);
        }
        assert!(!mail.body.contains("ZgotmplZ") && !mail.body.contains("no value"), "{}", mail.body);
    }

    #[test]
    fn without_a_link_there_is_no_html() {
        assert_eq!(
            built_in(false, BodyFormat::Html).compose(&context("uniqueID", "1")).format,
            BodyFormat::Text
        );
    }

    #[test]
    fn a_length_of_time_is_said_in_its_largest_whole_unit() {
        for (seconds, spoken) in [
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (300, "5 minutes"),
            (3_600, "1 hour"),
            (172_800, "2 days"),
        ] {
            assert_eq!(Spoken(Duration::from_secs(seconds)).to_string(), spoken);
        }
    }
}
