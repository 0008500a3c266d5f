//! What is sent, and how it is kept while it waits.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::passcode::Passcode;

/// What is sent. In the outbox it is sealed; it is erased once the delivery is settled.
#[derive(Clone)]
pub struct Message {
    /// The address as given.
    pub to: String,
    /// A subject, for media that have one. One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// What the body is written in.
    pub format: BodyFormat,
    /// The same in plain text, where the caller brought it beside a body in HTML. `None`: who needs it makes it of the body.
    pub plain: Option<String>,
    /// What the caller asked to be sent: a JSON object, its values as the caller spelled them, its keys the parameters of the
    /// caller's dialect. For providers that pass them on; `None` in dialects that have none such.
    pub given: Option<Arc<str>>,
    /// The passcode on its own, for providers that have a place for it.
    pub passcode: Passcode,
    /// Seconds the passcode is good for, counted from when the message was composed.
    pub ttl_seconds: u64,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message(…)")
    }
}

/// What a message's body is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// As people read it.
    #[default]
    Text,
    /// HTML. A provider whose medium shows it as it is must make text of it.
    Html,
}

#[derive(Serialize, Deserialize)]
struct MessageRecord<'a> {
    #[serde(borrow)]
    to: Cow<'a, str>,
    subject: Cow<'a, str>,
    body: Cow<'a, str>,
    #[serde(default)]
    format: BodyFormat,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plain: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given: Option<Cow<'a, str>>,
    passcode: Cow<'a, str>,
    ttl_seconds: u64,
}

impl Message {
    /// For sealing. The copy is wiped when dropped.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let record = MessageRecord {
            to: self.to.as_str().into(),
            subject: self.subject.as_str().into(),
            body: self.body.as_str().into(),
            format: self.format,
            plain: self.plain.as_deref().map(Into::into),
            given: self.given.as_deref().map(Into::into),
            passcode: self.passcode.expose().into(),
            ttl_seconds: self.ttl_seconds,
        };
        // A buffer that never grows leaves no copy behind in freed memory.
        let texts = [
            &self.to,
            &self.subject,
            &self.body,
            self.plain.as_deref().unwrap_or_default(),
            self.given.as_deref().unwrap_or_default(),
            self.passcode.expose(),
        ];
        let size = 160 + 6 * texts.iter().map(|text| text.len()).sum::<usize>();
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        #[expect(
            clippy::expect_used,
            reason = "strings and a number always serialize, and a Vec takes them"
        )]
        serde_json::to_writer(&mut *bytes, &record).expect("a record of strings");
        bytes
    }

    /// What [`Self::to_bytes`] made; `None` when it is something else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let record: MessageRecord<'_> = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            to: record.to.into_owned(),
            subject: record.subject.into_owned(),
            body: record.body.into_owned(),
            format: record.format,
            plain: record.plain.map(Cow::into_owned),
            given: record.given.map(Into::into),
            passcode: Passcode::new(&record.passcode).ok()?,
            ttl_seconds: record.ttl_seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_outbox_to_the_byte() {
        let message = Message {
            to: "жанна@пример.рф".into(),
            subject: "a \"b\" \\ c".into(),
            body: "line\nline\t\u{1F511}".into(),
            format: BodyFormat::Html,
            plain: Some("\u{1}\u{2} \"line\"".into()),
            given: Some(r#"{"phone":77011234567.0,"text":"\u043a"}"#.into()),
            passcode: Passcode::new("a\"1\\").unwrap(),
            ttl_seconds: 300,
        };
        let copy = Message::from_bytes(&message.to_bytes()).unwrap();
        assert_eq!(
            (copy.to, copy.subject, copy.body, copy.format, copy.plain, copy.given, copy.ttl_seconds),
            (message.to, message.subject, message.body, message.format, message.plain, message.given, 300)
        );
        assert_eq!(copy.passcode.expose(), message.passcode.expose());
        assert!(Message::from_bytes(b"{}").is_none());
    }

    #[test]
    fn sealing_leaves_no_copy_behind_whatever_the_texts_hold() {
        let worst = "\u{1}".repeat(1_000);
        let message = Message {
            to: worst.clone(),
            subject: worst.clone(),
            body: worst.clone(),
            format: BodyFormat::Html,
            plain: Some(worst.clone()),
            given: Some(worst.as_str().into()),
            passcode: Passcode::new(&worst).unwrap(),
            ttl_seconds: u64::MAX,
        };
        let bytes = message.to_bytes();
        assert!(bytes.len() > 36_000);
        assert_eq!(bytes.capacity(), 160 + 36_000, "a buffer that grew is a copy in freed memory");
    }

    #[test]
    fn a_message_stored_before_it_had_all_its_fields_is_still_opened() {
        let stored = br#"{"to":"a@example.com","subject":"S","body":"B","passcode":"1","ttl_seconds":5}"#;
        let message = Message::from_bytes(stored).unwrap();
        assert_eq!((message.format, message.plain, message.given), (BodyFormat::Text, None, None));
        let message = Message::from_bytes(stored).unwrap();
        assert_eq!(message.to_bytes().as_slice(), br#"{"to":"a@example.com","subject":"S","body":"B","format":"text","passcode":"1","ttl_seconds":5}"#);
    }
}
