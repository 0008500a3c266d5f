//! `--to`: how the addresses of a load are made, each person's own.

use std::fmt::Write as _;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::dialect::Dialect;

/// Digits of `{number}`. With a country code before them they make a phone number.
const DIGITS: usize = 9;

/// One past the largest `{number}`.
const NUMBERS: u64 = 10_u64.pow(DIGITS as u32);

/// An address with places for what tells one person from the next.
#[derive(Clone, Debug)]
pub(crate) struct AddressPattern(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text {
        plain: String,
        encoded: String,
    },
    /// `{id}`: the verification's whole id.
    Id,
    /// `{number}`: a number of [`DIGITS`] digits.
    Number,
}

/// Why a text is not an [`AddressPattern`].
#[derive(Debug, thiserror::Error)]
#[error("only {{id}} and {{number}} can stand in braces")]
pub(crate) struct PatternError;

/// Who is verified: nobody is verified twice.
pub(crate) struct Person {
    /// The id of the verification: ASCII letters, digits and dashes.
    pub(crate) id: String,
    /// Counts up from one person to the next.
    pub(crate) number: u64,
}

impl Part {
    fn text(text: &str) -> Self {
        let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        Self::Text { plain: text.to_owned(), encoded }
    }
}

impl FromStr for AddressPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let mut parts = Vec::new();
        let literal = |text: &str| {
            if text.contains(['{', '}']) {
                return Err(PatternError);
            }
            Ok(Part::text(text))
        };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(PatternError)?;
            parts.push(literal(before)?);
            parts.push(match name {
                "id" => Part::Id,
                "number" => Part::Number,
                _ => return Err(PatternError),
            });
            rest = after;
        }
        parts.push(literal(rest)?);
        Ok(Self(parts))
    }
}

impl AddressPattern {
    /// What a caller of that API usually sends to.
    pub(crate) fn usual(dialect: Dialect) -> Self {
        let text = Part::text;
        Self(match dialect {
            Dialect::Otpgateway => vec![text("user-"), Part::Id, text("@example.com")],
            Dialect::Perfumer => vec![text("77"), Part::Number],
        })
    }

    /// Adds a person's address to a form or a query, encoded.
    pub(crate) fn write(&self, person: &Person, form: &mut String) {
        self.write_parts(person, form, |part| match part {
            Part::Text { encoded, .. } => encoded,
            _ => "",
        });
    }

    /// Adds a person's address as it is.
    pub(crate) fn write_plain(&self, person: &Person, text: &mut String) {
        self.write_parts(person, text, |part| match part {
            Part::Text { plain, .. } => plain,
            _ => "",
        });
    }

    fn write_parts(&self, person: &Person, to: &mut String, text_of: fn(&Part) -> &str) {
        for part in &self.0 {
            match part {
                Part::Text { .. } => to.push_str(text_of(part)),
                Part::Id => to.push_str(&person.id),
                Part::Number => {
                    // Writing to a String can't fail.
                    let _ = write!(to, "{:0DIGITS$}", person.number % NUMBERS);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_the_rest_is_encoded_for_a_form() {
        let cases = [
            ("user-{id}@example.com", Some("user%2Db7-1%40example%2Ecom")),
            ("+77{number}", Some("%2B77000000042")),
            ("{number}{id}", Some("000000042b7-1")),
            ("a & b", Some("a%20%26%20b")),
            ("", Some("")),
            ("{name}@example.com", None),
            ("{id", None),
            ("id}", None),
            ("{{id}}", None),
        ];
        let person = Person { id: "b7-1".to_owned(), number: 3 * NUMBERS + 42 };
        for (text, expected) in cases {
            let form = text.parse::<AddressPattern>().ok().map(|pattern| {
                let mut form = String::new();
                pattern.write(&person, &mut form);
                form
            });
            assert_eq!(form.as_deref(), expected, "{text:?}");
        }
        let mut plain = String::new();
        "+77{number} {id}".parse::<AddressPattern>().unwrap().write_plain(&person, &mut plain);
        assert_eq!(plain, "+77000000042 b7-1");
    }
}
