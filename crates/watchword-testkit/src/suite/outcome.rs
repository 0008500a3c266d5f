//! Taking outcomes apart, and naming them for tables.

use std::sync::Arc;

use watchword_core::delivery::Claim;
use watchword_core::ports::{CheckOutcome, SendOutcome, StartOutcome};
use watchword_core::verification::Verification;

/// What a start made: the verification and the claims on its messages.
///
/// # Panics
/// It made nothing.
#[track_caller]
pub fn started(outcome: StartOutcome) -> (Arc<Verification>, Vec<Claim>) {
    match outcome {
        StartOutcome::Started { verification, claims, .. } => (verification, claims),
        other => panic!("nothing was started: {other:?}"),
    }
}

/// What a resend and its like made.
///
/// # Panics
/// It made nothing.
#[track_caller]
pub fn sent(outcome: SendOutcome) -> (Arc<Verification>, Vec<Claim>) {
    match outcome {
        SendOutcome::Sent { verification, claims } => (verification, claims),
        other => panic!("nothing was sent: {other:?}"),
    }
}

/// A short name, for tables.
pub fn start_name(outcome: &StartOutcome) -> &'static str {
    match outcome {
        StartOutcome::Started { .. } => "started",
        StartOutcome::Reused(_) => "reused",
        StartOutcome::Locked(_) => "locked",
        StartOutcome::Exists(_) => "exists",
        StartOutcome::Throttled(_) => "throttled",
        StartOutcome::SubjectMissing(_) => "subject missing",
        StartOutcome::Duplicate => "duplicate",
        StartOutcome::NoFreeCandidate => "no free candidate",
    }
}

/// A short name, for tables.
pub fn send_name(outcome: &SendOutcome) -> &'static str {
    match outcome {
        SendOutcome::Sent { .. } => "sent",
        SendOutcome::Locked(_) => "locked",
        SendOutcome::AddressSet(_) => "address set",
        SendOutcome::TooSoon { .. } => "too soon",
        SendOutcome::Throttled(_) => "throttled",
        SendOutcome::SubjectMissing(_) => "subject missing",
        SendOutcome::Changed => "changed",
        SendOutcome::Gone => "gone",
    }
}

/// A short name, for tables.
pub fn check_name(outcome: &CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Approved(_) => "approved",
        CheckOutcome::Wrong(_) => "wrong",
        CheckOutcome::Locked(_) => "locked",
        CheckOutcome::Refused { .. } => "refused",
        CheckOutcome::Used(_) => "used",
        CheckOutcome::UnknownKey(_) => "unknown key",
        CheckOutcome::Gone => "gone",
    }
}
