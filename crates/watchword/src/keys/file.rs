//! The file that keys stand in: read only where nobody else can, made by the first start.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::str::FromStr as _;

use watchword_core::keyring::{KEY_BYTES, KeyId};
use watchword_core::ports::Random;
use zeroize::Zeroizing;

use super::{KeyError, KeyList, MasterKeys};

/// A key file larger than this holds something else.
pub(super) const MOST_FILE_BYTES: u64 = 64 * 1_024;

/// The keys in this file, which is made where the store knows no key.
pub(super) fn from_file(path: &Path, known: &[KeyId], random: &dyn Random) -> Result<MasterKeys, KeyError> {
    if known.is_empty() && !path.exists() {
        return create(path, random).map_err(|source| KeyError::File { path: path.into(), source });
    }
    existing(path, known)
}

/// The keys in this file.
pub(super) fn existing(path: &Path, known: &[KeyId]) -> Result<MasterKeys, KeyError> {
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
pub(super) fn read_text(path: &Path, file: File) -> Result<Zeroizing<String>, KeyError> {
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

/// One that was never seen.
pub(super) fn new_key(random: &dyn Random) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    random.fill(&mut *key);
    key
}

/// How it is written down.
pub(super) fn hex(key: &[u8; KEY_BYTES]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES));
    for byte in key {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

/// Where a file with this name is.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
