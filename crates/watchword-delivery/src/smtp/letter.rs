//! A message as mail (RFC 5322, MIME).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use thiserror::Error;
use watchword_core::delivery::{BodyFormat, DeliveryId};
use watchword_core::ports::Outgoing;
use watchword_core::time::Timestamp;

use crate::plain_text;

/// A mail, ready to be handed over.
pub(super) struct Letter {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) id: String,
    pub(super) text: Vec<u8>,
}

/// Why there can be no mail to this address. Holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no e-mail address that mail can be sent to")]
pub(super) struct Unmailable;

impl Letter {
    /// The mail that `outgoing` becomes. Every try of a delivery has the same Message-ID.
    pub(super) fn compose(
        sender: &Mailbox,
        outgoing: &Outgoing<'_>,
        now: Timestamp,
    ) -> Result<Self, Unmailable> {
        let message = outgoing.message;
        let to = recipient(&message.to).ok_or(Unmailable)?;
        let id = message_id(outgoing.delivery.id, sender.email.domain());
        let mail = Message::builder()
            .from(sender.clone())
            .to(to.clone().into())
            .subject(one_line(&message.subject))
            .date(system_time(now))
            .message_id(Some(id.clone()))
            .header(AutoSubmitted)
            .header(NoAutoReplies);
        let mail = match message.format {
            BodyFormat::Text => mail.singlepart(SinglePart::plain(with_mail_line_ends(&message.body))),
            BodyFormat::Html => {
                let html = SinglePart::html(with_mail_line_ends(&message.body));
                match plain_text::of_mail(message) {
                    Some(text) => mail.multipart(
                        MultiPart::alternative()
                            .boundary(format!("=_{}", outgoing.delivery.id.as_uuid().simple()))
                            .singlepart(SinglePart::plain(with_mail_line_ends(&text)))
                            .singlepart(html),
                    ),
                    None => mail.singlepart(html),
                }
            }
        };
        // It fails only without sender or recipient.
        let mail = mail.map_err(|_| Unmailable)?;
        Ok(Self { from: sender.email.clone(), to, id, text: mail.formatted() })
    }

    /// Whether only a server with SMTPUTF8 (RFC 6531) can carry it: the address has letters beyond ASCII before its `@`.
    pub(super) fn needs_utf8(&self) -> bool {
        let to: &str = self.to.as_ref();
        !to.is_ascii()
    }
}

/// The Message-ID, as in mail logs.
fn message_id(delivery: DeliveryId, domain: &str) -> String {
    format!("<{delivery}@{domain}>")
}

/// The address as it goes on the wire.
fn recipient(to: &str) -> Option<Address> {
    if to.contains(char::is_control) {
        return None;
    }
    to_ascii_domain(&to.parse().ok()?)
}

/// The same address with its domain in the letters of the DNS (RFC 5891). `None`: there is no such domain.
pub(super) fn to_ascii_domain(address: &Address) -> Option<Address> {
    if address.domain().is_ascii() {
        return Some(address.clone());
    }
    Address::new(address.user(), idna::domain_to_ascii(address.domain()).ok()?).ok()
}

/// A subject can't bring headers of its own.
fn one_line(subject: &str) -> String {
    subject.replace(char::is_control, " ")
}

/// Every line ends in CRLF, and no CR stands alone (RFC 5321, section 2.3.8). lettre would do the first alone, and in quadratic time.
fn with_mail_line_ends(text: &str) -> String {
    let mut mail = String::with_capacity(text.len() + text.len() / 16 + 2);
    let mut after_cr = false;
    for character in text.chars() {
        match character {
            '\n' if after_cr => {}
            '\r' | '\n' => mail.push_str("\r\n"),
            _ => mail.push(character),
        }
        after_cr = character == '\r';
    }
    mail
}

fn system_time(now: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0))
}

/// RFC 3834, section 5: no holiday notes in answer.
#[derive(Clone, Copy)]
struct AutoSubmitted;

/// The same for Microsoft Exchange, which has its own words. Reports of failures stay welcome.
#[derive(Clone, Copy)]
struct NoAutoReplies;

/// A header that is always the same.
macro_rules! constant_header {
    ($header:ident, $name:literal, $value:literal) => {
        impl Header for $header {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self)
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), $value.to_owned())
            }
        }
    };
}

constant_header!(AutoSubmitted, "Auto-Submitted", "auto-generated");
constant_header!(NoAutoReplies, "X-Auto-Response-Suppress", "OOF, AutoReply");
