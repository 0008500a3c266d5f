//! The master keys: from the environment, or from a file that is made at the first start.
//!
//! A store remembers which keys its rows may be under. One whose keys are all missing is not touched: everything in it would
//! look like a wrong passcode, and a new key made in silence would hide that.
//!
//! A server that has none keeps a data key in the store, under secrets that it has anyway. One that is given a key later has the
//! data key last in its ring, until an operator ends it.

mod file;
pub mod rotation;
mod source;
mod wrapped;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;
use watchword_core::key_slot::KeySlot;
use watchword_core::keyring::{KEY_BYTES, KeyId, Keyring, KeyringError};
use watchword_core::ports::{Random, Store, StoreError};
use zeroize::Zeroizing;

pub use source::{KeyPlace, KeySource};
use wrapped::DataKey;

/// Both alphabets are told apart by their own characters; padding may be there.
const BASE64: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&base64::alphabet::STANDARD, ANY_PADDING),
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, ANY_PADDING),
];
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Keys as configured, at least one; the first one seals. Wiped when dropped; `Debug` shows none.
#[derive(Clone)]
pub struct MasterKeys(Vec<Zeroizing<[u8; KEY_BYTES]>>);

/// Text that holds no usable keys. It does not repeat them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyTextError {
    /// One of them is not of the right form.
    #[error("key {position} is not {KEY_BYTES} bytes in hex or base64; make one with: openssl rand -hex 32")]
    Form {
        /// Which, from 1.
        position: usize,
    },
    /// The ring can't be made of them.
    #[error(transparent)]
    Ring(#[from] KeyringError),
}

impl MasterKeys {
    /// Reads keys in hex or base64, separated by commas or line ends; what follows a `#` is a comment.
    ///
    /// # Errors
    /// None is there, one is of another form, or one is there twice.
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|word| !word.is_empty());
        let read = |(index, word)| key(word).ok_or(KeyTextError::Form { position: index + 1 });
        let keys = Self(words.enumerate().map(read).collect::<Result<_, _>>()?);
        keys.ring()?;
        Ok(keys)
    }

    fn ring(&self) -> Result<Keyring, KeyringError> {
        Keyring::new(self.0.iter().map(|key| &**key))
    }

    fn checked_ring(&self) -> Keyring {
        #[expect(clippy::expect_used, reason = "whoever made these keys has made a ring of them")]
        self.ring().expect("keys that were checked")
    }

    /// These, and the data key last.
    fn and(mut self, data_key: &DataKey) -> Self {
        if !self.ids().contains(&data_key.id()) {
            self.0.push(data_key.key.clone());
        }
        self
    }

    /// Their fingerprints, in their order.
    pub fn ids(&self) -> Vec<KeyId> {
        self.checked_ring().ids().collect()
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeys({})", self.0.len())
    }
}

fn key(word: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if word.len() == 2 * KEY_BYTES {
        for (byte, digits) in key.iter_mut().zip(word.as_bytes().chunks_exact(2)) {
            // `from_str_radix` would take a sign.
            let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        return Some(key);
    }
    BASE64.iter().find_map(|base64| {
        let bytes = Zeroizing::new(base64.decode(word).ok()?);
        (bytes.len() == KEY_BYTES).then(|| {
            key.copy_from_slice(&bytes);
            key.clone()
        })
    })
}

/// Why there are no keys to work with. Each text says what to do.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The store has rows under keys, and the file that should hold them is not there.
    #[error(
        "the key file {path} is missing, and the store has passcodes under {keys}: put the file back, set \
         WATCHWORD_KEY, or start with another store"
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The keys that the store knows.
        keys: KeyList,
    },
    /// None of the keys belongs to the store.
    #[error(
        "{source_name} has none of the keys of this store ({keys}): give back the one it was used with, or start with \
         another store"
    )]
    Foreign {
        /// Where our keys are from.
        source_name: String,
        /// The keys that the store knows.
        keys: KeyList,
    },
    /// Others may read the file.
    #[error(
        "the key file {path} is open to others (mode {mode:04o}): run `chmod 600 {path}`, and think about a new key"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file can't be read or written.
    #[error("the key file {path} can't be used ({source}): give it to the user that runs Watchword")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds no usable keys.
    #[error("the key file {path} can't be used: {source}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyTextError,
    },
    /// The store was used with keys of its operators', and none is given.
    #[error(
        "WATCHWORD_KEY is not set, and the store has passcodes under {keys}: set it to what the store was used with, or start with \
         another store"
    )]
    NotSet {
        /// The keys that the store knows.
        keys: KeyList,
    },
    /// The store has a data key, and no secret of ours opens it.
    #[error(
        "the store's data key opens under none of the secrets of this configuration: give back one that it was used with, or set \
         WATCHWORD_KEY and start with another store"
    )]
    NoSlotOpens,
    /// The store has a data key, and no secrets are given that could open it.
    #[error(
        "this store was used under --as without a key, and keeps a data key of its own: go on under --as with WATCHWORD_KEY set, \
         until `watchword keys rotate --drop` may end that one"
    )]
    KeepsDataKey,
    /// Nobody made one.
    #[error("there is no key yet: start the server once")]
    NoKeyYet,
    /// Work on them was broken off.
    #[error("the store's data key could not be opened in a way that is a mistake in Watchword; see the log")]
    Broken,
    /// The store can't say or learn which keys it has.
    #[error("the keys can't be compared with the store's: {0}")]
    Store(#[from] StoreError),
}

/// Fingerprints of keys, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyList(Vec<KeyId>);

impl fmt::Display for KeyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "key " } else { "keys " })?;
        for (index, key) in self.0.iter().enumerate() {
            write!(f, "{}{key}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// The keyring for this store. A key file or a data key is made where the store knows no key yet; the keys are registered there.
///
/// # Errors
/// See [`KeyError`]. The store is unchanged then.
pub async fn open(source: &KeySource, store: &dyn Store, random: &dyn Random) -> Result<Keyring, KeyError> {
    let found = Found::look(source, store, Some(random)).await?;
    let keys = found.keys.ok_or(KeyError::NoKeyYet)?;
    match (&found.data_key, &source.place) {
        (Some(data_key), place) => {
            data_key.add_missing(store, random).await?;
            if !matches!(place, KeyPlace::Store) {
                let id = data_key.id();
                tracing::warn!(
                    "the store still keeps the data key {id}, which the secrets of this configuration open: once nothing needs \
                     it, end it with `watchword keys rotate --drop {id}`"
                );
            }
        }
        (None, _) if found.is_shut => tracing::warn!(
            "the store keeps a data key that no secret of this configuration opens, so what is under it can't be read: end it \
             with `watchword keys prune`"
        ),
        (None, _) => {}
    }
    let new: Vec<KeyId> = keys.ids().into_iter().filter(|key| !found.known.contains(key)).collect();
    if !new.is_empty() {
        store.register_keys(new).await?;
    }
    Ok(keys.checked_ring())
}

/// The keyring for this store, for work beside its server: no key is made, none is registered.
///
/// # Errors
/// What [`open`] would fail with, and where no key was ever made.
pub async fn open_existing(source: &KeySource, store: &dyn Store) -> Result<Keyring, KeyError> {
    let keys = Found::look(source, store, None).await?.keys.ok_or(KeyError::NoKeyYet)?;
    Ok(keys.checked_ring())
}

/// Lets the secrets that `next` has beyond `held` open the store's data key, where it keeps one: before a server takes them up, so
/// that the next start can open it with them.
///
/// # Errors
/// No secret of either opens it and the server has no other key, or the store fails. Nothing changed.
pub async fn admit(
    held: &KeySource,
    next: &KeySource,
    store: &dyn Store,
    random: &dyn Random,
) -> Result<(), KeyError> {
    let new = next.secrets_beyond(held);
    if new.is_empty() {
        return Ok(());
    }
    let slots = store.key_slots().await?;
    if slots.is_empty() {
        return Ok(());
    }
    match wrapped::open(&new, &held.secrets, slots).await? {
        Some(data_key) => data_key.add_missing(store, random).await,
        None if matches!(held.place, KeyPlace::Store) => Err(KeyError::NoSlotOpens),
        None => Ok(()),
    }
}

/// The keys that there are, and those that a store has rows under.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Ours; the first one seals. None: the first start makes one.
    pub ours: Vec<KeyId>,
    /// Those that the store knows.
    pub known: Vec<KeyId>,
    /// The one of ours that the store keeps.
    pub data_key: Option<KeyId>,
    /// What the data key is wrapped in.
    pub slots: Vec<KeySlot>,
    /// Those of them that no secret of ours opens.
    pub unopened: Vec<KeySlot>,
}

/// Looks at the keys for this store. It makes and registers none.
///
/// # Errors
/// What [`open`] would fail with.
pub async fn survey(source: &KeySource, store: &dyn Store) -> Result<Survey, KeyError> {
    let found = Found::look(source, store, None).await?;
    let ours = found.keys.map(|keys| keys.ids()).unwrap_or_default();
    let (data_key, unopened) = match found.data_key {
        Some(data_key) => (Some(data_key.id()), data_key.unopened),
        None => (None, found.slots.clone()),
    };
    Ok(Survey { ours, known: found.known, data_key, slots: found.slots, unopened })
}

/// What there is before anything is changed.
struct Found {
    /// All of ours, the data key last. None: the first start makes one.
    keys: Option<MasterKeys>,
    known: Vec<KeyId>,
    data_key: Option<DataKey>,
    slots: Vec<KeySlot>,
    /// The store keeps a data key that nothing here opens.
    is_shut: bool,
}

impl Found {
    /// Where no key was ever made, one is with `random`.
    async fn look(
        source: &KeySource,
        store: &dyn Store,
        random: Option<&dyn Random>,
    ) -> Result<Self, KeyError> {
        // In this order: whoever makes a data key keeps it in slots before registering it.
        let known = store.keys().await?;
        let mut slots = store.key_slots().await?;
        let is_new = known.is_empty() && slots.is_empty();
        let own = match (&source.place, random) {
            (KeyPlace::Environment(keys), _) => Some(keys.clone()),
            (KeyPlace::File(path), Some(random)) => Some(file::from_file(path, &known, random)?),
            (KeyPlace::File(path), None) if is_new && !path.exists() => None,
            (KeyPlace::File(path), None) => Some(file::existing(path, &known)?),
            (KeyPlace::Store, _) => None,
        };
        let mut data_key = None;
        if let (true, KeyPlace::Store, Some(random)) = (is_new, &source.place, random) {
            data_key = wrapped::make(&source.secrets, store, random).await?;
            if data_key.is_none() {
                // Another server was first, and its key is the store's.
                slots = store.key_slots().await?;
            }
        }
        if data_key.is_none() && !slots.is_empty() {
            data_key = wrapped::open(&source.secrets, &[], slots.clone()).await?;
        }
        let is_shut = data_key.is_none() && !slots.is_empty();
        let has_own = own.is_some();
        let keys = match (own, &data_key) {
            (Some(own), Some(data_key)) => Some(own.and(data_key)),
            (None, Some(data_key)) => Some(data_key.as_keys()),
            (own, None) => own,
        };
        let ids = keys.as_ref().map(MasterKeys::ids).unwrap_or_default();
        let is_ours = known.is_empty() || ids.iter().any(|key| known.contains(key));
        if is_shut && !(has_own && is_ours) {
            return Err(shut(source));
        }
        if !is_ours {
            let keys = KeyList(known);
            let source_name = source.to_string();
            return Err(if has_own {
                KeyError::Foreign { source_name, keys }
            } else {
                KeyError::NotSet { keys }
            });
        }
        Ok(Self { keys, known, data_key, slots, is_shut })
    }
}

/// Why the data key stays shut.
fn shut(source: &KeySource) -> KeyError {
    if source.secrets.is_empty() { KeyError::KeepsDataKey } else { KeyError::NoSlotOpens }
}

impl FromStr for MasterKeys {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
