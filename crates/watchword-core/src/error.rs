//! Every way the domain says no. Dialects translate each one on purpose: see `docs/errors.md`.

use std::sync::Arc;

use thiserror::Error;

pub use crate::input::InvalidInput;
use crate::key::KeyId;
use crate::keyring::OpenError;
use crate::ports::StoreError;
use crate::throttle::ThrottleKind;
use crate::time::Timestamp;
use crate::verification::Verification;

/// Why the domain refused a request. One list for all dialects; each has its own words for them.
///
/// A new variant breaks every dialect's `error.rs` until it has decided what to answer.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// Input that can't be taken.
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),
    /// No live verification by that name.
    #[error("there is no such verification")]
    Gone,
    /// A live one stands in the way.
    #[error("a verification of that name is live already")]
    Exists(Arc<Verification>),
    /// The passcode is wrong; the check was counted.
    #[error("the passcode is wrong")]
    Wrong(Arc<Verification>),
    /// The passcode was right once, and is used up; the check was not counted.
    #[error("the passcode was used before")]
    Used(Arc<Verification>),
    /// Its attempts or sends are used up.
    #[error("the attempts of this verification are used up")]
    Locked(Arc<Verification>),
    /// Too many wrong checks in a row for this target; nothing was counted.
    #[error("too many wrong checks in a row for this target")]
    Refused {
        /// The verification asked about.
        verification: Arc<Verification>,
        /// When the next check is looked at.
        until: Timestamp,
    },
    /// A throttle rule has no room.
    #[error("too many messages for this {kind}")]
    Throttled {
        /// Which kind of rule refused.
        kind: ThrottleKind,
        /// When there is room again.
        retry_at: Timestamp,
    },
    /// A rule counts by something that the request does not name.
    #[error("a rule counts by {0}, and the request names none")]
    SubjectMissing(ThrottleKind),
    /// The cool-down between two messages is not over.
    #[error("the last message was sent a moment ago")]
    TooSoon {
        /// When the next may be sent.
        retry_at: Timestamp,
    },
    /// This very request was handled before.
    #[error("this request was handled before")]
    Duplicate,
    /// Every candidate passcode is in use.
    #[error("no free passcode was found")]
    NoFreePasscode,
    /// The address was set before.
    #[error("the address is set already")]
    AddressSet(Arc<Verification>),
    /// There is nowhere to send to yet.
    #[error("there is no address yet")]
    AddressMissing(Arc<Verification>),
    /// Not approved yet.
    #[error("the verification is not approved")]
    NotApproved(Arc<Verification>),
    /// The message was not accepted in time; the verification and its counts stay.
    #[error("the message could not be sent")]
    NotSent(Arc<Verification>),
    /// The row was written under a key that this node does not have.
    #[error("the row is under key {0}, which this node does not have; give it back to the keyring")]
    UnknownKey(KeyId),
    /// A sealed copy does not open: damaged, or moved from another row.
    #[error("a sealed copy does not open; the store may be damaged")]
    Damaged,
    /// More work than this node takes on.
    #[error("too much work is waiting")]
    Overloaded,
    /// The store can't be used right now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UnknownKey(key) => Self::UnknownKey(key),
            OpenError::Damaged => Self::Damaged,
        }
    }
}

impl Error {
    /// The stable name in logs, metrics and `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidInput(_) => "invalid_input",
            Self::Gone => "gone",
            Self::Exists(_) => "exists",
            Self::Wrong(_) => "wrong",
            Self::Used(_) => "used",
            Self::Locked(_) => "locked",
            Self::Refused { .. } => "refused",
            Self::Throttled { .. } => "throttled",
            Self::SubjectMissing(_) => "subject_missing",
            Self::TooSoon { .. } => "too_soon",
            Self::Duplicate => "duplicate",
            Self::NoFreePasscode => "no_free_passcode",
            Self::AddressSet(_) => "address_set",
            Self::AddressMissing(_) => "address_missing",
            Self::NotApproved(_) => "not_approved",
            Self::NotSent(_) => "not_sent",
            Self::UnknownKey(_) => "unknown_key",
            Self::Damaged => "damaged",
            Self::Overloaded => "overloaded",
            Self::Store(StoreError::Busy) => "store_busy",
            Self::Store(StoreError::Unavailable(_)) => "store_unavailable",
            Self::Store(StoreError::OutcomeUnknown(_)) => "store_outcome_unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first column of the table in `docs/errors.md`.
    fn documented() -> Vec<&'static str> {
        let rows =
            include_str!("../../../docs/errors.md").lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| row.split('`').next()).collect()
    }

    #[test]
    fn every_code_is_documented_and_every_documented_code_exists() {
        // The source itself is the list: `code` is exhaustive, which an array beside it would not be.
        let source = include_str!("error.rs");
        let body = source
            .split("pub const fn code")
            .nth(1)
            .and_then(|rest| rest.split("#[cfg(test)]").next())
            .unwrap();
        let codes: Vec<_> =
            body.lines().filter_map(|line| line.split("=> \"").nth(1)?.split('"').next()).collect();
        assert_eq!(codes.len(), 22);
        assert_eq!(documented(), codes);
    }

    #[test]
    fn a_store_error_shows_its_cause_to_the_log_only_through_display() {
        let error = Error::from(StoreError::unavailable("disk I/O error"));
        assert_eq!(
            (error.code(), error.to_string()),
            ("store_unavailable", "the store can't be used: disk I/O error".to_owned())
        );
    }
}
