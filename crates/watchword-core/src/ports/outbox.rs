//! What is asked of a store about the outbox, and what comes of it.

use crate::delivery::{
    Claim, Claimant, DeliveryAttempt, DeliveryId, DeliveryState, Ended, ProviderId, Verdict,
};
use crate::namespace::{Namespace, Partition};
use crate::time::Timestamp;

/// Takes deliveries that are due, or whose holder's lease ended: those due longest first, the older id first where they tie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimDue {
    /// Which part of the outbox; stores that don't shard have only partition 0.
    pub partition: Partition,
    /// The time.
    pub now: Timestamp,
    /// Who, and until when.
    pub claimant: Claimant,
    /// Looks at so many of them at most; those whose time is over end instead of being claimed.
    pub max: usize,
}

/// What a [`ClaimDue`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The deliveries, those due longest first.
    pub claims: Vec<Claim>,
    /// When the next one is due, or the next lease ends, of all that are still to be sent; the past where more are waiting.
    pub next_due: Option<Timestamp>,
}

/// Whether an operation on a claimed delivery was still ours to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// Done.
    Done,
    /// The delivery ended, or another claim has it; nothing changed.
    Stale,
}

/// Makes a lease longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extend {
    /// Whose.
    pub namespace: Namespace,
    /// The time.
    pub now: Timestamp,
    /// Which delivery.
    pub id: DeliveryId,
    /// The claim's fence.
    pub fence: u64,
    /// Until when.
    pub lease_until: Timestamp,
}

/// Records what became of a claimed delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Whose.
    pub namespace: Namespace,
    /// Which delivery.
    pub id: DeliveryId,
    /// The claim's fence.
    pub fence: u64,
    /// What becomes of it.
    pub verdict: Verdict,
    /// What was tried under this claim.
    pub attempts: Vec<DeliveryAttempt>,
}

/// A provider's later word on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The time.
    pub now: Timestamp,
    /// Who says it.
    pub provider: ProviderId,
    /// The provider's id of the message.
    pub message_id: String,
    /// The provider's word, for support.
    pub status: String,
}

/// Which deliveries an operator wants to see, open ones and records alike: all that fit every field, the highest id first. Ids grow
/// with time, so that is the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// Of this namespace; `None`: of all.
    pub namespace: Option<Namespace>,
    /// In this state; `None`: in any.
    pub state: Option<DeliveryState>,
    /// With this id or a higher one; [`DeliveryId::first_at`] makes one of a time. `None`: from the first on.
    pub from: Option<DeliveryId>,
    /// With a lower id than this, as the last one of the page before has; `None`: up to the newest.
    pub before: Option<DeliveryId>,
    /// So many at most.
    pub max: usize,
}

/// Makes a delivery that waits due at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hasten {
    /// Whose.
    pub namespace: Namespace,
    /// The time.
    pub now: Timestamp,
    /// Which delivery.
    pub id: DeliveryId,
}

/// What came of a [`Hasten`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HastenOutcome {
    /// It is due now; whoever claims next gets it.
    Hastened,
    /// A node has it, and it stays as it is.
    Claimed,
    /// It ended: before, or just now, for its time is over. Its message is erased.
    Ended(Ended),
    /// There is no such delivery in that namespace, or no record of it any more.
    Gone,
}
