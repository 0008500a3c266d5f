use std::any::Any;
use std::fmt;
use std::sync::Arc;

use watchword_core::ports::Store;

/// A store with nothing in it, for one promise.
pub struct Fresh {
    /// The store.
    pub store: Arc<dyn Store>,
    /// How often each race is run.
    pub rounds: usize,
    // Dropped after the store.
    kept: Option<Box<dyn Any + Send + Sync>>,
}

impl Fresh {
    /// How often a race is run where nobody says otherwise; `WATCHWORD_RACE_ROUNDS` does.
    pub const ROUNDS: usize = 500;

    /// That store.
    ///
    /// # Panics
    /// `WATCHWORD_RACE_ROUNDS` is set and is no number.
    pub fn new(store: impl Store) -> Self {
        let rounds = std::env::var("WATCHWORD_RACE_ROUNDS").ok();
        let rounds = rounds.map_or(Self::ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
        Self { store: Arc::new(store), rounds, kept: None }
    }

    /// With another number of rounds for each race.
    #[must_use]
    pub fn with_rounds(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    /// Keeps something alive as long as the store, such as the folder it lives in.
    #[must_use]
    pub fn keeping(self, kept: impl Any + Send + Sync) -> Self {
        Self { kept: Some(Box::new(kept)), ..self }
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.is_some();
        f.debug_struct("Fresh").field("rounds", &self.rounds).field("kept", &kept).finish_non_exhaustive()
    }
}
