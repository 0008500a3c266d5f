//! A task of Queue, as JSON (wire contract of perfumer, "Sending"). The keys keep the order that they have here.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use watchword_core::delivery::{BodyFormat, Message};

use super::settings::Sends;
use crate::plain_text;

#[derive(Serialize)]
struct Task<'a> {
    url: &'a str,
    method: &'static str,
    worker: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers<'a>>,
    json: Json<'a>,
}

#[derive(Serialize)]
struct Headers<'a> {
    #[serde(rename = "X-Auth-Token")]
    token: &'a str,
}

/// What the service is sent.
#[derive(Serialize)]
#[serde(untagged)]
enum Json<'a> {
    Phone { phones: Spelled<'a>, message: Spelled<'a>, force: bool },
    Mail { to: Spelled<'a>, subject: Spelled<'a>, text: Spelled<'a>, html: Spelled<'a>, force: bool },
    Chat { to: i64, message: Spelled<'a>, silent: bool },
}

/// A value, spelled as the caller did, or one of our own.
enum Spelled<'a> {
    ByCaller(&'a RawValue),
    ByUs(Cow<'a, str>),
    Null,
}

impl Serialize for Spelled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::ByCaller(value) => value.serialize(serializer),
            Self::ByUs(text) => serializer.serialize_str(text),
            Self::Null => serializer.serialize_unit(),
        }
    }
}

/// What the caller gave, by the names of its dialect.
struct Given<'a>(HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Given<'a> {
    fn of(message: &'a Message) -> Self {
        let values = message.given.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self(values.unwrap_or_default())
    }

    /// The value of that name, if it is a text or a number: these services take nothing else there.
    fn get(&self, name: &str) -> Option<Spelled<'a>> {
        let value = self.0.get(name).copied()?;
        let is_scalar = value.get().starts_with(|first: char| matches!(first, '"' | '-' | '0'..='9'));
        is_scalar.then_some(Spelled::ByCaller(value))
    }

    fn or(&self, name: &str, own: impl Into<Cow<'a, str>>) -> Spelled<'a> {
        self.get(name).unwrap_or_else(|| Spelled::ByUs(own.into()))
    }
}

/// What all tasks of a provider have in common.
pub(super) struct Template<'a> {
    pub(super) sends: Sends,
    pub(super) endpoint: &'a str,
    pub(super) worker: &'a str,
    pub(super) app_token: Option<&'a str>,
}

impl Template<'_> {
    /// The request's body. `None`: this address is none that the service could send to.
    pub(super) fn fill(&self, message: &Message) -> Option<Vec<u8>> {
        let given = Given::of(message);
        let json = match self.sends {
            Sends::Sms => Json::Phone {
                phones: given.or("phone", &*message.to),
                message: given.get("message").unwrap_or_else(|| Spelled::ByUs(plain_text::of(message))),
                force: true,
            },
            Sends::Call => Json::Phone {
                phones: given.or("phone", &*message.to),
                message: Spelled::ByUs(read_out(message.passcode.expose()).into()),
                force: true,
            },
            Sends::Email => mail(&given, message),
            Sends::Telegram => Json::Chat {
                to: crate::telegram::chat_id(&message.to)?,
                message: given.get("message").unwrap_or_else(|| Spelled::ByUs(plain_text::of(message))),
                silent: false,
            },
        };
        let headers = self.app_token.filter(|_| self.sends == Sends::Telegram).map(|token| Headers { token });
        let task = Task { url: self.endpoint, method: "post", worker: self.worker, headers, json };
        #[expect(clippy::expect_used, reason = "strings and numbers always serialize, and a Vec takes them")]
        let bytes = serde_json::to_vec(&task).expect("a task of strings");
        Some(bytes)
    }
}

/// Text and HTML are there always, as null where the caller gave none.
fn mail<'a>(given: &Given<'a>, message: &'a Message) -> Json<'a> {
    let (text, html) = match (given.get("text"), given.get("html")) {
        (None, None) => match message.format {
            BodyFormat::Text => (Some(Spelled::ByUs(Cow::Borrowed(&message.body))), None),
            BodyFormat::Html => (
                plain_text::of_mail(message).map(Spelled::ByUs),
                Some(Spelled::ByUs(Cow::Borrowed(&message.body))),
            ),
        },
        given => given,
    };
    Json::Mail {
        to: given.or("email", &*message.to),
        subject: given.or("subject", &*message.subject),
        text: text.unwrap_or(Spelled::Null),
        html: html.unwrap_or(Spelled::Null),
        force: true,
    }
}

/// A space between the characters, so that a robot reads them one by one.
fn read_out(passcode: &str) -> String {
    let mut text = String::with_capacity(2 * passcode.len());
    for character in passcode.chars() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push(character);
    }
    text
}
