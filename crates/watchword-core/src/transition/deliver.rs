//! The life of a delivery: due, claimed under a fence, ended.

use crate::delivery::{Claimant, Delivery, DeliveryState, Ended, Verdict};
use crate::ports::{Extend, Fenced, HastenOutcome, Settlement};
use crate::time::Timestamp;

/// What a claim makes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimDecision {
    /// The claimant has it now; store it so.
    Taken(Box<Delivery>),
    /// Its time is over; store it so.
    Expired(Box<Delivery>),
    /// It is not due, its holder's lease goes on, or it ended: leave it.
    Left,
}

/// Decides whether `claimant` takes a delivery.
pub fn claim(delivery: &Delivery, claimant: &Claimant, now: Timestamp) -> ClaimDecision {
    if !delivery.state.is_open() || now < delivery.due_at {
        return ClaimDecision::Left;
    }
    if now >= delivery.expires_at {
        return ClaimDecision::Expired(Box::new(end_delivery(delivery.clone(), Ended::Expired, now)));
    }
    ClaimDecision::Taken(Box::new(Delivery {
        state: DeliveryState::Claimed,
        due_at: claimant.lease_until,
        fence: delivery.fence + 1,
        claimed_by: Some(claimant.node.clone()),
        ..delivery.clone()
    }))
}

/// Decides a longer lease: what to store, or [`Fenced::Stale`].
///
/// # Errors
/// The claim is not the newest any more, or the delivery ended.
pub fn extend(delivery: Delivery, extend: &Extend) -> Result<Delivery, Fenced> {
    if delivery.state != DeliveryState::Claimed || delivery.fence != extend.fence {
        return Err(Fenced::Stale);
    }
    Ok(Delivery { due_at: extend.lease_until, ..delivery })
}

/// Decides a settlement: what to store, or [`Fenced::Stale`]. A lease that ran out does no harm while nobody else claimed.
///
/// A delivery that was canceled while the provider already had it is recorded as accepted all the same: it is what happened.
///
/// # Errors
/// The claim is not the newest any more, or the delivery ended otherwise.
pub fn settle(mut delivery: Delivery, settlement: Settlement, now: Timestamp) -> Result<Delivery, Fenced> {
    let went_out = settlement.verdict == Verdict::Ended(Ended::Accepted);
    let ours = match delivery.state {
        DeliveryState::Claimed => true,
        DeliveryState::Canceled => went_out,
        _ => false,
    };
    if !ours || delivery.fence != settlement.fence {
        return Err(Fenced::Stale);
    }
    delivery.attempts.extend(settlement.attempts);
    let surplus = delivery.attempts.len().saturating_sub(Delivery::KEPT_ATTEMPTS);
    delivery.attempts.drain(..surplus);
    Ok(match settlement.verdict {
        Verdict::Ended(ended) => end_delivery(delivery, ended, now),
        Verdict::Retry { at } if at >= delivery.expires_at => end_delivery(delivery, Ended::Expired, now),
        Verdict::Retry { at } => Delivery { state: DeliveryState::Due, due_at: at, ..delivery },
    })
}

/// Decides what hastening makes of a delivery: what to store and the outcome, or the outcome alone where it stays as it is.
///
/// # Errors
/// A node has it, or it ended.
pub fn hasten(delivery: Delivery, now: Timestamp) -> Result<(Delivery, HastenOutcome), HastenOutcome> {
    if let Some(ended) = delivery.state.ended() {
        return Err(HastenOutcome::Ended(ended));
    }
    if delivery.state == DeliveryState::Claimed {
        return Err(HastenOutcome::Claimed);
    }
    if now >= delivery.expires_at {
        let expired = end_delivery(delivery, Ended::Expired, now);
        return Ok((expired, HastenOutcome::Ended(Ended::Expired)));
    }
    let due_at = delivery.due_at.min(now);
    Ok((Delivery { due_at, ..delivery }, HastenOutcome::Hastened))
}

/// What an open delivery is once canceled; `None`: it ended before.
pub fn cancel_delivery(delivery: Delivery, now: Timestamp) -> Option<Delivery> {
    delivery.state.is_open().then(|| end_delivery(delivery, Ended::Canceled, now))
}

/// A delivery that ended: its message is erased.
pub fn end_delivery(delivery: Delivery, ended: Ended, now: Timestamp) -> Delivery {
    Delivery { state: ended.into(), due_at: now, message: None, ..delivery }
}
