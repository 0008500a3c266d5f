//! Checking a guess: refused, counted, compared, consumed, in this order and in one step.

use std::sync::Arc;

use super::CountWrite;
use crate::guess::GuessCount;
use crate::key::SubjectKey;
use crate::passcode::{KeyedDigest, PasscodeDigest};
use crate::ports::{Check, CheckOutcome};
use crate::time::Timestamp;
use crate::verification::{OnRight, State, Verification, Vid};

/// What becomes of one verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowWrite {
    /// Which.
    pub vid: Vid,
    /// What to do.
    pub change: RowChange,
    /// Whether its open deliveries are canceled.
    pub cancel_deliveries: bool,
}

/// What to do with a verification's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// Store it so.
    Update(Arc<Verification>),
    /// Remove it.
    Delete,
}

/// What a store writes for a [`Check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckWrite {
    /// The outcome, once written.
    pub outcome: CheckOutcome,
    /// The verifications that change.
    pub rows: Vec<RowWrite>,
    /// What to do with the row of [`guess_subject`].
    pub count: CountWrite,
}

impl CheckWrite {
    fn nothing(outcome: CheckOutcome) -> Self {
        Self { outcome, rows: Vec::new(), count: CountWrite::Unchanged }
    }
}

/// The row that a check counts wrong guesses in: that of the newest live verification found. `None`: none is live.
pub fn guess_subject(found: &[(usize, Verification)], now: Timestamp) -> Option<SubjectKey> {
    found
        .iter()
        .find(|(_, verification)| verification.is_live(now))
        .map(|(_, verification)| verification.guess_subject)
}

/// Decides a [`Check`].
///
/// `found` holds the verifications that the check's guesses select, each once, with the index of the first guess that selects
/// it, the newest first; those that are not live are passed over. `count` is the row of [`guess_subject`].
pub fn check(check: &Check, found: Vec<(usize, Verification)>, count: Option<GuessCount>) -> CheckWrite {
    let now = check.now;
    let mut live: Vec<Looked> = found
        .into_iter()
        .filter(|(_, verification)| verification.is_live(now))
        .map(|(guess, verification)| Looked::new(&check.guesses[guess].digests, verification))
        .collect();
    let Some(newest) = live.first() else { return CheckWrite::nothing(CheckOutcome::Gone) };
    if let Some(until) = count.and_then(|count| count.refused(now)) {
        let verification = Arc::new(newest.verification.clone());
        return CheckWrite::nothing(CheckOutcome::Refused { verification, until });
    }
    if !check.approved_again {
        let (used, pending): (Vec<_>, Vec<_>) =
            live.into_iter().partition(|looked| looked.verification.state == State::Approved);
        // A passcode that was used may be that of a later one too.
        if !pending.iter().any(Looked::matches)
            && let Some(used) = used.into_iter().find(Looked::matches)
        {
            return CheckWrite::nothing(CheckOutcome::Used(Arc::new(used.verification)));
        }
        live = pending;
    }
    let Some(first) = live.first() else { return CheckWrite::nothing(CheckOutcome::Gone) };
    let first_key = first.verification.passcode.check.key;
    let unknown = live
        .iter()
        .find(|looked| looked.digest.is_none())
        .map(|looked| looked.verification.passcode.check.key);
    // A row under an unknown key can be neither right nor wrong, so it counts nothing.
    let comparable: Vec<Looked> =
        live.into_iter().filter(|looked| looked.digest.is_some()).map(|looked| looked.counted()).collect();
    if comparable.is_empty() {
        return CheckWrite::nothing(CheckOutcome::UnknownKey(unknown.unwrap_or(first_key)));
    }
    let right = comparable.iter().position(|looked| !looked.verification.is_locked() && looked.matches());
    let all_locked = comparable.iter().all(|looked| looked.verification.is_locked());
    let mut rows = Vec::new();
    let mut shown = None;
    for (index, looked) in comparable.into_iter().enumerate() {
        let (approves, on_right) =
            (right == Some(index), check.on_right.unwrap_or(looked.verification.on_right));
        let locks = looked.locks();
        let Looked { mut verification, was, .. } = looked;
        let closes = approves && on_right != OnRight::Keep;
        if closes {
            verification.state = State::Approved;
        }
        let verification = Arc::new(verification);
        if shown.is_none() || approves {
            shown = Some(Arc::clone(&verification));
        }
        let vid = verification.vid;
        let cancel_deliveries = closes || locks;
        if approves && on_right == OnRight::Delete {
            rows.push(RowWrite { vid, change: RowChange::Delete, cancel_deliveries });
        } else if was != (verification.attempts, verification.state) {
            rows.push(RowWrite { vid, change: RowChange::Update(verification), cancel_deliveries });
        }
    }
    let Some(shown) = shown else { return CheckWrite::nothing(CheckOutcome::Gone) };
    let (outcome, count) = if right.is_some() {
        (CheckOutcome::Approved(shown), count.map_or(CountWrite::Unchanged, |_| CountWrite::Clear))
    } else {
        let outcome = match unknown {
            Some(key) => CheckOutcome::UnknownKey(key),
            None if all_locked => CheckOutcome::Locked(shown),
            None => CheckOutcome::Wrong(shown),
        };
        let wrong = || CountWrite::Set(GuessCount::after_wrong(count, &check.guess_rule, now));
        (outcome, if all_locked { CountWrite::Unchanged } else { wrong() })
    };
    CheckWrite { outcome, rows, count }
}

/// A verification and the guess's digest under its key, if there is one.
struct Looked {
    digest: Option<PasscodeDigest>,
    was: (u32, State),
    was_locked: bool,
    verification: Verification,
}

impl Looked {
    fn new(digests: &[KeyedDigest], verification: Verification) -> Self {
        let key = verification.passcode.check.key;
        let digest = digests.iter().find(|keyed| keyed.key == key).map(|keyed| keyed.digest);
        let was = (verification.attempts, verification.state);
        Self { digest, was, was_locked: verification.is_locked(), verification }
    }

    /// One more attempt, before anything is compared. Where there is no limit there is nothing to count, and nothing to write.
    fn counted(mut self) -> Self {
        if self.verification.limits.max_attempts.is_some() {
            self.verification.attempts = self.verification.attempts.saturating_add(1);
        }
        self
    }

    /// In constant time.
    fn matches(&self) -> bool {
        self.digest.is_some_and(|digest| digest == self.verification.passcode.check.digest)
    }

    fn locks(&self) -> bool {
        !self.was_locked && self.verification.is_locked()
    }
}
