//! What a store must do. Each method is one whole atomic operation; [`transition`](crate::transition) says what it decides.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use thiserror::Error;

use super::operations::{
    Check, CheckOutcome, DeleteOutcome, Enqueue, NewestTarget, Resend, SealedRow, Select, SendOutcome,
    SetAddress, Start, StartOutcome,
};
use super::outbox::{
    ClaimDue, Claimed, DeliveryQuery, Extend, Fenced, Hasten, HastenOutcome, Receipt, Settlement,
};
use crate::address::{Channel, Target};
use crate::delivery::{Delivery, DeliveryId};
use crate::key::{KeyId, SubjectKey};
use crate::key_slot::KeySlot;
use crate::namespace::{Namespace, Partition};
use crate::throttle::{ThrottleRule, ThrottleRules};
use crate::time::Timestamp;
use crate::verification::{Verification, Vid};

/// Why a store did not do an operation. The cause is for the log, never for a client.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// More work than the store takes on is waiting. Nothing was done.
    #[error("the store is busy")]
    Busy,
    /// The store can't be used. Nothing was done.
    #[error("the store can't be used: {0}")]
    Unavailable(Cause),
    /// It may have been done or not.
    #[error("whether the store did it is not known: {0}")]
    OutcomeUnknown(Cause),
}

impl StoreError {
    /// [`Self::Unavailable`] with its cause.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(Cause(Arc::from(cause.into())))
    }

    /// [`Self::OutcomeUnknown`] with its cause.
    pub fn outcome_unknown(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::OutcomeUnknown(Cause(Arc::from(cause.into())))
    }
}

/// A driver's error, shared among all operations of the batch that it failed.
#[derive(Clone, Debug, Error)]
#[error(transparent)]
pub struct Cause(pub Arc<dyn std::error::Error + Send + Sync>);

/// How long records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Records of settled deliveries. Zero: none are kept.
    pub delivery_records: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { delivery_records: Duration::from_hours(7 * 24) }
    }
}

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Rows removed.
    pub rows: usize,
    /// Whether more may be waiting.
    pub more: bool,
}

/// How much a store holds, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Verifications, expired ones that wait for the purge included.
    pub verifications: u64,
    /// Deliveries still to be sent.
    pub outbox: u64,
    /// When the first of them is due, or its lease ends.
    pub oldest_due: Option<Timestamp>,
}

/// What still needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// The key.
    pub key: KeyId,
    /// Verifications whose passcode is under it and that are kept still.
    pub verifications: u64,
    /// Messages sealed under it that are still to be sent.
    pub messages: u64,
    /// From then on none of them needs it.
    pub until: Timestamp,
}

/// Keeps the state of all verifications and deliveries.
///
/// Each method does all of its operation or nothing, and returns only once it is durable. Of operations at once on one
/// verification or subject, each sees the others whole or not at all.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Begins a verification.
    async fn start(&self, start: Start) -> Result<StartOutcome, StoreError>;

    /// Sends the same passcode once more.
    async fn resend(&self, resend: Resend) -> Result<SendOutcome, StoreError>;

    /// Gives a verification its address.
    async fn set_address(&self, set: SetAddress) -> Result<SendOutcome, StoreError>;

    /// Adds messages to a verification.
    async fn enqueue(&self, enqueue: Enqueue) -> Result<SendOutcome, StoreError>;

    /// Checks a guess: counts before it compares, and consumes in the same step.
    async fn check(&self, check: Check) -> Result<CheckOutcome, StoreError>;

    /// The newest verification that is selected: a live one, or by vid any that is still kept, which is while
    /// `now <` [`garbage_at`](Verification::garbage_at), whether or not a purge was there since.
    async fn get(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError>;

    /// As [`Self::get`] by vid, where the namespace is not known. Live or not, while it is kept.
    async fn find(&self, vid: Vid, now: Timestamp) -> Result<Option<Arc<Verification>>, StoreError>;

    /// Gives up the live ones that are selected, with their unsent messages, and gives back the newest. `None`: there was none.
    async fn cancel(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError>;

    /// Deletes the selected verification if it is approved.
    async fn delete_if_approved(&self, select: Select) -> Result<DeleteOutcome, StoreError>;

    /// Finds the newest live target that holds a passcode; refused and missed look the same.
    async fn newest_target(&self, look_up: NewestTarget) -> Result<Option<Target>, StoreError>;

    /// The newest sealed passcode that is live for any of `targets`, of a verification without an external id.
    async fn newest_passcode(
        &self,
        namespace: Namespace,
        now: Timestamp,
        targets: Vec<Target>,
    ) -> Result<Option<SealedRow>, StoreError>;

    /// Replaces a channel's rules; `None` leaves those of that kind alone.
    async fn put_rules(
        &self,
        namespace: Namespace,
        channel: Channel,
        by_ip: Option<Vec<ThrottleRule>>,
        by_target: Option<Vec<ThrottleRule>>,
    ) -> Result<(), StoreError>;

    /// A channel's rules.
    async fn get_rules(&self, namespace: Namespace, channel: Channel) -> Result<ThrottleRules, StoreError>;

    /// Takes deliveries that are due.
    async fn claim(&self, claim: ClaimDue) -> Result<Claimed, StoreError>;

    /// Makes a lease longer.
    async fn extend(&self, extend: Extend) -> Result<Fenced, StoreError>;

    /// Records what became of claimed deliveries; one answer each, in order.
    async fn settle(&self, now: Timestamp, settlements: Vec<Settlement>) -> Result<Vec<Fenced>, StoreError>;

    /// Records a provider's later word. `false`: no record of that message.
    async fn receipt(&self, receipt: Receipt) -> Result<bool, StoreError>;

    /// The deliveries that a query is about: those still to be sent, and the records of others as long as they are kept.
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, StoreError>;

    /// The delivery with that id, open or the record of it, whatever its namespace.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// Makes a delivery that waits, for its next try or its time, due at once.
    async fn hasten(&self, hasten: Hasten) -> Result<HastenOutcome, StoreError>;

    /// Forgets the wrong guesses counted in these rows. `false`: there were none.
    async fn unlock(&self, namespace: Namespace, subjects: Vec<SubjectKey>) -> Result<bool, StoreError>;

    /// Removes at most `max` rows that count for nothing any more. Deliveries still to be sent are none of them: a claim ends those.
    async fn purge(&self, partition: Partition, now: Timestamp, max: usize) -> Result<Purged, StoreError>;

    /// How much is in it.
    async fn stats(&self) -> Result<StoreStats, StoreError>;

    /// The keys that rows may be under, as registered.
    async fn keys(&self) -> Result<Vec<KeyId>, StoreError>;

    /// Adds keys to that list.
    async fn register_keys(&self, keys: Vec<KeyId>) -> Result<(), StoreError>;

    /// What needs which key at `now`, in the order of the keys' ids; a key that nothing needs is not in the list. May read all there is:
    /// for operators, not for the path of a request. Counts of guesses and sends don't tell which key they are under, and are left out.
    async fn key_uses(&self, now: Timestamp) -> Result<Vec<KeyUse>, StoreError>;

    /// The slots of the data key that it keeps for servers without a key of their own.
    async fn key_slots(&self) -> Result<Vec<KeySlot>, StoreError>;

    /// Adds slots; with `first`, only where there is none yet. `false`: there were some, and nothing changed.
    async fn add_key_slots(&self, slots: Vec<KeySlot>, first: bool) -> Result<bool, StoreError>;

    /// Removes slots: their secrets open the data key no more. Those that are not there don't matter.
    async fn drop_key_slots(&self, slots: Vec<KeySlot>) -> Result<(), StoreError>;

    /// Whether it can take work now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// What time it is where it is, in one round trip, for clocks that are to agree with those of other nodes.
    /// `None`: an embedded store, whose time is the process's own.
    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    /// Tells when something may be due that nobody has claimed, for whoever claims: sooner than by asking again and again. It may tell
    /// too often, and need not tell everything. `None`: it never tells.
    fn wake_ups(&self) -> Option<BoxStream<'static, ()>> {
        None
    }

    /// The partitions that claims and purges go through; one for stores that don't shard.
    fn partitions(&self) -> Vec<Partition> {
        vec![Partition::new(0)]
    }
}
