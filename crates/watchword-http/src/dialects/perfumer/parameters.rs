//! What a caller passes: the URL's query and a JSON object in the body, as one set of named values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::name::Name;
use super::refusal::{InputError, MAX_CHARACTERS, MAX_LIFETIME};
use crate::form::pairs;

/// The values of a request.
#[derive(Default)]
pub(super) struct Parameters<'a> {
    values: [Option<Value<'a>>; Name::ALL.len()],
}

enum Value<'a> {
    /// Of the query, decoded.
    Query(Cow<'a, str>),
    /// Of the body, as the caller spelled it.
    Json(&'a RawValue),
}

/// What a body that is no JSON object amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotJson {
    /// A refusal.
    Refused,
    /// No parameters: clients send bodies with a GET for all kinds of reasons.
    Nothing,
}

impl<'a> Parameters<'a> {
    /// Reads both sources. A name in the body wins, even when it is empty there; within one source the last value of a name wins.
    /// The content type is not looked at.
    ///
    /// # Errors
    /// A query that does not decode; a body that is no JSON object, where that is a refusal. One of white space is as none.
    pub(super) fn read(
        query: Option<&'a str>,
        body: &'a [u8],
        not_json: NotJson,
    ) -> Result<Self, InputError> {
        let mut parameters = Self::default();
        for pair in pairs(query.unwrap_or_default().as_bytes()) {
            let (name, value) = pair?;
            let value = value?;
            if let Some(name) = Name::find(&name) {
                parameters.values[name as usize] = Some(Value::Query(value));
            }
        }
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(parameters);
        }
        match (serde_json::from_slice::<Object<'a>>(body), not_json) {
            (Ok(Object(values)), _) => {
                for (kept, value) in parameters.values.iter_mut().zip(values) {
                    if let Some(value) = value {
                        *kept = Some(Value::Json(value));
                    }
                }
                Ok(parameters)
            }
            (Err(_), NotJson::Nothing) => Ok(parameters),
            (Err(_), NotJson::Refused) => Err(InputError::NotAnObject),
        }
    }

    /// A text, trimmed. `None`: it is missing, null, false, blank, or zero.
    ///
    /// # Errors
    /// It is true, an array or an object, or no Unicode.
    pub(super) fn text(&self, name: Name) -> Result<Option<Cow<'_, str>>, InputError> {
        let text = match &self.values[name as usize] {
            None => return Ok(None),
            Some(Value::Query(text)) => trimmed(Cow::Borrowed(text.as_ref())),
            Some(Value::Json(raw)) => match Json::of(raw.get()) {
                Json::Nothing => return Ok(None),
                Json::Number(number) if is_zero(number) => return Ok(None),
                Json::Number(number) => return Ok(Some(Cow::Borrowed(number))),
                Json::Text(text) => trimmed(text),
                Json::Other => return Err(InputError::NotText(name)),
            },
        };
        Ok(Some(text).filter(|text| !text.is_empty() && text != "0"))
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// It is not, or it is none.
    pub(super) fn required(&self, name: Name) -> Result<Cow<'_, str>, InputError> {
        self.text(name)?.ok_or(InputError::Unset(name))
    }

    /// A text that must be there, of at most 255 characters.
    ///
    /// # Errors
    /// It is not, it is none, or it has more.
    pub(super) fn short(&self, name: Name) -> Result<Cow<'_, str>, InputError> {
        short(name, self.required(name)?)
    }

    /// As [`Self::short`], where it may be missing.
    ///
    /// # Errors
    /// It is none, or it has more characters.
    pub(super) fn short_if_there(&self, name: Name) -> Result<Option<Cow<'_, str>>, InputError> {
        self.text(name)?.map(|text| short(name, text)).transpose()
    }

    /// Seconds, cut to whole ones.
    ///
    /// # Errors
    /// Missing, no number, or out of range. What is cut to 0 is missing.
    pub(super) fn lifetime(&self) -> Result<u32, InputError> {
        let text = match self.required(Name::Lifetime) {
            Err(InputError::NotText(_)) => return Err(InputError::Lifetime),
            other => other?,
        };
        // Of all that Rust reads as a number, what JSON and PHP read as one too: no `inf`, no `nan`.
        let is_number =
            text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let seconds: Option<f64> = text.parse().ok().filter(|_| is_number);
        match seconds.map(f64::trunc) {
            Some(0.0) => Err(InputError::Unset(Name::Lifetime)),
            Some(seconds) if (1.0..=f64::from(MAX_LIFETIME)).contains(&seconds) => Ok(seconds as u32),
            _ => Err(InputError::Lifetime),
        }
    }

    /// The items of an array, as they are. `None`: it is missing, or no array.
    pub(super) fn items(&self, name: Name) -> Option<Vec<&'a RawValue>> {
        let Some(Value::Json(raw)) = self.values[name as usize] else { return None };
        serde_json::from_str(raw.get()).ok()
    }

    /// Writes the value as the caller spelled it; null where there is neither a text nor a number.
    pub(super) fn write_as_given(&self, name: Name, out: &mut String) {
        match &self.values[name as usize] {
            Some(Value::Query(text)) => match serde_json::to_string(text) {
                Ok(quoted) => out.push_str(&quoted),
                // A text is always JSON.
                Err(_) => out.push_str("null"),
            },
            Some(Value::Json(raw)) if matches!(Json::of(raw.get()), Json::Text(_) | Json::Number(_)) => {
                out.push_str(raw.get());
            }
            _ => out.push_str("null"),
        }
    }
}

fn short(name: Name, text: Cow<'_, str>) -> Result<Cow<'_, str>, InputError> {
    // Bytes tell most of it; characters cost a look at each.
    let is_short = text.len() <= MAX_CHARACTERS || text.chars().count() <= MAX_CHARACTERS;
    if is_short { Ok(text) } else { Err(InputError::TooLong(name)) }
}

/// A value of a body, by what it is taken for.
enum Json<'a> {
    /// Null and false.
    Nothing,
    /// As spelled.
    Number(&'a str),
    /// Without its quotes and escapes.
    Text(Cow<'a, str>),
    /// True, an array, an object; a text with half a surrogate pair in it.
    Other,
}

impl<'a> Json<'a> {
    fn of(raw: &'a str) -> Self {
        match raw.as_bytes() {
            b"null" | b"false" => Self::Nothing,
            [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Self::Text(raw[1..raw.len() - 1].into()),
            [b'"', ..] => serde_json::from_str(raw).map_or(Self::Other, |text| Self::Text(Cow::Owned(text))),
            [b'-' | b'0'..=b'9', ..] => Self::Number(raw),
            _ => Self::Other,
        }
    }
}

/// However it is spelled: `0`, `-0`, `0.00`, `0e9`.
fn is_zero(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

/// Without ASCII white space at its ends.
fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_space = |character: char| character.is_ascii_whitespace() || character == '\x0b';
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(is_space)),
        Cow::Owned(text) => match text.trim_matches(is_space) {
            trimmed if trimmed.len() == text.len() => Cow::Owned(text),
            trimmed => Cow::Owned(trimmed.to_owned()),
        },
    }
}

/// The values of an object whose names mean something, as they are spelled. Nothing is nested in it, however deep it goes: values
/// are passed over, not built.
struct Object<'a>([Option<&'a RawValue>; Name::ALL.len()]);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; Name::ALL.len()];
        while let Some(name) = map.next_key_seed(NameSeed)? {
            match name {
                Some(name) => values[name as usize] = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Object(values))
    }
}

/// A key, without a copy of it.
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Option<Name>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Option<Name>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name::find(name))
    }
}
