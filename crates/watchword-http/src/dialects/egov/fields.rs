//! Reading JSON as DIGIT's services read it: names in any case, numbers and booleans where text belongs, unknown names ignored
//! (wire contract of egov). Of a name that comes twice the last value counts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

/// A value of a type that does not belong where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a value of the wrong type")]
pub(super) struct WrongType;

/// The values of these names in an object, in the names' order. `None`: it is null.
///
/// # Errors
/// It is no object.
pub(super) fn members<'a, const N: usize>(
    value: &'a RawValue,
    names: &[&str; N],
) -> Result<Option<[Option<&'a RawValue>; N]>, WrongType> {
    match value.get().as_bytes().first() {
        Some(b'{') => {
            let mut deserializer = serde_json::Deserializer::from_str(value.get());
            deserializer.deserialize_map(Members { names }).map(Some).map_err(|_| WrongType)
        }
        Some(b'n') => Ok(None),
        _ => Err(WrongType),
    }
}

/// The items of a list. `None`: it is null.
///
/// # Errors
/// It is no list.
pub(super) fn items(value: &RawValue) -> Result<Option<Vec<&RawValue>>, WrongType> {
    serde_json::from_str(value.get()).map_err(|_| WrongType)
}

/// A text, or a number or boolean as it is spelled. `None`: null or empty, which is as good as not there.
///
/// # Errors
/// An object, a list, or text that is not Unicode.
pub(super) fn text<'a>(value: Option<&'a RawValue>) -> Result<Option<Cow<'a, str>>, WrongType> {
    let Some(value) = value else { return Ok(None) };
    let spelled = value.get();
    match spelled.as_bytes().first() {
        Some(b'"') => {
            let inner = &spelled[1..spelled.len() - 1];
            let text = if inner.contains('\\') {
                Cow::Owned(serde_json::from_str::<String>(spelled).map_err(|_| WrongType)?)
            } else {
                Cow::Borrowed(inner)
            };
            Ok(Some(text).filter(|text| !text.is_empty()))
        }
        Some(b'n') => Ok(None),
        Some(b'{' | b'[') | None => Err(WrongType),
        Some(_) => Ok(Some(Cow::Borrowed(spelled))),
    }
}

struct Members<'n, const N: usize> {
    names: &'n [&'n str; N],
}

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        while let Some(place) = map.next_key_seed(Place(self.names))? {
            let value: &'de RawValue = map.next_value()?;
            if let Some(place) = place {
                values[place] = Some(value);
            }
        }
        Ok(values)
    }
}

/// Which of the names a key is.
struct Place<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| name.eq_ignore_ascii_case(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn names_match_in_any_case_and_the_last_one_counts() {
        let value = raw(r#"{"TENANTID":1,"other":{"tenantId":9},"tenantId":2,"ty\u0070e":3}"#);
        let [tenant, kind, missing] = members(value, &["tenantId", "type", "otp"]).unwrap().unwrap();
        assert_eq!((tenant.unwrap().get(), kind.unwrap().get(), missing.is_none()), ("2", "3", true));
        assert!(members(raw("null"), &["a"]).unwrap().is_none());
        for bad in ["[]", "\"{}\"", "1", "true"] {
            assert!(members(raw(bad), &["a"]).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_belongs_in_a_text_is_taken_as_it_is_spelled() {
        for (given, read) in [
            ("\"a\"", Some("a")),
            ("\"\\u0061\\\"\"", Some("a\"")),
            ("\" \"", Some(" ")),
            ("\"\"", None),
            ("null", None),
            ("1.50", Some("1.50")),
            ("9876543210", Some("9876543210")),
            ("true", Some("true")),
        ] {
            assert_eq!(text(Some(raw(given))).unwrap().as_deref(), read, "{given}");
        }
        for bad in ["{}", "[1]", "\"\\ud800\""] {
            assert!(text(Some(raw(bad))).is_err(), "{bad}");
        }
    }
}
