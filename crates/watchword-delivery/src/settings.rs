//! What the settings of providers are made of.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use thiserror::Error;
use zeroize::Zeroizing;

/// A password, a key, or a URL that may hold one. Its `Debug` shows nothing; it is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret itself. Only for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// A text that is no length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a length of time is a number and a unit (ms, s, m, h), like \"3s\" or \"1m30s\"")]
pub struct InvalidDuration;

/// The length of time that `text` says: whole numbers, each with its unit (`ms`, `s`, `m`, `h`), added up.
///
/// # Errors
/// No number, no unit, another unit, a sign, a space, or more than 2^64 ms.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let mut rest = text;
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let (number, tail) = split(rest, |byte| !byte.is_ascii_digit());
        let (unit, tail) = split(tail, |byte| byte.is_ascii_digit());
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(InvalidDuration),
        };
        let number: u64 = number.parse().map_err(|_| InvalidDuration)?;
        millis =
            number.checked_mul(scale).and_then(|part| millis.checked_add(part)).ok_or(InvalidDuration)?;
        rest = tail;
    }
    if text.is_empty() { Err(InvalidDuration) } else { Ok(Duration::from_millis(millis)) }
}

/// What comes before the first byte that `ends` it, and the rest. `ends` must tell apart ASCII bytes only.
fn split(text: &str, ends: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(ends).unwrap_or(text.len()))
}

/// For `#[serde(deserialize_with)]` on an optional length of time.
pub(crate) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_says_its_unit() {
        for (text, millis) in [
            ("3s", Ok(3_000)),
            ("250ms", Ok(250)),
            ("1m30s", Ok(90_000)),
            ("2h", Ok(7_200_000)),
            ("0s", Ok(0)),
            ("", Err(InvalidDuration)),
            ("3", Err(InvalidDuration)),
            ("s", Err(InvalidDuration)),
            ("-3s", Err(InvalidDuration)),
            ("3 s", Err(InvalidDuration)),
            ("1.5s", Err(InvalidDuration)),
            ("3d", Err(InvalidDuration)),
            ("3µs", Err(InvalidDuration)),
            ("99999999999999999999s", Err(InvalidDuration)),
            ("18446744073709551615h", Err(InvalidDuration)),
            ("18446744073709551615ms1ms", Err(InvalidDuration)),
        ] {
            assert_eq!(parse_duration(text), millis.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn a_secret_has_no_readable_debug() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret(…)");
    }
}
