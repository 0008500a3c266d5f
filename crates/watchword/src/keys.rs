//! The master keys: from the environment, or from a file that is made at the first start.
//!
//! A store remembers which keys its rows may be under. One whose keys are all missing is not touched: everything in it would
//! look like a wrong passcode, and a new key made in silence would hide that.

pub mod rotation;
mod wrapped;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;
use watchword_core::keyring::{KEY_BYTES, KeyId, Keyring, KeyringError};
use watchword_core::ports::{Random, Store, StoreError};
use watchword_delivery::settings::Secret;
use zeroize::Zeroizing;

/// A key file larger than this holds something else.
const MOST_FILE_BYTES: u64 = 64 * 1_024;

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

/// Where the keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// `WATCHWORD_KEY`.
    Environment(MasterKeys),
    /// A file, made at the first start.
    File(PathBuf),
    /// The store, under secrets that its servers have anyway: for those that have no key of their own.
    Wrapped(Vec<Secret>),
}

impl KeySource {
    /// Whether both say where keys come from alike; which keys those are is another question.
    pub fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Environment(one), Self::Environment(other)) => one.ids() == other.ids(),
            (Self::Wrapped(_), Self::Wrapped(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(_) => f.write_str("WATCHWORD_KEY"),
            Self::File(path) => write!(f, "the key file {}", path.display()),
            Self::Wrapped(_) => f.write_str("the data key in the store"),
        }
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
    /// The store has no data key.
    #[error("the store has no data key yet: start the server once")]
    NoDataKey,
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

/// The keyring for this store. A key file is made where the store knows no key yet; the keys are registered there.
///
/// # Errors
/// See [`KeyError`]. The store is unchanged then.
pub async fn open(source: &KeySource, store: &dyn Store, random: &dyn Random) -> Result<Keyring, KeyError> {
    let known = store.keys().await?;
    let keys = match source {
        KeySource::Environment(keys) => keys.clone(),
        KeySource::File(path) => from_file(path, &known, random)?,
        KeySource::Wrapped(secrets) => wrapped::data_key(secrets, store, &known, Some(random)).await?,
    };
    let ring = keys.checked_ring();
    let ours: Vec<KeyId> = ring.ids().collect();
    belong(source, &ours, &known)?;
    let new: Vec<KeyId> = ours.into_iter().filter(|key| !known.contains(key)).collect();
    if !new.is_empty() {
        store.register_keys(new).await?;
    }
    Ok(ring)
}

/// The keyring for this store, for work beside its server: no key is made, none is registered.
///
/// # Errors
/// What [`open`] would fail with, and where no key was ever made.
pub async fn open_existing(source: &KeySource, store: &dyn Store) -> Result<Keyring, KeyError> {
    let known = store.keys().await?;
    let keys = match source {
        KeySource::Environment(keys) => keys.clone(),
        KeySource::File(path) => existing(path, &known)?,
        KeySource::Wrapped(secrets) => wrapped::data_key(secrets, store, &known, None).await?,
    };
    belong(source, &keys.ids(), &known)?;
    Ok(keys.checked_ring())
}

/// The keys that there are, and those that a store has rows under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Ours; the first one seals. None: the first start makes one.
    pub ours: Vec<KeyId>,
    /// Those that the store knows.
    pub known: Vec<KeyId>,
}

/// Looks at the keys for this store. It makes and registers none.
///
/// # Errors
/// What [`open`] would fail with.
pub async fn survey(source: &KeySource, store: &dyn Store) -> Result<Survey, KeyError> {
    let known = store.keys().await?;
    let keys = match source {
        KeySource::Environment(keys) => keys.clone(),
        KeySource::File(path) if known.is_empty() && !path.exists() => {
            return Ok(Survey { ours: Vec::new(), known });
        }
        KeySource::File(path) => existing(path, &known)?,
        KeySource::Wrapped(_) if known.is_empty() && store.key_slots().await?.is_empty() => {
            return Ok(Survey { ours: Vec::new(), known });
        }
        KeySource::Wrapped(secrets) => wrapped::data_key(secrets, store, &known, None).await?,
    };
    let ours = keys.ids();
    belong(source, &ours, &known)?;
    Ok(Survey { ours, known })
}

/// # Errors
/// None of our keys is one of the store's.
fn belong(source: &KeySource, ours: &[KeyId], known: &[KeyId]) -> Result<(), KeyError> {
    if known.is_empty() || ours.iter().any(|key| known.contains(key)) {
        return Ok(());
    }
    Err(KeyError::Foreign { source_name: source.to_string(), keys: KeyList(known.to_vec()) })
}

fn from_file(path: &Path, known: &[KeyId], random: &dyn Random) -> Result<MasterKeys, KeyError> {
    if known.is_empty() && !path.exists() {
        return create(path, random).map_err(|source| KeyError::File { path: path.into(), source });
    }
    existing(path, known)
}

fn existing(path: &Path, known: &[KeyId]) -> Result<MasterKeys, KeyError> {
    match File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(KeyError::Missing { path: path.into(), keys: KeyList(known.to_vec()) })
        }
        Err(source) => Err(KeyError::File { path: path.into(), source }),
    }
}

fn read(path: &Path, file: File) -> Result<MasterKeys, KeyError> {
    let text = read_text(path, file)?;
    MasterKeys::from_str(&text).map_err(|source| KeyError::Content { path: path.into(), source })
}

/// The whole file, if nobody else may read it.
fn read_text(path: &Path, file: File) -> Result<Zeroizing<String>, KeyError> {
    let failed = |source| KeyError::File { path: path.into(), source };
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(failed(io::Error::other("it is not a file")));
    }
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.into(), mode });
        }
    }
    if about.len() > MOST_FILE_BYTES {
        return Err(failed(io::Error::other("it is too large to hold keys")));
    }
    // A buffer that never grows leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(MOST_FILE_BYTES as usize));
    file.take(MOST_FILE_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

impl FromStr for MasterKeys {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        Self::parse(text)
    }
}

/// Makes the file with a new key: whole or not at all, for the owner only, and never over another.
fn create(path: &Path, random: &dyn Random) -> io::Result<MasterKeys> {
    let folder = folder_of(path);
    let key = new_key(random);
    let mut text = Zeroizing::new(String::with_capacity(256));
    text.push_str(
        "# Passcodes are sealed under the first key here. Keep it secret, and keep a copy apart from the store.\n",
    );
    text.push_str(&hex(&key));
    text.push('\n');
    // `tempfile` makes its files with O_EXCL and 0600; a link to the final name fails where that is taken.
    let mut file = tempfile::Builder::new().prefix(".watchword-key-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    OpenOptions::new().read(true).open(folder)?.sync_all()?;
    Ok(MasterKeys(vec![key]))
}

fn new_key(random: &dyn Random) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    random.fill(&mut *key);
    key
}

fn hex(key: &[u8; KEY_BYTES]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES));
    for byte in key {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
