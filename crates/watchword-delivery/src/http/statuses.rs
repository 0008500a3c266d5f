//! Statuses of replies, as a rule names them.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Statuses of replies: `429`, `"200-299"`, or a list of such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    pub(super) fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Vec<RangeInclusive<u16>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status like 429, statuses like \"200-299\", or a list of such")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                let status = |text: &str| text.trim().parse().ok().filter(is_status);
                match (status(first), status(last)) {
                    (Some(first), Some(last)) if first <= last => Ok(vec![first..=last]),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                match u16::try_from(number).ok().filter(is_status) {
                    Some(status) => Ok(vec![status..=status]),
                    None => Err(E::invalid_value(serde::de::Unexpected::Unsigned(number), &self)),
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                // TOML knows signed numbers only.
                self.visit_u64(u64::try_from(number).unwrap_or(0))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut statuses = Vec::new();
                while let Some(Statuses(mut more)) = items.next_element()? {
                    statuses.append(&mut more);
                }
                Ok(statuses)
            }
        }
        deserializer.deserialize_any(OneOrMore).map(Self)
    }
}

fn is_status(status: &u16) -> bool {
    (100..1_000).contains(status)
}
