//! Addresses: where a message goes, how it is counted, how it is shown in a log.

use std::fmt;
use std::sync::Arc;

use crate::input::InvalidInput;
use crate::input::{name_type, valid_line};

name_type! {
    /// The medium of a message: `sms`, `call`, `email`, `telegram`, `whatsapp`, or a webhook's own name.
    Channel, "channel", 64
}

/// Where a message goes, as the caller gave it. 1 to 320 bytes without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Arc<str>);

impl Address {
    /// The most bytes an address may have (RFC 5321: 64 for the local part, 255 for the domain, and the `@`).
    pub const MAX_BYTES: usize = 320;

    /// # Errors
    /// Empty, longer than [`Self::MAX_BYTES`], or with control characters.
    pub fn new(given: &str) -> Result<Self, InvalidInput> {
        valid_line("to", given, 1, Self::MAX_BYTES)?;
        Ok(Self(given.into()))
    }

    /// As given: what is sent to and shown back.
    pub fn given(&self) -> &str {
        &self.0
    }

    /// The form that limits are counted under, so that other spellings of one address don't start afresh: a mailbox with
    /// its domain in lower-case ASCII (IDNA), a telephone number in E.164 where it says its country, else as given, trimmed.
    pub fn canonical(&self) -> String {
        let given = self.0.trim();
        if let Some((local, domain)) = given.rsplit_once('@') {
            let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase());
            return format!("{local}@{domain}");
        }
        e164(given).unwrap_or_else(|| given.to_owned())
    }

    /// Enough to recognise it by in a log, not enough to write to it.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// E.164 of a number that begins with `+` or `00`; anything else does not say its country.
fn e164(given: &str) -> Option<String> {
    let international = match given.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => given.to_owned(),
    };
    if !international.starts_with('+') {
        return None;
    }
    let number: rlibphonenumber::PhoneNumber = international.parse().ok()?;
    let formatted =
        rlibphonenumber::PHONE_NUMBER_UTIL.format(&number, rlibphonenumber::PhoneNumberFormat::E164);
    Some(formatted.into_owned())
}

/// `j…@e….com` of a mailbox, `+7…89` of anything else: first and last characters only.
fn mask(text: &str) -> String {
    fn first(text: &str) -> &str {
        text.char_indices().nth(1).map_or(text, |(end, _)| &text[..end])
    }
    if let Some((local, domain)) = text.rsplit_once('@') {
        let ending = domain.rsplit_once('.').map_or("", |(_, ending)| ending);
        return format!("{}…@{}….{ending}", first(local), first(domain));
    }
    let characters: Vec<char> = text.chars().collect();
    if characters.len() < 8 {
        return "…".to_owned();
    }
    let (head, tail) = (&characters[..2], &characters[characters.len() - 2..]);
    format!("{}…{}", String::from_iter(head), String::from_iter(tail))
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// A channel and an address on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The medium.
    pub channel: Channel,
    /// Where on it.
    pub address: Address,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_counted_as_one() {
        for (given, canonical) in [
            ("john@Example.COM", "john@example.com"),
            ("John@example.com", "John@example.com"),
            ("ann@bücher.example", "ann@xn--bcher-kva.example"),
            ("+44 (0)20 7031 3000", "+442070313000"),
            ("0044 20 7031 3000", "+442070313000"),
            ("+442070313000", "+442070313000"),
            ("77011234567", "77011234567"),
            (" 1234567890 ", "1234567890"),
            ("account 42", "account 42"),
        ] {
            assert_eq!(Address::new(given).unwrap().canonical(), canonical, "{given}");
        }
    }

    #[test]
    fn a_log_shows_no_whole_address() {
        for (given, masked) in [
            ("john@example.com", "j…@e….com"),
            ("j@x", "j…@x…."),
            ("+77011234567", "+7…67"),
            ("1234567", "…"),
            ("жанна@пример.рф", "ж…@п….рф"),
        ] {
            assert_eq!(format!("{:?}", Address::new(given).unwrap()), masked);
        }
    }

    #[test]
    fn an_address_is_one_short_line() {
        for bad in ["", "a@b.c\r\nBcc: x@y.z", "a\u{0}b", "a\u{85}b"] {
            assert!(Address::new(bad).is_err(), "{bad:?}");
        }
        assert!(Address::new(&"x".repeat(321)).is_err());
    }
}
