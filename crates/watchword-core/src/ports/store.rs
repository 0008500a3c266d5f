//! What a store must do. Each method is one whole atomic operation; [`transition`](crate::transition) says what it decides.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::address::{Channel, Target};
use crate::delivery::{Claim, Claimant, DeliveryAttempt, DeliveryId, NewDelivery, ProviderId, Verdict};
use crate::guess::{GuessRule, LookupRule};
use crate::keyring::{KeyId, SubjectKey};
use crate::namespace::{Namespace, Partition};
use crate::passcode::{KeyedDigest, PasscodeDigest, SealedPasscode, StoredPasscode};
use crate::throttle::{Throttle, ThrottleKind, ThrottleRule, ThrottleRules};
use crate::time::Timestamp;
use crate::verification::{Attributes, ExternalId, Limits, OnRight, RouteName, Verification, Vid};

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

/// Which verifications an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The live one of that external id.
    Id(ExternalId),
    /// All live ones of that target that have no external id.
    Target(Target),
    /// The one with that id, in the operation's namespace.
    Vid(Vid),
}

/// What to do when a live one has the same external id or target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLive {
    /// Replace it; its counts go on, one more of each. Locked ones, and those the count would lock, are refused.
    Replace,
    /// Give it back as it is.
    Reuse,
    /// Stand beside it. With an external id, which is unique among the live ones, this refuses.
    Add,
    /// Refuse.
    Refuse,
}

/// One passcode that a start may use, and the messages that carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is stored of it.
    pub passcode: StoredPasscode,
    /// Its look-up digests under every key: it is taken when a live verification of the channel has one of them.
    pub taken_if: Vec<PasscodeDigest>,
    /// Its messages.
    pub deliveries: Vec<NewDelivery>,
}

/// Makes a request that comes twice count once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// What is the same both times.
    pub key: SubjectKey,
    /// How long it is remembered.
    pub until: Timestamp,
}

/// Begins a verification: everything in one step, its messages in the outbox included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Whose it is.
    pub namespace: Namespace,
    /// The time.
    pub now: Timestamp,
    /// Its id; a replacement takes it too.
    pub vid: Vid,
    /// The caller's name for it, if it has one.
    pub external_id: Option<ExternalId>,
    /// Its channel and address, if known.
    pub target: Option<Target>,
    /// The providers that carry its messages.
    pub route: RouteName,
    /// Where wrong guesses are counted.
    pub guess_subject: SubjectKey,
    /// What to do when one is live already.
    pub on_live: OnLive,
    /// At least one; the first free one is used.
    pub candidates: Vec<Candidate>,
    /// A passcode must be unique among the live ones of this channel.
    pub unique_in: Option<Channel>,
    /// The most attempts and sends.
    pub limits: Limits,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How long it stays findable after that.
    pub kept_after: Duration,
    /// What a right check does.
    pub on_right: OnRight,
    /// What the caller attached.
    pub attributes: Attributes,
    /// The throttle rules that apply, and what they count; `None`: nothing is counted.
    pub throttle: Option<Throttle>,
    /// Whether the request may come twice.
    pub dedupe: Option<Dedupe>,
    /// Who claims the messages at once; `None`: they wait for a claim.
    pub claimant: Option<Claimant>,
}

/// What came of a [`Start`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartOutcome {
    /// It stands.
    Started {
        /// As stored.
        verification: Arc<Verification>,
        /// Which candidate was used.
        candidate: usize,
        /// Its messages that are due now, claimed.
        claims: Vec<Claim>,
    },
    /// One was live, and nothing changed ([`OnLive::Reuse`]).
    Reused(Arc<Verification>),
    /// One is live and locked, or would be by this.
    Locked(Arc<Verification>),
    /// One is live ([`OnLive::Refuse`], or [`OnLive::Add`] with an external id).
    Exists(Arc<Verification>),
    /// A throttle rule has no room.
    Throttled(Throttled),
    /// A rule counts by something that the throttle has no subject for.
    SubjectMissing(ThrottleKind),
    /// The same request was handled before.
    Duplicate,
    /// Every candidate is taken.
    NoFreeCandidate,
}

/// Which rule refused, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// What it counts by.
    pub kind: ThrottleKind,
    /// The rule.
    pub rule: ThrottleRule,
    /// When there is room.
    pub retry_at: Timestamp,
}

/// Sends the same passcode once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resend {
    /// Whose.
    pub namespace: Namespace,
    /// The time.
    pub now: Timestamp,
    /// Which: by external id or vid.
    pub selector: Selector,
    /// The id that the messages were made for; another one means it was replaced meanwhile.
    pub expected: Vid,
    /// At least so long after the last message.
    pub cool_down: Duration,
    /// As in [`Start`].
    pub throttle: Option<Throttle>,
    /// The messages.
    pub deliveries: Vec<NewDelivery>,
    /// As in [`Start`].
    pub claimant: Option<Claimant>,
}

/// Gives a verification the address it was started without, and sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAddress {
    /// Whose.
    pub namespace: Namespace,
    /// The time.
    pub now: Timestamp,
    /// Which.
    pub external_id: ExternalId,
    /// The id that the messages were made for.
    pub expected: Vid,
    /// The address.
    pub target: Target,
    /// Where wrong guesses are counted from now on.
    pub guess_subject: SubjectKey,
    /// As in [`Start`].
    pub throttle: Option<Throttle>,
    /// The messages.
    pub deliveries: Vec<NewDelivery>,
    /// As in [`Start`].
    pub claimant: Option<Claimant>,
}

/// Adds messages to a verification, for instance on a second channel, perhaps for later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueue {
    /// Whose.
    pub namespace: Namespace,
    /// The time.
    pub now: Timestamp,
    /// Which.
    pub vid: Vid,
    /// The messages.
    pub deliveries: Vec<NewDelivery>,
    /// As in [`Start`].
    pub claimant: Option<Claimant>,
}

/// What came of a [`Resend`], [`SetAddress`] or [`Enqueue`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The messages are in the outbox.
    Sent {
        /// As stored.
        verification: Arc<Verification>,
        /// Those that are due now, claimed.
        claims: Vec<Claim>,
    },
    /// Locked, or would be by this.
    Locked(Arc<Verification>),
    /// The address was set before.
    AddressSet(Arc<Verification>),
    /// The cool-down is not over.
    TooSoon {
        /// When it is.
        at: Timestamp,
    },
    /// A throttle rule has no room.
    Throttled(Throttled),
    /// A rule counts by something that the throttle has no subject for.
    SubjectMissing(ThrottleKind),
    /// It was replaced since the messages were made.
    Changed,
    /// There is no live one.
    Gone,
}

/// Some verifications and the digests of the guess that are bound to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// Which.
    pub selector: Selector,
    /// One per key.
    pub digests: Vec<KeyedDigest>,
}

/// Checks a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Whose.
    pub namespace: Namespace,
    /// The time.
    pub now: Timestamp,
    /// Against which; all are looked at, the newest first.
    pub guesses: Vec<Guess>,
    /// What a right one does; `None`: as the verification says.
    pub on_right: Option<OnRight>,
    /// Whether an approved verification takes its passcode again.
    pub approved_again: bool,
    /// The guess limits.
    pub guess_rule: GuessRule,
}

/// What came of a [`Check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Right.
    Approved(Arc<Verification>),
    /// Wrong, and counted.
    Wrong(Arc<Verification>),
    /// Its attempts are used up; counted there, not in the guess limits.
    Locked(Arc<Verification>),
    /// The guess limits refuse; nothing was counted.
    Refused {
        /// The verification asked about.
        verification: Arc<Verification>,
        /// When the next check is looked at.
        until: Timestamp,
    },
    /// The passcode was used before; nothing was counted.
    Used(Arc<Verification>),
    /// None matched, and one is under a key that no digest was given for. A wrong guess at the others is counted all the same.
    UnknownKey(KeyId),
    /// There is no live one.
    Gone,
}

/// Names verifications of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// Whose.
    pub namespace: Namespace,
    /// The time.
    pub now: Timestamp,
    /// Which.
    pub selector: Selector,
}

/// What came of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// It was approved, and is gone now.
    Deleted(Arc<Verification>),
    /// It is not approved, and stays.
    NotApproved(Arc<Verification>),
    /// There is no live one.
    Gone,
}

/// Finds the newest live target of a channel that holds a passcode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestTarget {
    /// Whose.
    pub namespace: Namespace,
    /// The time.
    pub now: Timestamp,
    /// On which channel.
    pub channel: Channel,
    /// The look-up digests of the passcode, one per key.
    pub digests: Vec<PasscodeDigest>,
    /// The row that counts the channel's misses.
    pub subject: SubjectKey,
    /// How many misses in a row are looked at.
    pub lookup_rule: LookupRule,
}

/// A sealed passcode and the row it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// The verification.
    pub vid: Vid,
    /// Its passcode.
    pub sealed: SealedPasscode,
}

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

    /// Whether it can take work now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// The partitions that claims and purges go through; one for stores that don't shard.
    fn partitions(&self) -> Vec<Partition> {
        vec![Partition::new(0)]
    }
}
