//! Rotating keys: a new one is added second, promoted to first once every node can read it, and the old one dropped once nothing
//! needs it. What stands in the file besides keys stays.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;
use watchword_core::keyring::KeyId;
use watchword_core::ports::Random;
use zeroize::Zeroizing;

use super::file::{MOST_FILE_BYTES, folder_of, hex, new_key, read_text};
use super::{KeyError, MasterKeys};

/// A key that nothing is under yet. Wiped when dropped; `Debug` shows its fingerprint.
pub struct NewKey {
    /// Its fingerprint.
    pub id: KeyId,
    word: Zeroizing<String>,
}

impl NewKey {
    /// Makes one.
    pub fn generate(random: &dyn Random) -> Self {
        let key = new_key(random);
        let word = hex(&key);
        Self { id: MasterKeys(vec![key]).ids()[0], word }
    }

    /// The key itself, in hex: for the operator who has to put it somewhere, and nobody else.
    pub fn expose(&self) -> &str {
        &self.word
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewKey({})", self.id)
    }
}

/// Why the keys are left as they are. Each text says what to do.
#[derive(Debug, Error)]
pub enum RotationError {
    /// One rotation at a time.
    #[error(
        "there is a second key already, {second}: `watchword keys rotate --promote` makes it the first, and \
         `watchword keys rotate --drop {second}` removes it"
    )]
    Underway {
        /// The second key.
        second: KeyId,
    },
    /// There is no key to promote.
    #[error("there is only one key, {first}: add one with `watchword keys rotate` first")]
    NoSecond {
        /// The only key.
        first: KeyId,
    },
    /// The first key seals: nothing could be sealed without.
    #[error(
        "{key} is the first key, which seals: promote another one first, with `watchword keys rotate --promote`"
    )]
    First {
        /// The first key.
        key: KeyId,
    },
    /// There is no such key.
    #[error("there is no key {key} in {place}: `watchword keys list` shows those there are")]
    NotThere {
        /// The one asked for.
        key: KeyId,
        /// Where it was looked for.
        place: String,
    },
    /// The file can't be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file can't be replaced. It is as it was.
    #[error(
        "the key file {path} can't be replaced ({source}), and stays as it is: run this as the user it belongs to"
    )]
    Replace {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A key file that is being changed. Nothing is written before [`Self::write`].
pub struct KeyFile {
    path: PathBuf,
    /// Comments before the first key, which are about the file.
    heading: Vec<Zeroizing<String>>,
    entries: Vec<Entry>,
    /// Comments after the last key.
    ending: Vec<Zeroizing<String>>,
}

/// A key, with what was written around it.
struct Entry {
    id: KeyId,
    /// Comments on lines before it.
    above: Vec<Zeroizing<String>>,
    word: Zeroizing<String>,
    /// The comment on its line.
    beside: Option<Zeroizing<String>>,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl KeyFile {
    /// Reads the file.
    ///
    /// # Errors
    /// It is not there, holds no usable keys, or others may read it.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.into(), source };
        // A link stays one; what it leads to is replaced.
        let path = path.canonicalize().map_err(failed)?;
        let text = read_text(&path, File::open(&path).map_err(failed)?)?;
        let content = |source| KeyError::Content { path: path.clone(), source };
        let ids = MasterKeys::parse(&text).map_err(content)?.ids();
        Ok(Self::parse(path.clone(), &text, &ids))
    }

    /// `ids` are those of the keys in the text, in their order.
    fn parse(path: PathBuf, text: &str, ids: &[KeyId]) -> Self {
        let mut ids = ids.iter();
        let mut file = Self { path, heading: Vec::new(), entries: Vec::new(), ending: Vec::new() };
        for line in text.lines() {
            let (keys, comment) =
                line.split_once('#').map_or((line, None), |(keys, comment)| (keys, Some(comment)));
            let words: Vec<&str> = keys.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
            if words.is_empty() {
                // It is about the key that comes next, if one does.
                file.ending.push(line.trim_end().to_owned().into());
                continue;
            }
            for (word, id) in words.into_iter().zip(&mut ids) {
                let mut above = std::mem::take(&mut file.ending);
                if file.entries.is_empty() {
                    file.heading = std::mem::take(&mut above);
                }
                file.entries.push(Entry { id: *id, above, word: word.to_owned().into(), beside: None });
            }
            if let (Some(comment), Some(last)) = (comment, file.entries.last_mut()) {
                last.beside = Some(comment.trim().to_owned().into());
            }
        }
        file
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keys in their order; the first one seals.
    pub fn ids(&self) -> Vec<KeyId> {
        self.entries.iter().map(|entry| entry.id).collect()
    }

    /// Puts a key second: it opens what others seal, and seals nothing yet.
    ///
    /// # Errors
    /// [`RotationError::Underway`].
    pub fn add(&mut self, key: NewKey, note: &str) -> Result<(), RotationError> {
        if let Some(second) = self.entries.get(1) {
            return Err(RotationError::Underway { second: second.id });
        }
        let above = vec![format!("# {note}").into()];
        let at = self.entries.len().min(1);
        self.entries.insert(at, Entry { id: key.id, above, word: key.word, beside: None });
        Ok(())
    }

    /// Makes the second key the first.
    ///
    /// # Errors
    /// [`RotationError::NoSecond`].
    pub fn promote(&mut self) -> Result<(), RotationError> {
        match &mut self.entries[..] {
            [first, second, ..] => std::mem::swap(first, second),
            [first] => return Err(RotationError::NoSecond { first: first.id }),
            // A file without a key is not read.
            [] => {}
        }
        Ok(())
    }

    /// Removes a key, with the comments that are about it.
    ///
    /// # Errors
    /// [`RotationError::First`], [`RotationError::NotThere`].
    pub fn remove(&mut self, key: KeyId) -> Result<(), RotationError> {
        match self.entries.iter().position(|entry| entry.id == key) {
            Some(0) => Err(RotationError::First { key }),
            Some(at) => {
                self.entries.remove(at);
                Ok(())
            }
            None => Err(RotationError::NotThere { key, place: self.path.display().to_string() }),
        }
    }

    fn text(&self) -> Zeroizing<String> {
        // A buffer that never grows leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * MOST_FILE_BYTES as usize));
        let mut line = |parts: [&str; 3]| {
            parts.iter().for_each(|part| text.push_str(part));
            text.push('\n');
        };
        self.heading.iter().for_each(|comment| line([comment, "", ""]));
        for Entry { above, word, beside, .. } in &self.entries {
            above.iter().for_each(|comment| line([comment, "", ""]));
            match beside {
                Some(beside) => line([word, " # ", beside]),
                None => line([word, "", ""]),
            }
        }
        self.ending.iter().for_each(|comment| line([comment, "", ""]));
        text
    }

    /// Puts it in place of the file: whole or not at all, with the same owner and mode.
    ///
    /// # Errors
    /// [`RotationError::Replace`].
    pub fn write(&self) -> Result<(), RotationError> {
        self.replace().map_err(|source| RotationError::Replace { path: self.path.clone(), source })
    }

    fn replace(&self) -> io::Result<()> {
        let folder = folder_of(&self.path);
        let about = fs::metadata(&self.path)?;
        let mut file = tempfile::Builder::new().prefix(".watchword-key-").tempfile_in(folder)?;
        file.write_all(self.text().as_bytes())?;
        // Done by root, it must still be the server's.
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt as _, fchown};
            fchown(file.as_file(), Some(about.uid()), Some(about.gid()))?;
        }
        file.as_file().set_permissions(about.permissions())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::random::OsRandom;

    /// A key that is easily told apart, in hex.
    fn word(number: u8) -> String {
        format!("{number:02x}").repeat(32)
    }

    fn id(number: u8) -> KeyId {
        MasterKeys::parse(&word(number)).unwrap().ids()[0]
    }

    /// `{1}` stands for the first key, and so on.
    fn with_keys(text: &str) -> String {
        (1..=9).fold(text.to_owned(), |text, number| text.replace(&format!("{{{number}}}"), &word(number)))
    }

    fn file(text: &str) -> (tempfile::TempDir, KeyFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watchword.key");
        fs::write(&path, with_keys(text)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let file = KeyFile::read(&path).unwrap();
        (folder, file)
    }

    fn key(number: u8) -> NewKey {
        NewKey { id: id(number), word: word(number).into() }
    }

    #[test]
    fn what_stands_around_the_keys_stays() {
        type Change = fn(&mut KeyFile) -> Result<(), RotationError>;
        let add: Change = |file| file.add(key(9), "added");
        let promote: Change = KeyFile::promote;
        let drop_second: Change = |file| file.remove(id(2));
        for (change, before, after) in [
            (add, "{1}", "{1}\n# added\n{9}\n"),
            (
                add,
                "# about the file\n\n{1} # of 2025\n# the end\n",
                "# about the file\n\n{1} # of 2025\n# added\n{9}\n# the end\n",
            ),
            (promote, "{1}\n# added\n{2}\n", "# added\n{2}\n{1}\n"),
            (
                promote,
                "# file\n{1} # old\n\n# new one\n{2}\n{3}",
                "# file\n\n# new one\n{2}\n{1} # old\n{3}\n",
            ),
            (promote, "{1},{2} # both\n", "{2} # both\n{1}\n"),
            (
                drop_second,
                "# file\n{1}\n# about the second\n{2} # old\n# the end\n",
                "# file\n{1}\n# the end\n",
            ),
            (drop_second, "{1}, {2},{3}\n", "{1}\n{3}\n"),
        ] {
            let (_folder, mut file) = file(before);
            change(&mut file).unwrap();
            file.write().unwrap();
            assert_eq!(fs::read_to_string(file.path()).unwrap(), with_keys(after), "{before:?}");
            assert_eq!(KeyFile::read(file.path()).unwrap().ids(), file.ids(), "{before:?}");
        }
    }

    #[test]
    fn a_step_out_of_turn_changes_nothing() {
        let refused = |text, change: fn(&mut KeyFile) -> Result<(), RotationError>| {
            let (_folder, mut file) = file(text);
            let before = file.ids();
            let error = change(&mut file).unwrap_err();
            assert_eq!(file.ids(), before, "{error}");
            error.to_string()
        };
        let underway = refused("{1}\n{2}", |file| file.add(key(9), "added"));
        assert!(underway.starts_with(&format!("there is a second key already, {}:", id(2))), "{underway}");
        let alone = refused("{1}", KeyFile::promote);
        assert!(alone.starts_with(&format!("there is only one key, {}:", id(1))), "{alone}");
        let first = refused("{1}\n{2}", |file| file.remove(id(1)));
        assert!(first.starts_with(&format!("{} is the first key, which seals:", id(1))), "{first}");
        let missing = refused("{1}\n{2}", |file| file.remove(id(3)));
        assert!(missing.starts_with(&format!("there is no key {} in ", id(3))), "{missing}");
    }

    #[test]
    fn the_file_keeps_its_mode_its_place_and_its_company() {
        let (folder, mut file) = file("{1}");
        let (path, link) = (file.path().to_owned(), folder.path().join("link.key"));
        symlink(&path, &link).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        file.add(NewKey::generate(&OsRandom), "added").unwrap();
        file.write().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o400);
        let mut through_link = KeyFile::read(&link).unwrap();
        assert_eq!(through_link.ids(), file.ids());
        through_link.promote().unwrap();
        through_link.write().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
    }

    #[test]
    fn no_debug_shows_a_key() {
        let key = NewKey::generate(&OsRandom);
        assert_eq!(format!("{key:?}"), format!("NewKey({})", key.id));
        assert_eq!(MasterKeys::parse(key.expose()).unwrap().ids(), [key.id]);
        let (_folder, file) = file("{1}");
        assert_eq!(format!("{file:?}"), format!("[KeyId({})]", id(1)));
    }
}
