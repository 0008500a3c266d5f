//! What the engine and the dispatcher work with.

use std::sync::Arc;

use crate::keyring::Keyring;
use crate::ports::{Clock, Observer, Random, Store, Tasks};

/// What the engine and the dispatcher work with.
#[derive(Clone)]
pub struct Parts {
    /// Keeps the state.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Background work.
    pub tasks: Arc<dyn Tasks>,
    /// Is told what happens.
    pub observer: Arc<dyn Observer>,
    /// The keys.
    pub keyring: Arc<Keyring>,
}
