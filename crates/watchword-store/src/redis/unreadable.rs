//! What can't be read in what Redis has.

use thiserror::Error;
use watchword_core::ports::StoreError;

/// A script answered something that it never should; or somebody else wrote our keys.
#[derive(Debug, Error)]
#[error("the store holds what can't be read: expected {0}")]
pub(super) struct Unreadable(pub(super) &'static str);

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        // What was to be done is done.
        Self::outcome_unknown(unreadable)
    }
}

pub(super) type Read<T> = Result<T, Unreadable>;
