//! Which addresses a provider takes (wire contract of otpgateway, "API").

use email_address::{EmailAddress, Options};

/// What an address must look like. Whether it exists, only a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressRule {
    /// A mailbox, `local@domain` (RFC 5322 addr-spec, non-ASCII letters included). No display name: `Ann <ann@example.com>` is
    /// refused, for what is shown back and sent to is this text itself.
    Email,
    /// A telephone number: somewhere in it are 8 to 15 digits in a row (E.164 has at most 15).
    Phone,
    /// Anything: account numbers, chat names.
    Any,
}

impl AddressRule {
    /// What is wrong with `to`; `None`: nothing.
    pub(super) fn problem(self, to: &str) -> Option<&'static str> {
        match self {
            Self::Email => {
                let options = Options::default().without_display_text();
                EmailAddress::parse_with_options(to, options).is_err().then_some("invalid e-mail address")
            }
            Self::Phone => {
                let mut runs = to.split(|character: char| !character.is_ascii_digit());
                let found = runs.any(|run| (8..=15).contains(&run.len()));
                (!found).then_some("invalid mobile number")
            }
            Self::Any => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_one_mailbox() {
        for good in [
            "john@doe.com",
            "john.doe+tag@mail.example.org",
            "john@localhost",
            "o'brien@example.com",
            "\"john doe\"@example.com",
            "жанна@пример.рф",
            "root@[127.0.0.1]",
        ] {
            assert_eq!(AddressRule::Email.problem(good), None, "{good}");
        }
        let long = format!("{}@example.com", "x".repeat(65));
        for bad in [
            "",
            "john",
            "@doe.com",
            "john@",
            "john@@doe.com",
            "john@doe..com",
            ".john@doe.com",
            "john@-doe.com",
            "john doe@example.com",
            "a@example.com,b@example.com",
            "a@example.com, b@example.com",
            "<john@doe.com>",
            "John Doe <john@doe.com>",
            "john@doe.com ",
            long.as_str(),
        ] {
            assert_eq!(AddressRule::Email.problem(bad), Some("invalid e-mail address"), "{bad:?}");
        }
    }

    #[test]
    fn a_telephone_number_has_8_to_15_digits_in_a_row() {
        for good in ["12345678", "+77011234567", "0091 9876543210", "tel:123456789012345"] {
            assert_eq!(AddressRule::Phone.problem(good), None, "{good}");
        }
        for bad in ["", "1234567", "1234567890123456", "12-34-56-78", "abcdefgh", "१२३४५६७८९०"]
        {
            assert_eq!(AddressRule::Phone.problem(bad), Some("invalid mobile number"), "{bad}");
        }
    }

    #[test]
    fn other_providers_take_any_address() {
        assert_eq!(AddressRule::Any.problem("account 42"), None);
    }
}
