//! The settings of a provider made of configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::statuses::Statuses;
use crate::checks::{Shown, default_max_conns};
use crate::phone::PhoneFormat;
use crate::settings::{Secret, optional_duration};

/// A request over HTTP, and how to read the reply. `docs/providers/http.md` is its reference.
///
/// Every value of `query`, `headers`, `form`, `json` and `text`, and every path segment and query value of `url`, is a
/// template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Where the request goes. Scheme, host and port are literal; values of actions are percent-encoded.
    pub url: Secret,
    /// How.
    #[serde(default)]
    pub method: Method,
    /// Put behind the `?` of the URL, percent-encoded.
    #[serde(default)]
    pub query: BTreeMap<String, Values>,
    /// Headers besides those that the body and the connection need.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// For BasicAuth. Empty is unset.
    #[serde(default)]
    pub username: Option<String>,
    /// For BasicAuth, with `username`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A body of `application/x-www-form-urlencoded`.
    #[serde(default)]
    pub form: Option<BTreeMap<String, Values>>,
    /// A body of `application/json`.
    #[serde(default)]
    pub json: Option<Json>,
    /// A body of `text/plain`, or of what the header `Content-Type` says.
    #[serde(default)]
    pub text: Option<Secret>,
    /// Which addresses the provider takes.
    #[serde(default)]
    pub address: AddressKind,
    /// How `.To` writes a telephone number.
    #[serde(default)]
    pub to_format: PhoneFormat,
    /// The country of telephone numbers that do not say theirs.
    #[serde(default)]
    pub default_phone_code: Option<String>,
    /// What a 2xx without a rule of its own must look like to be a success. Without it, each is one.
    #[serde(default)]
    pub success: Option<Success>,
    /// What replies mean; the first that fits counts. What fits none means what `http_client.rs` says.
    #[serde(default)]
    pub reply: Vec<Reply>,
    /// Where in a JSON reply the service's id of the message stands.
    #[serde(default)]
    pub message_id: Option<String>,
    /// Where in a JSON reply a code of the error stands, for operators.
    #[serde(default)]
    pub error_field: Option<String>,
    /// How long one try may take: 1 s to 5 min, by default 3 s.
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// Messages sent at once: 1 to 10,000, by default 10.
    #[serde(default = "default_max_conns")]
    pub max_conns: usize,
    /// What people call the medium; by default the provider's name.
    #[serde(default)]
    pub channel_name: Option<String>,
    /// What people call an address of it.
    #[serde(default)]
    pub address_name: Option<String>,
    /// Characters of an address at most, for the field it is typed into. 0 is no limit, as is none.
    #[serde(default)]
    pub max_address_len: Option<usize>,
    /// Digits of a generated passcode: at most 128, by default and where it is 0: 6.
    #[serde(default)]
    pub max_otp_len: Option<usize>,
}

impl HttpSettings {
    pub(super) fn shown(&self) -> Shown<'_> {
        Shown {
            channel_name: self.channel_name.as_deref(),
            address_name: self.address_name.as_deref(),
            max_address_len: self.max_address_len,
            max_otp_len: self.max_otp_len,
        }
    }
}

/// The method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The usual one.
    #[default]
    Post,
    /// Everything stands in the URL.
    Get,
    /// For services that want it.
    Put,
    /// For services that want it.
    Patch,
}

/// Which addresses a provider takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressKind {
    /// Anything: account numbers, chat names.
    #[default]
    Any,
    /// A telephone number.
    Phone,
    /// A mailbox.
    Email,
}

/// What the body of a successful reply looks like. All that is said must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Success {
    /// A place in the JSON, like `messages.0.status`.
    #[serde(default)]
    pub field: Option<String>,
    /// What stands there: this, or one of these.
    #[serde(default)]
    pub equals: Option<Texts>,
    /// Whether something other than null stands there at all.
    #[serde(default)]
    pub exists: Option<bool>,
    /// A part of the body, JSON or not.
    #[serde(default)]
    pub contains: Option<Texts>,
}

/// What a reply means. All that is said of it must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Its status.
    #[serde(default)]
    pub status: Option<Statuses>,
    /// A place in the JSON, like `messages.0.status`.
    #[serde(default)]
    pub field: Option<String>,
    /// What stands there: this, or one of these.
    #[serde(default)]
    pub equals: Option<Texts>,
    /// Whether something other than null stands there at all.
    #[serde(default)]
    pub exists: Option<bool>,
    /// A part of the body, JSON or not: this, or one of these.
    #[serde(default)]
    pub contains: Option<Texts>,
    /// What it means.
    pub outcome: Meaning,
}

/// What a reply can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The service took the message.
    Accepted,
    /// This address or message will never be taken: no other provider is tried.
    AddressRefused,
    /// The service refuses us, for every message: credentials, credit.
    ProviderRefused,
    /// Too fast.
    Throttled,
    /// It failed for now.
    Transient,
}

/// A text, or several. Numbers and truth values are taken for their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

/// The value of a field: a template, or several for a field that stands there several times. Numbers and truth values are
/// taken for their text.
#[derive(Clone, Debug)]
pub struct Values(pub Vec<Secret>);

/// A JSON document: its texts are templates, all else is as written.
#[derive(Clone, Debug)]
pub enum Json {
    /// A text, made by a template.
    Text(Secret),
    /// A whole number.
    Number(i64),
    /// A truth value.
    Boolean(bool),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Vec<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, or a list of such")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(vec![text.to_owned()])
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(vec![value.to_string()])
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(vec![number.to_string()])
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(vec![number.to_string()])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                while let Some(Texts(mut more)) = items.next_element()? {
                    texts.append(&mut more);
                }
                Ok(texts)
            }
        }
        deserializer.deserialize_any(OneOrMore).map(Self)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Texts(texts) = Texts::deserialize(deserializer)?;
        Ok(Self(texts.into_iter().map(Secret::from).collect()))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyJson;
        impl<'de> Visitor<'de> for AnyJson {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a section, a list, a text, a whole number, or true or false")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
                Ok(Json::Text(text.into()))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Boolean(value))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
                Ok(Json::Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
                i64::try_from(number).map(Json::Number).map_err(|_| E::custom("is too large a number"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut object = BTreeMap::new();
                while let Some((key, value)) = entries.next_entry()? {
                    object.insert(key, value);
                }
                Ok(Json::Object(object))
            }
        }
        deserializer.deserialize_any(AnyJson)
    }
}
