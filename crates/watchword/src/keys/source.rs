//! Where the keys of a server come from.

use std::fmt;
use std::path::PathBuf;

use watchword_delivery::settings::Secret;

use super::MasterKeys;

/// Where the keys come from, and what opens a data key that the store may keep besides.
#[derive(Clone, Debug)]
pub struct KeySource {
    /// Where its own keys are.
    pub place: KeyPlace,
    /// The secrets that a data key in the store is wrapped under: those of the product that it stands in for. Empty: it opens none.
    pub secrets: Vec<Secret>,
}

/// Where a server's own keys are.
#[derive(Clone, Debug)]
pub enum KeyPlace {
    /// `WATCHWORD_KEY`.
    Environment(MasterKeys),
    /// A file, made at the first start.
    File(PathBuf),
    /// It has none, and uses the data key that the store keeps.
    Store,
}

impl KeySource {
    /// Whether both say where keys come from alike; which keys those are is another question.
    pub fn is_same_place(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (KeyPlace::File(one), KeyPlace::File(other)) => one == other,
            (KeyPlace::Environment(one), KeyPlace::Environment(other)) => one.ids() == other.ids(),
            (KeyPlace::Store, KeyPlace::Store) => true,
            _ => false,
        }
    }

    /// The secrets here that the other one does not have.
    pub(super) fn secrets_beyond(&self, other: &Self) -> Vec<Secret> {
        let is_new = |secret: &&Secret| !other.secrets.iter().any(|known| known.expose() == secret.expose());
        self.secrets.iter().filter(is_new).cloned().collect()
    }
}

impl From<KeyPlace> for KeySource {
    fn from(place: KeyPlace) -> Self {
        Self { place, secrets: Vec::new() }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            KeyPlace::Environment(_) => f.write_str("WATCHWORD_KEY"),
            KeyPlace::File(path) => write!(f, "the key file {}", path.display()),
            KeyPlace::Store => f.write_str("the data key in the store"),
        }
    }
}
