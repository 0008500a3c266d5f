//! What a bot is told.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a bot was told. Its `Debug` shows nothing that people wrote.
#[derive(Clone)]
pub struct Update {
    /// Its number. The same one may come twice.
    pub id: i64,
    /// The Bot API's `Update`, as a webhook gets it.
    pub json: String,
}

impl Update {
    /// `None`: it has no number, and is no update.
    pub(super) fn read(json: &RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        struct Numbered {
            update_id: i64,
        }
        let Numbered { update_id } = serde_json::from_str(json.get()).ok()?;
        Some(Self { id: update_id, json: json.get().to_owned() })
    }
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update").field("id", &self.id).finish_non_exhaustive()
    }
}
