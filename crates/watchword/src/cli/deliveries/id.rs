//! A message's id as people give it: whole, or its beginning.

use std::fmt;

use uuid::Uuid;
use watchword_core::delivery::DeliveryId;

/// Digits of a whole id.
const WHOLE: usize = 32;
/// Digits that are asked for at least.
const LEAST: usize = 6;

/// The first digits of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct IdPrefix {
    given: String,
    digits: String,
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl IdPrefix {
    /// With or without the hyphens.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let digits: String = text.chars().filter(|character| *character != '-').collect();
        let fits = (LEAST..=WHOLE).contains(&digits.len());
        if !fits || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(
                "an id is 32 digits from 0 to f, as `watchword deliveries list` shows them; give 6 or more of the first ones",
            );
        }
        Ok(Self { given: text.to_owned(), digits })
    }

    /// A whole id.
    pub(super) fn whole(text: &str) -> Result<DeliveryId, &'static str> {
        let wrong = "an id is 32 digits from 0 to f, as `watchword deliveries list` shows them";
        Self::parse(text).ok().and_then(|id| id.whole_id()).ok_or(wrong)
    }

    /// The id, where all of it was given.
    pub(super) fn whole_id(&self) -> Option<DeliveryId> {
        (self.digits.len() == WHOLE).then(|| self.range().0)
    }

    /// The lowest id that begins so, and the lowest above all that do, if there is one.
    pub(super) fn range(&self) -> (DeliveryId, Option<DeliveryId>) {
        let id = |number| DeliveryId::from_uuid(Uuid::from_u128(number));
        // `parse` has seen to it that these are hex digits, 32 at most.
        let number = u128::from_str_radix(&self.digits, 16).unwrap_or_default();
        let missing = 4 * (WHOLE - self.digits.len()) as u32;
        let from = number << missing;
        let past = 1_u128.checked_shl(missing).and_then(|step| from.checked_add(step));
        (id(from), past.map(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> DeliveryId {
        DeliveryId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_beginning_stands_for_all_ids_that_begin_so() {
        let range = |text| IdPrefix::parse(text).unwrap().range();
        assert_eq!(range("019aa5"), (id(0x0001_9aa5 << 104), Some(id(0x0001_9aa6 << 104))));
        assert_eq!(range("019AA5bc-1"), (id(0x19aa_5bc1 << 92), Some(id(0x19aa_5bc2 << 92))));
        assert_eq!(range("ffffff"), (id(0xff_ffff << 104), None));
        let whole = "019aa5bc-1234-8765-9abc-0123456789ab";
        let number = 0x019a_a5bc_1234_8765_9abc_0123_4567_89ab;
        assert_eq!(range(whole), (id(number), Some(id(number + 1))));
        assert_eq!(IdPrefix::whole(whole), Ok(id(number)));
        assert_eq!(IdPrefix::parse(whole).unwrap().whole_id(), Some(id(number)));
        assert_eq!(IdPrefix::parse("019aa5").unwrap().whole_id(), None);
    }

    #[test]
    fn what_can_be_no_id_is_refused() {
        for wrong in ["", "019aa", "-----", "019aag", "0x19aa5", "+19aa5", &"0".repeat(33)] {
            assert!(IdPrefix::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(IdPrefix::whole("019aa5").is_err());
    }
}
