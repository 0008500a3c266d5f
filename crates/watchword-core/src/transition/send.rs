//! More messages for a verification that stands.

use std::sync::Arc;

use super::start::claims_of;
use super::throttled::{NoRoom, SendsView, SendsWrite, take_room};
use crate::delivery::{Claimant, Delivery, NewDelivery};
use crate::ports::{Enqueue, Resend, SendOutcome, SetAddress};
use crate::throttle::Throttle;
use crate::time::Timestamp;
use crate::verification::{State, Verification, Vid, exceeds};

/// What a store writes for messages that are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendWrite {
    /// The verification, in place of the one loaded.
    pub verification: Arc<Verification>,
    /// What enters the outbox.
    pub deliveries: Vec<Delivery>,
    /// The send times to store.
    pub sends: SendsWrite,
}

impl SendWrite {
    /// The outcome, once written.
    pub fn into_outcome(self) -> SendOutcome {
        let claims = claims_of(self.deliveries, &self.verification);
        SendOutcome::Sent { verification: self.verification, claims }
    }
}

/// Decides a [`Resend`], given the newest selected verification.
///
/// # Errors
/// The outcome of a resend that changes nothing.
pub fn resend(
    resend: Resend,
    found: Option<Verification>,
    sends: &SendsView,
) -> Result<SendWrite, SendOutcome> {
    let now = resend.now;
    let mut verification = expect_live(found, resend.expected, now)?;
    let more = verification.sends.saturating_add(1);
    if verification.is_locked() || exceeds(more, verification.limits.max_sends) {
        return Err(SendOutcome::Locked(Arc::new(verification)));
    }
    let free_at = verification.last_sent_at.map(|last| last.after(resend.cool_down));
    if let Some(at) = free_at.filter(|at| now < *at) {
        return Err(SendOutcome::TooSoon { at });
    }
    let sends = room(resend.throttle.as_ref(), sends, now)?;
    verification.sends = more;
    Ok(enter(verification, resend.deliveries, resend.claimant.as_ref(), sends, now))
}

/// Decides a [`SetAddress`], given the newest verification of that external id.
///
/// # Errors
/// The outcome of one that changes nothing.
pub fn set_address(
    set: SetAddress,
    found: Option<Verification>,
    sends: &SendsView,
) -> Result<SendWrite, SendOutcome> {
    let now = set.now;
    let mut verification = expect_live(found, set.expected, now)?;
    if verification.target.is_some() {
        return Err(SendOutcome::AddressSet(Arc::new(verification)));
    }
    if verification.is_locked() {
        return Err(SendOutcome::Locked(Arc::new(verification)));
    }
    let sends = room(set.throttle.as_ref(), sends, now)?;
    verification.target = Some(set.target);
    verification.guess_subject = set.guess_subject;
    Ok(enter(verification, set.deliveries, set.claimant.as_ref(), sends, now))
}

/// Decides an [`Enqueue`], given the verification of that vid.
///
/// # Errors
/// The outcome of one that changes nothing.
pub fn enqueue(enqueue: Enqueue, found: Option<Verification>) -> Result<SendWrite, SendOutcome> {
    let now = enqueue.now;
    let verification = expect_live(found, enqueue.vid, now)?;
    if verification.state != State::Pending {
        return Err(SendOutcome::Gone);
    }
    if verification.is_locked() {
        return Err(SendOutcome::Locked(Arc::new(verification)));
    }
    Ok(enter(verification, enqueue.deliveries, enqueue.claimant.as_ref(), Vec::new(), now))
}

fn expect_live(
    found: Option<Verification>,
    expected: Vid,
    now: Timestamp,
) -> Result<Verification, SendOutcome> {
    let live = found.filter(|verification| verification.is_live(now)).ok_or(SendOutcome::Gone)?;
    if live.vid == expected { Ok(live) } else { Err(SendOutcome::Changed) }
}

fn room(throttle: Option<&Throttle>, view: &SendsView, now: Timestamp) -> Result<SendsWrite, SendOutcome> {
    take_room(throttle, view, now).map_err(|no_room| match no_room {
        NoRoom::SubjectMissing(kind) => SendOutcome::SubjectMissing(kind),
        NoRoom::Throttled(throttled) => SendOutcome::Throttled(throttled),
    })
}

fn enter(
    mut verification: Verification,
    deliveries: Vec<NewDelivery>,
    claimant: Option<&Claimant>,
    sends: SendsWrite,
    now: Timestamp,
) -> SendWrite {
    if !deliveries.is_empty() {
        verification.last_sent_at = Some(now);
    }
    let verification = Arc::new(verification);
    let deliveries =
        deliveries.into_iter().map(|new| Delivery::enter(new, &verification, claimant, now)).collect();
    SendWrite { verification, deliveries, sends }
}
