//! The keys that passcodes are digested and sealed under.
//!
//! Each master key yields one sub-key per purpose by HKDF-SHA-256 (RFC 5869). The first key of the ring seals; all of them
//! open and check. To rotate: add the new key second on every node, promote it to first, drop the old one after the
//! longest lifetime.

use std::fmt;

use chacha20poly1305::aead::{Aead, AeadInOut, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::address::{Channel, Target};
use crate::namespace::Namespace;
use crate::passcode::{KeyedDigest, Passcode, PasscodeDigest, Sealed};
use crate::ports::Random;
use crate::throttle::ThrottleKind;
use crate::verification::ExternalId;

pub use crate::key::{KeyId, SubjectKey};

/// What a passcode's digest is bound to.
#[derive(Clone, Copy, Debug)]
pub enum Binding<'a> {
    /// A verification found by the caller's own name.
    External(&'a ExternalId),
    /// A verification found by its target.
    Target(&'a Target),
    /// Any verification of a channel: the look-up digest.
    Channel(&'a Channel),
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Wrong checks of an address, in its canonical form, over all channels.
    Guesses(&'a str),
    /// Wrong checks of a verification that has no address yet.
    GuessesOf(&'a ExternalId),
    /// Missed look-ups by passcode on a channel.
    LookUps(&'a Channel),
    /// A request that may come twice, by what is the same both times.
    Request(&'a str),
    /// Messages of one channel, by IP address or by target exactly as given.
    Sends(ThrottleKind, &'a Channel, &'a str),
}

/// Which kind of secret a sealed copy holds. Part of what is authenticated, as is the row: a copy opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The passcode of a verification.
    Passcode,
    /// A message of the outbox.
    Message,
}

/// A key that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// No key at all.
    #[error("no key is given; a key is {KEY_BYTES} bytes in hex or base64")]
    Empty,
    /// The same key twice.
    #[error("key {0} is given twice; remove one of them")]
    Repeated(KeyId),
}

/// Why a sealed copy does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// It is under a key that this node does not have.
    #[error("it is sealed under key {0}, which this node does not have")]
    UnknownKey(KeyId),
    /// It is broken, or of another row.
    #[error("it is broken, or was moved from another row")]
    Damaged,
}

/// Bytes of a master key.
pub const KEY_BYTES: usize = 32;

const NONCE_BYTES: usize = 24;
const KEY_ID_BYTES: usize = 8;
const HEADER_BYTES: usize = KEY_ID_BYTES + NONCE_BYTES;
const TAG_BYTES: usize = 16;

/// All keys of this node. Each operation names the row it is for, so that nothing can be moved to another.
pub struct Keyring {
    keys: Vec<DerivedKeys>,
}

struct DerivedKeys {
    id: KeyId,
    // Keyed once; a clone per use saves two compressions.
    check: Hmac<Sha256>,
    lookup: Hmac<Sha256>,
    subject: Hmac<Sha256>,
    seal: XChaCha20Poly1305,
}

impl Keyring {
    /// A ring of master keys; the first one seals.
    ///
    /// # Errors
    /// No key, or one that is there twice.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a [u8; KEY_BYTES]>) -> Result<Self, KeyringError> {
        let mut ring: Vec<DerivedKeys> = Vec::new();
        for key in keys {
            let derived = DerivedKeys::new(key);
            if ring.iter().any(|other| other.id == derived.id) {
                return Err(KeyringError::Repeated(derived.id));
            }
            ring.push(derived);
        }
        if ring.is_empty() { Err(KeyringError::Empty) } else { Ok(Self { keys: ring }) }
    }

    /// The ids of its keys; the first one seals.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|key| key.id)
    }

    fn primary(&self) -> &DerivedKeys {
        // `new` refuses an empty ring.
        &self.keys[0]
    }

    /// The digest to store with a new passcode.
    pub fn digest(&self, namespace: &Namespace, binding: Binding<'_>, passcode: &Passcode) -> KeyedDigest {
        self.primary().digest(namespace, binding, passcode)
    }

    /// The digests to compare a guess with: one per key, for the row says which key it is under.
    pub fn digests(
        &self,
        namespace: &Namespace,
        binding: Binding<'_>,
        passcode: &Passcode,
    ) -> Vec<KeyedDigest> {
        self.keys.iter().map(|key| key.digest(namespace, binding, passcode)).collect()
    }

    /// The row that `subject` is counted in.
    pub fn subject(&self, namespace: &Namespace, subject: Subject<'_>) -> SubjectKey {
        self.primary().subject(namespace, subject)
    }

    /// The rows that `subject` may be counted in, one per key: for what must find them all, such as unlocking.
    pub fn subjects(&self, namespace: &Namespace, subject: Subject<'_>) -> Vec<SubjectKey> {
        self.keys.iter().map(|key| key.subject(namespace, subject)).collect()
    }

    /// Encrypts `plain` for one row.
    pub fn seal(
        &self,
        purpose: Purpose,
        namespace: &Namespace,
        row: &[u8; 16],
        plain: &[u8],
        random: &dyn Random,
    ) -> Sealed {
        let key = self.primary();
        let associated = associated_data(purpose, namespace, row);
        let mut sealed = Vec::with_capacity(HEADER_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(key.id.as_bytes());
        sealed.resize(HEADER_BYTES, 0);
        let nonce = &mut sealed[KEY_ID_BYTES..];
        random.fill(nonce);
        let mut whole = [0; NONCE_BYTES];
        whole.copy_from_slice(nonce);
        sealed.extend_from_slice(plain);
        let text = &mut sealed[HEADER_BYTES..];
        #[expect(clippy::expect_used, reason = "the cipher fails only past 256 GiB, and inputs are limited")]
        let tag = key
            .seal
            .encrypt_inout_detached(&XNonce::from(whole), &associated, text.into())
            .expect("a message below 256 GiB");
        sealed.extend_from_slice(&tag);
        Sealed::from_bytes(sealed)
    }

    /// Opens what [`Self::seal`] made for the same row.
    ///
    /// # Errors
    /// [`OpenError::UnknownKey`] when this node lacks the key; [`OpenError::Damaged`] when the copy is of another row or broken.
    pub fn open(
        &self,
        purpose: Purpose,
        namespace: &Namespace,
        row: &[u8; 16],
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (header, cipher_text) =
            sealed.as_bytes().split_at_checked(HEADER_BYTES).ok_or(OpenError::Damaged)?;
        let (id, nonce) = header.split_first_chunk::<KEY_ID_BYTES>().ok_or(OpenError::Damaged)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| OpenError::Damaged)?;
        let id = KeyId::from_bytes(*id);
        let key = self.keys.iter().find(|key| key.id == id).ok_or(OpenError::UnknownKey(id))?;
        let associated = associated_data(purpose, namespace, row);
        let payload = Payload { msg: cipher_text, aad: &associated };
        key.seal.decrypt(&XNonce::from(nonce), payload).map(Zeroizing::new).map_err(|_| OpenError::Damaged)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl DerivedKeys {
    fn new(master: &[u8; KEY_BYTES]) -> Self {
        let master = Hkdf::<Sha256>::new(None, master);
        let mut id = [0; 8];
        expand(&master, "watchword key id", &mut id);
        let mut seal = Zeroizing::new([0; KEY_BYTES]);
        expand(&master, "watchword seal", seal.as_mut_slice());
        Self {
            id: KeyId::from_bytes(id),
            check: hmac(&master, "watchword check digest"),
            lookup: hmac(&master, "watchword look-up digest"),
            subject: hmac(&master, "watchword subject"),
            seal: XChaCha20Poly1305::new((&*seal).into()),
        }
    }

    fn digest(&self, namespace: &Namespace, binding: Binding<'_>, passcode: &Passcode) -> KeyedDigest {
        let namespace = namespace.as_str();
        let code = passcode.expose();
        let bytes = match binding {
            Binding::External(id) => mac(&self.check, &["id", namespace, id.as_str(), code]),
            Binding::Target(target) => mac(
                &self.check,
                &["target", namespace, target.channel.as_str(), target.address.given(), code],
            ),
            Binding::Channel(channel) => mac(&self.lookup, &[namespace, channel.as_str(), code]),
        };
        KeyedDigest { key: self.id, digest: PasscodeDigest::from_bytes(bytes) }
    }

    fn subject(&self, namespace: &Namespace, subject: Subject<'_>) -> SubjectKey {
        let namespace = namespace.as_str();
        let bytes = match subject {
            Subject::Guesses(canonical) => mac(&self.subject, &["guesses", namespace, canonical]),
            Subject::GuessesOf(id) => mac(&self.subject, &["guesses of id", namespace, id.as_str()]),
            Subject::LookUps(channel) => mac(&self.subject, &["look-ups", namespace, channel.as_str()]),
            Subject::Request(key) => mac(&self.subject, &["request", namespace, key]),
            Subject::Sends(ThrottleKind::Ip, channel, ip) => {
                mac(&self.subject, &["sends by ip", namespace, channel.as_str(), ip])
            }
            Subject::Sends(ThrottleKind::Target, channel, to) => {
                mac(&self.subject, &["sends by target", namespace, channel.as_str(), to])
            }
        };
        let mut key = [0; 16];
        key.copy_from_slice(&bytes[..16]);
        SubjectKey::from_bytes(key)
    }
}

fn expand(master: &Hkdf<Sha256>, purpose: &str, output: &mut [u8]) {
    #[expect(clippy::expect_used, reason = "HKDF-SHA-256 yields up to 8,160 bytes; 32 are asked for")]
    master.expand(purpose.as_bytes(), output).expect("32 bytes or fewer");
}

fn hmac(master: &Hkdf<Sha256>, purpose: &str) -> Hmac<Sha256> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    expand(master, purpose, key.as_mut_slice());
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    Hmac::new_from_slice(key.as_slice()).expect("any length")
}

/// HMAC over the parts, each with its length before it: no two lists of parts give the same bytes.
fn mac(keyed: &Hmac<Sha256>, parts: &[&str]) -> [u8; 32] {
    let mut mac = keyed.clone();
    for part in parts {
        // Inputs are limited far below 4 GiB; four bytes each keep most of them within one block of the hash.
        mac.update(&(part.len() as u32).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

fn associated_data(purpose: Purpose, namespace: &Namespace, row: &[u8; 16]) -> Vec<u8> {
    let purpose: &[u8] = match purpose {
        Purpose::Passcode => b"passcode",
        Purpose::Message => b"message",
    };
    let mut data = Vec::with_capacity(64);
    for part in [purpose, namespace.as_str().as_bytes(), row] {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    struct Zeros;

    impl Random for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn ring(keys: &[u8]) -> Keyring {
        let keys: Vec<_> = keys.iter().map(|byte| [*byte; KEY_BYTES]).collect();
        Keyring::new(&keys).unwrap()
    }

    fn namespace(name: &str) -> Namespace {
        Namespace::new(name).unwrap()
    }

    fn code(text: &str) -> Passcode {
        Passcode::new(text).unwrap()
    }

    #[test]
    fn a_digest_holds_only_for_the_verification_it_was_made_for() {
        let ring = ring(&[1]);
        let target = |channel, address| Target {
            channel: Channel::new(channel).unwrap(),
            address: Address::new(address).unwrap(),
        };
        let (john, jane) = (ExternalId::new("john").unwrap(), ExternalId::new("jane").unwrap());
        let (sms, call) = (target("sms", "123"), target("call", "123"));
        let cases = [
            ring.digest(&namespace("a"), Binding::External(&john), &code("1")),
            ring.digest(&namespace("b"), Binding::External(&john), &code("1")),
            ring.digest(&namespace("a"), Binding::External(&jane), &code("1")),
            ring.digest(&namespace("a"), Binding::External(&john), &code("2")),
            ring.digest(&namespace("a"), Binding::Target(&sms), &code("1")),
            ring.digest(&namespace("a"), Binding::Target(&call), &code("1")),
            ring.digest(&namespace("a"), Binding::Channel(&sms.channel), &code("1")),
            // Parts that run together must not look alike.
            ring.digest(&namespace("a"), Binding::Target(&target("sms1", "23")), &code("1")),
        ];
        for (index, digest) in cases.iter().enumerate() {
            assert!(!cases[..index].contains(digest), "case {index}");
        }
        assert_eq!(cases[0], ring.digest(&namespace("a"), Binding::External(&john), &code("1")));
    }

    #[test]
    fn a_sealed_copy_opens_only_in_its_own_row() {
        let (ring, other) = (ring(&[1]), ring(&[2]));
        let (here, there) = (namespace("a"), namespace("b"));
        let sealed = ring.seal(Purpose::Passcode, &here, &[7; 16], b"123456", &Zeros);
        assert_eq!(ring.open(Purpose::Passcode, &here, &[7; 16], &sealed).unwrap().as_slice(), b"123456");
        for opened in [
            ring.open(Purpose::Message, &here, &[7; 16], &sealed),
            ring.open(Purpose::Passcode, &there, &[7; 16], &sealed),
            ring.open(Purpose::Passcode, &here, &[8; 16], &sealed),
            ring.open(
                Purpose::Passcode,
                &here,
                &[7; 16],
                &Sealed::from_bytes(sealed.as_bytes()[..40].to_vec()),
            ),
            ring.open(Purpose::Passcode, &here, &[7; 16], &Sealed::from_bytes(Vec::new())),
        ] {
            assert!(matches!(opened, Err(OpenError::Damaged)));
        }
        assert!(matches!(
            other.open(Purpose::Passcode, &here, &[7; 16], &sealed),
            Err(OpenError::UnknownKey(_))
        ));
    }

    #[test]
    fn rotation_keeps_old_rows_good_until_their_key_is_dropped() {
        let (before, added, promoted, dropped) = (ring(&[1]), ring(&[1, 2]), ring(&[2, 1]), ring(&[2]));
        let id = ExternalId::new("john").unwrap();
        let row = (namespace("a"), [7; 16]);
        let stored = before.digest(&row.0, Binding::External(&id), &code("123456"));
        let sealed = before.seal(Purpose::Passcode, &row.0, &row.1, b"123456", &Zeros);
        for ring in [&before, &added, &promoted] {
            assert!(ring.digests(&row.0, Binding::External(&id), &code("123456")).contains(&stored));
            assert!(ring.open(Purpose::Passcode, &row.0, &row.1, &sealed).is_ok());
        }
        assert!(dropped.ids().all(|key| key != stored.key));
        assert!(
            matches!(dropped.open(Purpose::Passcode, &row.0, &row.1, &sealed), Err(OpenError::UnknownKey(key)) if key == stored.key)
        );
    }

    #[test]
    fn a_ring_without_keys_or_with_one_twice_is_refused() {
        assert_eq!(Keyring::new([]).unwrap_err(), KeyringError::Empty);
        assert!(matches!(Keyring::new([&[1; 32], &[1; 32]]), Err(KeyringError::Repeated(_))));
    }

    #[test]
    fn a_key_has_the_same_fingerprint_on_every_node() {
        // Pinned: rows name their key by it.
        assert_eq!(ring(&[1]).ids().next().unwrap().to_string(), "6158bb78007f1c75");
    }
}
