//! Telephone numbers as services want them.

use std::borrow::Cow;

use serde::Deserialize;
use watchword_core::address::Address;

/// How a telephone number is written for a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneFormat {
    /// As it was given.
    #[default]
    AsGiven,
    /// `+` and digits: `+442070313000` (ITU-T E.164).
    E164,
    /// Digits only: `442070313000`.
    Digits,
}

/// What is wrong with a default country code, to be read after its setting's name.
pub(crate) const WRONG_CODE: &str = "must be `+` and up to four digits, like \"+44\"";

/// The number with its country: trimmed; with `+` as it is; `00…` becomes `+…`; anything else gets `default_code` before it
/// (wire contract of otpgateway, "Providers and config").
pub(crate) fn international<'a>(given: &'a str, default_code: &str) -> Cow<'a, str> {
    let given = given.trim();
    if given.starts_with('+') {
        return Cow::Borrowed(given);
    }
    match given.strip_prefix("00") {
        Some(rest) => Cow::Owned(format!("+{rest}")),
        None if default_code.is_empty() => Cow::Borrowed(given),
        None => Cow::Owned(format!("{default_code}{given}")),
    }
}

/// A default country code as `+` and digits; `None`: it is none. Empty stays empty: there is no default.
pub(crate) fn country_code(given: &str) -> Option<String> {
    let digits = given.strip_prefix('+').unwrap_or(given);
    let is_code = digits.len() <= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match given {
        "" => Some(String::new()),
        _ if is_code => Some(format!("+{digits}")),
        _ => None,
    }
}

/// The number in this format. `default_code` is one that [`country_code`] made.
///
/// Spaces and punctuation go, and so does the `(0)` of numbers whose country is known to write one. A number that does not
/// say its country, where there is no default, is sent as its digits.
pub(crate) fn formatted<'a>(given: &'a str, default_code: &str, format: PhoneFormat) -> Cow<'a, str> {
    if format == PhoneFormat::AsGiven {
        return Cow::Borrowed(given);
    }
    let number = international(given, default_code);
    let canonical = Address::new(&number).ok().map(|address| address.canonical());
    let known = canonical.as_deref().unwrap_or(&number);
    let plus = if format == PhoneFormat::E164 && known.starts_with('+') { "+" } else { "" };
    let digits = known.chars().filter(char::is_ascii_digit);
    Cow::Owned(plus.chars().chain(digits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_gets_its_country_as_the_contract_says() {
        for (given, code, expected) in [
            ("+91 98765 43210", "+44", "+91 98765 43210"),
            (" +919876543210 ", "+44", "+919876543210"),
            ("00919876543210", "+44", "+919876543210"),
            ("9876543210", "+91", "+919876543210"),
            ("9876543210", "91", "919876543210"),
            ("9876543210", "", "9876543210"),
            ("", "+91", "+91"),
        ] {
            assert_eq!(international(given, code), expected, "{given:?} {code:?}");
        }
    }

    #[test]
    fn a_number_is_written_as_the_service_wants_it() {
        use PhoneFormat::{AsGiven, Digits, E164};
        for (given, code, format, expected) in [
            ("+7 701 123-45-67", "", E164, "+77011234567"),
            ("+7 701 123-45-67", "", Digits, "77011234567"),
            ("+7 701 123-45-67", "", AsGiven, "+7 701 123-45-67"),
            ("+44 (0)20 7031 3000", "", E164, "+442070313000"),
            ("0044 20 7031 3000", "", Digits, "442070313000"),
            ("(987) 654-3210", "+91", E164, "+919876543210"),
            ("098765 43210", "+91", Digits, "919876543210"),
            ("77011234567", "", Digits, "77011234567"),
            ("77011234567", "", E164, "77011234567"),
            ("77011234567", "+", E164, "+77011234567"),
            // No country has these: the service may say no.
            ("+999 12 34", "", E164, "+9991234"),
            ("call me", "", Digits, ""),
        ] {
            assert_eq!(formatted(given, code, format), expected, "{given:?} {code:?} {format:?}");
        }
    }

    #[test]
    fn a_default_country_code_is_a_code() {
        for (given, expected) in [
            ("", Some("")),
            ("+", Some("+")),
            ("+91", Some("+91")),
            ("91", Some("+91")),
            ("1242", Some("+1242")),
            ("12420", None),
            ("IN", None),
            ("+ 91", None),
            ("٩١", None),
        ] {
            assert_eq!(country_code(given).as_deref(), expected, "{given:?}");
        }
    }
}
