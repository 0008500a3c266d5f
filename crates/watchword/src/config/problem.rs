//! What is wrong with a configuration, in words that say where and what to do.

use std::fmt;
use std::sync::Arc;

use super::tree::Origin;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it was made; `None` in `line` where the whole file is meant.
    place: Place,
    /// The setting, with dots; empty where none is meant.
    key: String,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    File(Arc<str>),
    Set(Origin),
}

impl Problem {
    pub(super) fn new(origin: Origin, key: String, text: String) -> Self {
        Self { place: Place::Set(origin), key, text }
    }

    pub(super) fn of_file(path: Arc<str>, line: Option<usize>, text: String) -> Self {
        let place = match line {
            Some(line) => Place::Set(Origin::File { path, line }),
            None => Place::File(path),
        };
        Self { place, key: String::new(), text }
    }
}

impl Problem {
    /// The setting, with dots; empty where none is meant.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn is_at(&self, origin: &Origin) -> bool {
        matches!(&self.place, Place::Set(place) if place == origin)
    }

    /// Whether it is about this section, or something in it.
    pub(super) fn is_in(&self, section: &str) -> bool {
        self.key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The same about a setting of this name.
    pub(super) fn named(self, key: String) -> Self {
        Self { key, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path) => write!(f, "{path}: ")?,
            // Nobody set it: there is no place to point to.
            Place::Set(Origin::BuiltIn) => {}
            Place::Set(origin) => write!(f, "{origin}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

/// Everything that is wrong with a configuration, at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<Problem>);

impl ConfigError {
    /// In the order in which a person finds them in the files. Must not be empty.
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort();
        // One value of an original's may stand for several settings of ours.
        problems.dedup();
        Self(problems)
    }

    /// Each mistake.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [only] => write!(f, "{only}"),
            all => {
                write!(f, "the configuration has {} mistakes:", all.len())?;
                all.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// The known name that is most like `name`, if any is much like it. Upper and lower case are alike.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&name, &known.to_ascii_lowercase());
    let (likeness, nearest) = known
        .iter()
        .map(|known| (likeness(known), *known))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness >= 0.6).then_some(nearest)
}

/// A path as it is written in a file: `namespaces."a b".secret`.
pub(super) fn dotted<S: AsRef<str>>(path: &[S]) -> String {
    let is_bare = |key: &str| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let keys = path.iter().map(|key| match key.as_ref() {
        key if is_bare(key) => key.to_owned(),
        key => format!("{key:?}"),
    });
    keys.collect::<Vec<_>>().join(".")
}
