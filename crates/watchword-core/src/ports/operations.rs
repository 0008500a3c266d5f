//! What is asked of a store about verifications, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use crate::address::{Channel, Target};
use crate::delivery::{Claim, Claimant, NewDelivery};
use crate::guess::{GuessRule, LookupRule};
use crate::key::{KeyId, SubjectKey};
use crate::namespace::Namespace;
use crate::passcode::{KeyedDigest, PasscodeDigest, SealedPasscode, StoredPasscode};
use crate::throttle::{Throttle, ThrottleKind, ThrottleRule};
use crate::time::Timestamp;
use crate::verification::{Attributes, ExternalId, Limits, OnRight, RouteName, Verification, Vid};

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
