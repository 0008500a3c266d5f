//! A data key that a store keeps for servers which have no key of their own, wrapped under secrets that they have anyway.
//!
//! One slot a secret; any of them opens the key. A slot is
//!
//! ```text
//! 1 (1 byte) · salt (16) · nonce (24) · the key, sealed by XChaCha20-Poly1305 (48)
//! ```
//!
//! and the sealing key is Argon2id(secret, salt), RFC 9106, with 19 MiB and 2 passes. All slots of a store share their salt, so
//! that a secret is stretched once, however many slots there are.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keyring::KEY_BYTES;
use crate::ports::Random;

const FORM: u8 = 1;
const SALT: usize = 16;
const NONCE: usize = 24;
const TAG: usize = 16;
const BYTES: usize = 1 + SALT + NONCE + KEY_BYTES + TAG;

/// Memory in KiB, and passes: what OWASP's password storage cheat sheet asks for at least.
const COST: (u32, u32) = (19 * 1_024, 2);

/// Says what is sealed, so that nothing else opens as a slot.
const ASSOCIATED: &[u8] = b"watchword data key";

/// A data key, wrapped under one secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeySlot([u8; BYTES]);

/// Bytes that are no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a slot of the store's data key is damaged, or was written by a newer version")]
pub struct DamagedSlot;

impl KeySlot {
    /// From a store.
    ///
    /// # Errors
    /// These bytes are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DamagedSlot> {
        let slot: [u8; BYTES] = bytes.try_into().map_err(|_| DamagedSlot)?;
        if slot[0] == FORM { Ok(Self(slot)) } else { Err(DamagedSlot) }
    }

    /// For a store.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What its secret is stretched with.
    pub fn salt(&self) -> Salt {
        let mut salt = [0; SALT];
        salt.copy_from_slice(&self.0[1..1 + SALT]);
        Salt(salt)
    }
}

impl fmt::Debug for KeySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySlot(…)")
    }
}

/// What secrets are stretched with, the same for all slots of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt([u8; SALT]);

impl Salt {
    /// A new one.
    pub fn generate(random: &dyn Random) -> Self {
        let mut salt = [0; SALT];
        random.fill(&mut salt);
        Self(salt)
    }
}

/// A secret, stretched: what slots are opened and made with. Making one takes some 30 ms and 19 MiB on purpose.
pub struct SlotKey {
    salt: Salt,
    key: Zeroizing<[u8; KEY_BYTES]>,
}

impl SlotKey {
    /// Stretches `secret`.
    pub fn new(secret: &[u8], salt: Salt) -> Self {
        let (memory, passes) = COST;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        #[expect(
            clippy::expect_used,
            reason = "the parameters are within RFC 9106's bounds, as is any secret's length here"
        )]
        Params::new(memory, passes, 1, Some(KEY_BYTES))
            .and_then(|cost| {
                Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
                    .hash_password_into(secret, &salt.0, &mut *key)
            })
            .expect("valid parameters");
        Self { salt, key }
    }

    /// Wraps `data_key`.
    pub fn wrap(&self, data_key: &[u8; KEY_BYTES], random: &dyn Random) -> KeySlot {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let payload = Payload { msg: data_key, aad: ASSOCIATED };
        #[expect(clippy::expect_used, reason = "the cipher refuses only messages of many gigabytes")]
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).expect("32 bytes are sealed");
        let mut slot = [0; BYTES];
        slot[0] = FORM;
        slot[1..1 + SALT].copy_from_slice(&self.salt.0);
        slot[1 + SALT..1 + SALT + NONCE].copy_from_slice(&nonce);
        slot[1 + SALT + NONCE..].copy_from_slice(&sealed);
        KeySlot(slot)
    }

    /// The data key, where this slot was made with the same secret.
    pub fn open(&self, slot: &KeySlot) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&slot.0[1 + SALT..1 + SALT + NONCE]);
        let payload = Payload { msg: &slot.0[1 + SALT + NONCE..], aad: ASSOCIATED };
        let opened = Zeroizing::new(self.cipher().decrypt(&XNonce::from(nonce), payload).ok()?);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        // A sealed copy of that length opens to a key's length.
        key.copy_from_slice(opened.get(..KEY_BYTES)?);
        (slot.salt() == self.salt).then_some(key)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.key).into())
    }
}

impl fmt::Debug for SlotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlotKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    #[test]
    fn a_data_key_opens_under_its_secret_and_no_other() {
        let random = Counting(1.into());
        let salt = Salt::generate(&random);
        let (ours, other) = (SlotKey::new(b"hunter2", salt), SlotKey::new(b"hunter3", salt));
        let slot = ours.wrap(&[7; KEY_BYTES], &random);
        let stored = KeySlot::from_bytes(slot.as_bytes()).unwrap();
        assert_eq!(ours.open(&stored).as_deref(), Some(&[7; KEY_BYTES]));
        assert!(other.open(&stored).is_none());
        assert_eq!(stored.salt(), salt);

        let mut bent = slot.as_bytes().to_vec();
        bent[60] ^= 1;
        assert!(ours.open(&KeySlot::from_bytes(&bent).unwrap()).is_none());
        for bytes in [&b""[..], &slot.as_bytes()[1..], &[&[2][..], &slot.as_bytes()[1..]].concat()] {
            assert_eq!(KeySlot::from_bytes(bytes), Err(DamagedSlot));
        }
    }

    #[test]
    fn nothing_shows_in_debug() {
        let random = Counting(1.into());
        let key = SlotKey::new(b"hunter2", Salt::generate(&random));
        let shown = format!("{key:?} {:?}", key.wrap(&[7; KEY_BYTES], &random));
        assert_eq!(shown, "SlotKey(…) KeySlot(…)");
    }
}
