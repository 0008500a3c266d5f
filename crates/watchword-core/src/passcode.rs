//! Passcodes: made without bias, compared as keyed digests, never shown.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::input::InvalidInput;
use crate::key::KeyId;
use crate::ports::Random;

/// A one-time passcode in the clear: an opaque string, for callers may bring their own.
///
/// It is wiped when dropped and has no readable `Debug`; [`Self::expose`] is the only way to see it.
#[derive(Clone)]
pub struct Passcode(Zeroizing<String>);

impl Passcode {
    /// The most bytes a passcode may have.
    pub const MAX_BYTES: usize = 1_024;

    /// # Errors
    /// Empty, or longer than [`Self::MAX_BYTES`].
    pub fn new(code: &str) -> Result<Self, InvalidInput> {
        if code.is_empty() {
            return Err(InvalidInput::TooShort { field: "otp", min: 1 });
        }
        if code.len() > Self::MAX_BYTES {
            return Err(InvalidInput::TooLong { field: "otp", max: Self::MAX_BYTES });
        }
        Ok(Self(Zeroizing::new(code.to_owned())))
    }

    /// A new one of `length` decimal digits, each equally likely.
    pub fn generate_digits(length: usize, random: &dyn Random) -> Self {
        Self(Zeroizing::new(random_text(b"0123456789", length, random)))
    }

    /// The code itself. Only for messages, replies to their owner, and digests.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passcode(…)")
    }
}

/// `length` characters of `alphabet` (ASCII, at most 256), each equally likely.
pub fn random_text(alphabet: &[u8], length: usize, random: &dyn Random) -> String {
    // Bytes past the last whole multiple are thrown away: a remainder would favour the first characters.
    let usable = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    let mut bytes = Zeroizing::new([0; 16]);
    while text.len() < length {
        random.fill(bytes.as_mut_slice());
        let missing = length - text.len();
        let fair = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < usable);
        text.extend(fair.take(missing).map(|byte| char::from(alphabet[byte % alphabet.len()])));
    }
    text
}

/// The keyed digest of a passcode, bound to the verification it belongs to.
#[derive(Clone, Copy)]
pub struct PasscodeDigest([u8; 32]);

impl PasscodeDigest {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for a store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In constant time.
impl PartialEq for PasscodeDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PasscodeDigest {}

impl fmt::Debug for PasscodeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasscodeDigest(…)")
    }
}

/// A digest and the key it was made under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedDigest {
    /// Which key.
    pub key: KeyId,
    /// The digest.
    pub digest: PasscodeDigest,
}

/// A secret encrypted for one row of the store: key id, nonce, ciphertext. Opened by [`Keyring::open`](crate::keyring::Keyring::open).
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// An encrypted passcode.
pub type SealedPasscode = Sealed;

impl Sealed {
    /// From its bytes.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes, for a store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key that it is under; `None` when it is too short to be sealed at all.
    pub fn key(&self) -> Option<KeyId> {
        self.0.first_chunk().copied().map(KeyId::from_bytes)
    }

    /// Its bytes, for a store.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// What a store keeps of a passcode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPasscode {
    /// What a check is compared with.
    pub check: KeyedDigest,
    /// What a look-up by passcode finds it by, where the dialect has such a look-up. Weaker: not bound to a target.
    pub lookup: Option<PasscodeDigest>,
    /// The passcode itself, sealed, where the dialect gives it back.
    pub sealed: Option<SealedPasscode>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up through all byte values, so that each is drawn equally often.
    struct EveryByte(std::sync::atomic::AtomicU8);

    impl Random for EveryByte {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn every_digit_and_letter_is_equally_likely() {
        for (alphabet, length) in [
            (&b"0123456789"[..], 250),
            (b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 248),
        ] {
            // One pass over all 256 byte values yields each character the same number of times.
            let text = random_text(alphabet, length, &EveryByte(0.into()));
            let expected = length / alphabet.len();
            for character in alphabet {
                assert_eq!(
                    text.bytes().filter(|byte| byte == character).count(),
                    expected,
                    "{}",
                    char::from(*character)
                );
            }
        }
    }

    #[test]
    fn a_passcode_has_no_readable_debug() {
        let code = Passcode::new("314159").unwrap();
        assert!(!format!("{code:?} {:?}", Sealed::from_bytes(b"314159".to_vec())).contains("314159"));
    }

    #[test]
    fn an_empty_or_endless_passcode_is_refused() {
        assert!(Passcode::new("").is_err());
        assert!(Passcode::new(&"1".repeat(1_025)).is_err());
    }
}
