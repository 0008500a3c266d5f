//! A verification: one try to prove that a person holds an address.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::address::Target;
use crate::input::name_type;
use crate::key::SubjectKey;
use crate::namespace::{Namespace, Partition};
use crate::passcode::StoredPasscode;
use crate::ports::Random;
use crate::time::Timestamp;

name_type! {
    /// The caller's own name for a verification (otpgateway's `id`), unique among the live ones of its namespace.
    ExternalId, "id", 256
}

name_type! {
    /// The name of a route: the list of providers that a message is offered to in order.
    RouteName, "provider", 64
}

/// Watchword's own id of a verification: a UUID (version 8, RFC 9562 section 5.8) that begins with its time and
/// carries its namespace's partition, so that a sharded store finds it by id alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vid(Uuid);

impl Vid {
    /// A new id: 48 bits of time, 6 of partition, 68 of randomness.
    pub fn generate(namespace: &Namespace, now: Timestamp, random: &dyn Random) -> Self {
        let mut bytes = time_ordered_bytes(now, random);
        // Byte 9 is the first one that belongs to neither version nor variant.
        bytes[9] = (bytes[9] & 0b1100_0000) | namespace.partition().number();
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The id whose UUID this is, as read back from a store or a caller.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// As a UUID.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }

    /// The partition it was made in.
    pub fn partition(&self) -> Partition {
        Partition::new(self.0.as_bytes()[9] & 0b0011_1111)
    }
}

/// 16 random bytes whose first six are the time, so that indexes grow at their end.
pub(crate) fn time_ordered_bytes(now: Timestamp, random: &dyn Random) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&now.as_millis().to_be_bytes()[2..]);
    random.fill(&mut bytes[6..]);
    bytes
}

impl fmt::Display for Vid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Vid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is stored of where a verification stands. [`Status`] is what it amounts to at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No right check yet.
    Pending,
    /// A right check closed it.
    Approved,
    /// The caller gave it up.
    Canceled,
}

/// Where a verification stands at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waiting for the right passcode.
    Pending,
    /// Proven.
    Approved,
    /// Given up by the caller.
    Canceled,
    /// Its time is over.
    Expired,
    /// Its attempts or sends are used up; no passcode is right any more.
    Locked,
}

/// The most checks and sends of a verification. `None`: no limit of its own (the guess limits still hold).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Checks, the dialect's way of counting included (otpgateway counts a start too).
    pub max_attempts: Option<u32>,
    /// Messages sent, the first included.
    pub max_sends: Option<u32>,
}

/// What a right check does to the verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRight {
    /// Nothing: the passcode stays good until it expires.
    Keep,
    /// Approve it and keep it until it expires.
    Close,
    /// Approve it and delete it in the same step.
    Delete,
}

/// What a caller attached to a verification, given back as it was. Empty for dialects that have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Shown to the person where the passcode is typed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel_description: String,
    /// Shown to the person where the address is asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address_description: String,
    /// Any JSON text, compact, otherwise to the byte as given; `None` is the dialect's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Arc<str>>,
}

/// One try to prove that a person holds an address, as a store keeps it.
///
/// It holds no passcode in the clear: only its digests and, where the dialect must give it back, a sealed copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Its id. A replacement gets a new one, so that what was prepared for the old passcode can't touch the new.
    pub vid: Vid,
    /// Whose it is.
    pub namespace: Namespace,
    /// The caller's name for it; `None`: it is found by its target.
    pub external_id: Option<ExternalId>,
    /// The channel and address, once known.
    pub target: Option<Target>,
    /// Which providers carry its messages.
    pub route: RouteName,
    /// The row that wrong guesses are counted in: the target's, or the external id's while there is none.
    pub guess_subject: SubjectKey,
    /// The passcode's digests and sealed copy.
    pub passcode: StoredPasscode,
    /// What the caller attached.
    pub attributes: Attributes,
    /// What happened to it so far.
    pub state: State,
    /// Checks used.
    pub attempts: u32,
    /// Messages sent.
    pub sends: u32,
    /// The most of both.
    pub limits: Limits,
    /// What a right check does when the check itself does not say.
    pub on_right: OnRight,
    /// When this passcode was set.
    pub created_at: Timestamp,
    /// It is live while `now < expires_at`.
    pub expires_at: Timestamp,
    /// How long it stays findable after it expired.
    pub kept_after: Duration,
    /// When its last message was accepted for sending.
    pub last_sent_at: Option<Timestamp>,
}

impl Verification {
    /// Whether its time is not over yet and it was not given up.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.state != State::Canceled
    }

    /// Whether its counts are past a limit, so that no passcode is right any more.
    pub fn is_locked(&self) -> bool {
        exceeds(self.attempts, self.limits.max_attempts) || exceeds(self.sends, self.limits.max_sends)
    }

    /// Where it stands at `now`.
    pub fn status(&self, now: Timestamp) -> Status {
        match self.state {
            State::Canceled => Status::Canceled,
            _ if now >= self.expires_at => Status::Expired,
            State::Approved => Status::Approved,
            State::Pending if self.is_locked() => Status::Locked,
            State::Pending => Status::Pending,
        }
    }

    /// From when on a purge may remove it.
    pub fn garbage_at(&self) -> Timestamp {
        self.expires_at.after(self.kept_after)
    }
}

/// Whether a count is past its limit; without a limit it never is.
pub(crate) fn exceeds(count: u32, limit: Option<u32>) -> bool {
    limit.is_some_and(|limit| count > limit)
}
