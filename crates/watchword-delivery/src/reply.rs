//! What stands in a reply's body.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

/// Bytes of a service's id of a message.
const MESSAGE_ID_BYTES: usize = 128;

/// Bytes of an error's code, and how many digits one may have: telephone numbers have more.
const CODE_BYTES: usize = 64;
const CODE_DIGITS: usize = 6;

/// A place in a JSON document: names of fields, and numbers of list items from 0, between dots.
#[derive(Clone, Debug)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// What is wrong with a text that is no path.
    pub(crate) const WRONG: &'static str = "names no place in a reply; write it like messages.0.status";

    /// A place that is known when the program is written.
    pub(crate) fn of(parts: &[&'static str]) -> Self {
        Self(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    /// `None`: it is none.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        (!parts.iter().any(String::is_empty)).then_some(Self(parts))
    }
}

/// A body, or its first 64 KiB.
pub(crate) struct ReplyBody {
    bytes: Vec<u8>,
    json: OnceCell<Option<Value>>,
}

/// What is at a place of a body, other than null.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a>(&'a Value);

impl ReplyBody {
    pub(crate) const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, json: OnceCell::new() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    pub(crate) fn field(&self, path: &Path) -> Option<Found<'_>> {
        let json = self.json.get_or_init(|| serde_json::from_slice(&self.bytes).ok()).as_ref();
        let found = path.0.iter().try_fold(json?, |value, part| match value {
            Value::Object(object) => object.get(part),
            Value::Array(list) => list.get(part.parse::<usize>().ok()?),
            _ => None,
        });
        found.filter(|value| !value.is_null()).map(Found)
    }

    /// The service's id of the message, where it looks like one.
    pub(crate) fn message_id(&self, path: &Path) -> Option<String> {
        let id = self.field(path)?.scalar()?;
        let is_id =
            (1..=MESSAGE_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        is_id.then(|| id.into_owned())
    }

    /// A code that can be shown to operators: too short for a telephone number, and without `secret`.
    pub(crate) fn code(&self, path: &Path, secret: &str) -> Option<String> {
        let code = self.field(path)?.scalar()?;
        can_be_shown(&code, secret).then(|| code.into_owned())
    }
}

/// Whether a service's word looks like a code: no sentence, too few digits for a telephone number, and without `secret`.
pub(crate) fn can_be_shown(code: &str, secret: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    (1..=CODE_BYTES).contains(&code.len())
        && code.bytes().all(is_plain)
        && digits <= CODE_DIGITS
        && !code.contains(secret)
}

impl<'a> Found<'a> {
    /// The text of what is no list and no object.
    pub(crate) fn scalar(self) -> Option<Cow<'a, str>> {
        match self.0 {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The field of this name in each object of a list.
    pub(crate) fn each(self, field: &str) -> impl Iterator<Item = Found<'a>> {
        let list = self.0.as_array().map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(move |item| item.get(field).map(Found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> ReplyBody {
        ReplyBody::new(text.as_bytes().to_vec())
    }

    fn path(text: &str) -> Path {
        Path::new(text).unwrap()
    }

    #[test]
    fn a_place_is_found_through_objects_and_lists() {
        let json =
            r#"{"messages":[{"status":{"id":26,"sent":true}},null],"a.b":1,"7":"seven","n":null,"f":1.50}"#;
        for (place, expected) in [
            ("messages.0.status.id", Some("26")),
            ("messages.0.status.sent", Some("true")),
            ("7", Some("seven")),
            ("f", Some("1.5")),
            ("messages.0.status", None),
            ("messages.1", None),
            ("messages.2", None),
            ("messages.first", None),
            ("messages.-1", None),
            ("7.0", None),
            ("n", None),
            ("missing", None),
        ] {
            let body = body(json);
            assert_eq!(body.field(&path(place)).and_then(Found::scalar).as_deref(), expected, "{place}");
        }
        for wrong in ["", ".", "a.", ".a", "a..b"] {
            assert!(Path::new(wrong).is_none(), "{wrong}");
        }
        for no_json in ["", "OK", "{\"a\":", "[1] [2]"] {
            assert!(body(no_json).field(&path("0")).is_none(), "{no_json}");
        }
    }

    #[test]
    fn an_id_is_one_short_word() {
        for (json, expected) in [
            (r#"{"id":"SM0a/b+c=="}"#, Some("SM0a/b+c==")),
            (r#"{"id":4129876543210987}"#, Some("4129876543210987")),
            (r#"{"id":""}"#, None),
            (r#"{"id":"a b"}"#, None),
            (r#"{"id":"a\nb"}"#, None),
            (r#"{"id":"é"}"#, None),
            (r#"{"id":["a"]}"#, None),
        ] {
            assert_eq!(body(json).message_id(&path("id")).as_deref(), expected, "{json}");
        }
        assert!(body(&format!(r#"{{"id":"{}"}}"#, "x".repeat(129))).message_id(&path("id")).is_none());
    }

    #[test]
    fn a_code_shows_neither_addresses_nor_passcodes() {
        for (json, expected) in [
            (r#"{"code":21211}"#, Some("21211")),
            (r#"{"code":"REJECTED_NOT_ENOUGH_CREDITS"}"#, Some("REJECTED_NOT_ENOUGH_CREDITS")),
            (r#"{"code":"77011234567"}"#, None),
            (r#"{"code":7011234}"#, None),
            (r#"{"code":"code-4321"}"#, None),
            (r#"{"code":"ann@example.com"}"#, None),
            (r#"{"code":"no such number"}"#, None),
            (r#"{"code":""}"#, None),
        ] {
            assert_eq!(body(json).code(&path("code"), "4321").as_deref(), expected, "{json}");
        }
        assert!(body(&format!(r#"{{"code":"{}"}}"#, "x".repeat(65))).code(&path("code"), "4321").is_none());
    }

    #[test]
    fn a_part_is_found_anywhere() {
        for (text, part, expected) in
            [("OK - 1 SMS", "OK", true), ("all OK", "OK", true), ("", "OK", false), ("O", "OK", false)]
        {
            assert_eq!(body(text).contains(part), expected, "{text}");
        }
    }
}
