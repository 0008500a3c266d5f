//! Beginning a verification.

use std::sync::Arc;

use super::throttled::{NoRoom, SendsView, SendsWrite, take_room};
use crate::delivery::{Claim, Delivery, DeliveryState};
use crate::ports::{OnLive, Start, StartOutcome};
use crate::verification::{State, Verification, exceeds};

/// What a store loads for a [`Start`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartView {
    /// The newest live verification with the start's external id, or, where it has none, of its target among those without one.
    /// One that is not live counts as absent.
    pub live: Option<Verification>,
    /// Whether the dedupe key is remembered.
    pub handled_before: bool,
    /// What is stored about the throttle's subjects.
    pub sends: SendsView,
    /// For each candidate, whether a live verification of `unique_in` holds one of its look-up digests. May be shorter: the rest are free.
    pub taken: Vec<bool>,
}

/// What a store writes for a [`Start`] that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartWrite {
    /// The verification: a new row, or in place of the live one.
    pub verification: Arc<Verification>,
    /// Whether it takes the live one's row. That one's open deliveries are then canceled, before these are added.
    pub replaces: bool,
    /// Which candidate was used.
    pub candidate: usize,
    /// What enters the outbox.
    pub deliveries: Vec<Delivery>,
    /// The send times to store.
    pub sends: SendsWrite,
}

impl StartWrite {
    /// The outcome, once written.
    pub fn into_outcome(self) -> StartOutcome {
        let claims = claims_of(self.deliveries, &self.verification);
        StartOutcome::Started { verification: self.verification, candidate: self.candidate, claims }
    }
}

/// Those of the deliveries just entered that the claimant holds.
pub(super) fn claims_of(deliveries: Vec<Delivery>, of: &Arc<Verification>) -> Vec<Claim> {
    let claimed = deliveries.into_iter().filter(|delivery| delivery.state == DeliveryState::Claimed);
    claimed.map(|delivery| Claim { delivery, verification: Arc::clone(of) }).collect()
}

/// Decides a [`Start`].
///
/// # Errors
/// The outcome of a start that changes nothing.
pub fn start(start: Start, view: StartView) -> Result<StartWrite, StartOutcome> {
    let now = start.now;
    if view.handled_before {
        return Err(StartOutcome::Duplicate);
    }
    // With `Replace` a start counts as an attempt, the first one included (otpgateway).
    let (mut attempts, mut sends) = (u32::from(start.on_live == OnLive::Replace), 1_u32);
    let live = view.live.filter(|verification| verification.is_live(now));
    let replaces = live.is_some() && start.on_live == OnLive::Replace;
    if let Some(live) = live {
        match start.on_live {
            OnLive::Reuse => return Err(StartOutcome::Reused(Arc::new(live))),
            OnLive::Refuse => return Err(StartOutcome::Exists(Arc::new(live))),
            // Two live ones of one external id could not be told apart.
            OnLive::Add if start.external_id.is_some() => return Err(StartOutcome::Exists(Arc::new(live))),
            OnLive::Add => {}
            OnLive::Replace => {
                attempts = live.attempts.saturating_add(1);
                sends = live.sends.saturating_add(1);
                let would_lock =
                    exceeds(attempts, start.limits.max_attempts) || exceeds(sends, start.limits.max_sends);
                if live.is_locked() || would_lock {
                    return Err(StartOutcome::Locked(Arc::new(live)));
                }
            }
        }
    }
    let sends_written =
        take_room(start.throttle.as_ref(), &view.sends, now).map_err(|no_room| match no_room {
            NoRoom::SubjectMissing(kind) => StartOutcome::SubjectMissing(kind),
            NoRoom::Throttled(throttled) => StartOutcome::Throttled(throttled),
        })?;
    let is_free = |index: &usize| !view.taken.get(*index).copied().unwrap_or(false);
    let free = (0..start.candidates.len()).find(is_free);
    let Some(begun) = free.and_then(|index| begin(start, index, attempts, sends)) else {
        return Err(StartOutcome::NoFreeCandidate);
    };
    Ok(StartWrite { replaces, sends: sends_written, ..begun })
}

/// What a [`Start`] begins that stands, by what was decided about it: which candidate is used, and the counts so far. It
/// replaces nothing and counts no send. `None`: the start has no such candidate.
pub fn begin(start: Start, candidate: usize, attempts: u32, sends: u32) -> Option<StartWrite> {
    let (now, index) = (start.now, candidate);
    let candidate = start.candidates.into_iter().nth(index)?;
    let verification = Arc::new(Verification {
        vid: start.vid,
        namespace: start.namespace,
        external_id: start.external_id,
        target: start.target,
        route: start.route,
        guess_subject: start.guess_subject,
        passcode: candidate.passcode,
        attributes: start.attributes,
        state: State::Pending,
        attempts,
        sends,
        limits: start.limits,
        on_right: start.on_right,
        created_at: now,
        expires_at: start.expires_at,
        kept_after: start.kept_after,
        last_sent_at: (!candidate.deliveries.is_empty()).then_some(now),
    });
    let enter = |new| Delivery::enter(new, &verification, start.claimant.as_ref(), now);
    let deliveries = candidate.deliveries.into_iter().map(enter).collect();
    let sends = SendsWrite::default();
    Some(StartWrite { verification, replaces: false, candidate: index, deliveries, sends })
}
