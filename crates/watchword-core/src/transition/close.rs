//! Giving up and deleting.

use std::sync::Arc;

use crate::ports::DeleteOutcome;
use crate::time::Timestamp;
use crate::verification::{State, Verification};

/// What a store writes for a cancellation: these rows, their open deliveries canceled. Empty: there was nothing to cancel.
pub type CancelWrite = Vec<Arc<Verification>>;

/// Decides a cancellation, given the selected verifications, the newest first.
pub fn cancel(found: Vec<Verification>, now: Timestamp) -> CancelWrite {
    let live = found.into_iter().filter(|verification| verification.is_live(now));
    live.map(|verification| Arc::new(Verification { state: State::Canceled, ..verification })).collect()
}

/// Decides a deletion, given the newest selected verification. A deleted one's open deliveries are canceled.
///
/// One that was approved stays so when its attempts are used up since.
pub fn delete_if_approved(found: Option<Verification>, now: Timestamp) -> DeleteOutcome {
    match found.filter(|verification| verification.is_live(now)).map(Arc::new) {
        None => DeleteOutcome::Gone,
        Some(verification) if verification.state == State::Approved => DeleteOutcome::Deleted(verification),
        Some(verification) => DeleteOutcome::NotApproved(verification),
    }
}
