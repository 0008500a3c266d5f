//! Deliveries: messages in the outbox, and what happened to them.

mod message;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::input::name_type;
use crate::namespace::Namespace;
use crate::passcode::Sealed;
use crate::ports::Random;
use crate::time::Timestamp;
use crate::verification::{RouteName, Verification, Vid, time_ordered_bytes};

pub use message::{BodyFormat, Message};

name_type! {
    /// Who carries a message: the name of a provider in the configuration.
    ProviderId, "provider", 64
}

name_type! {
    /// A running process, in claims.
    NodeId, "node", 64
}

/// The id of a message. The same in every try, and passed on to the provider (Message-ID, idempotency headers).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(Uuid);

impl DeliveryId {
    /// A new id, ordered by time (UUID version 8).
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        Self(uuid::Builder::from_custom_bytes(time_ordered_bytes(now, random)).into_uuid())
    }

    /// The lowest id that a delivery of that time may have.
    pub fn first_at(at: Timestamp) -> Self {
        let time = u128::from(at.as_millis().max(0).cast_unsigned());
        Self(Uuid::from_u128(time << 80))
    }

    /// The id whose UUID this is.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// As a UUID.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How long the caller of a start or resend waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryMode {
    /// Reply once the message is durable; it is tried until the verification's time is over.
    Durable,
    /// Reply with the result of walking the route once. What is unsent at the deadline is canceled.
    Attached {
        /// When the caller must have its answer.
        deadline: Timestamp,
    },
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waiting until `due_at`.
    Due,
    /// A node has it until its lease ends at `due_at`.
    Claimed,
    /// A provider took it.
    Accepted,
    /// No provider will take it.
    Failed,
    /// The verification's time was over first.
    Expired,
    /// The verification was replaced, approved, locked, canceled or deleted first, or the caller's deadline passed.
    Canceled,
}

impl DeliveryState {
    /// Whether it is still to be sent.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Due | Self::Claimed)
    }

    /// How it ended, if it did.
    pub const fn ended(self) -> Option<Ended> {
        match self {
            Self::Due | Self::Claimed => None,
            Self::Accepted => Some(Ended::Accepted),
            Self::Failed => Some(Ended::Failed),
            Self::Expired => Some(Ended::Expired),
            Self::Canceled => Some(Ended::Canceled),
        }
    }
}

/// A message to put into the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The providers it is offered to.
    pub route: RouteName,
    /// The sealed [`Message`].
    pub message: Sealed,
    /// The address as logs and `deliveries` may show it.
    pub masked_to: String,
    /// Not to be sent earlier; `None`: at once.
    pub not_before: Option<Timestamp>,
}

/// A message in the outbox, or the record of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The verification it is of.
    pub vid: Vid,
    /// Whose it is.
    pub namespace: Namespace,
    /// The providers it is offered to.
    pub route: RouteName,
    /// The sealed [`Message`]; `None` once settled.
    pub message: Option<Sealed>,
    /// The address as logs may show it.
    pub masked_to: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it is to be sent ([`DeliveryState::Due`]) or its lease ends ([`DeliveryState::Claimed`]); else when it ended.
    pub due_at: Timestamp,
    /// Counts the claims. Whoever settles must hold the newest.
    pub fence: u64,
    /// Who has it, or had it last.
    pub claimed_by: Option<NodeId>,
    /// What was tried, oldest first; the newest [`Self::KEPT_ATTEMPTS`].
    pub attempts: Vec<DeliveryAttempt>,
    /// When it was put into the outbox.
    pub created_at: Timestamp,
    /// It is never sent from here on.
    pub expires_at: Timestamp,
}

impl Delivery {
    /// How many attempts are kept: a message may be tried for weeks, and its row is written each time.
    pub const KEPT_ATTEMPTS: usize = 20;

    /// A delivery as it enters the outbox: claimed at once by `claimant` where it is due and there is one.
    pub fn enter(new: NewDelivery, of: &Verification, claimant: Option<&Claimant>, now: Timestamp) -> Self {
        let due_at = new.not_before.filter(|at| *at > now);
        let claimed = claimant.filter(|_| due_at.is_none());
        Self {
            id: new.id,
            vid: of.vid,
            namespace: of.namespace.clone(),
            route: new.route,
            message: Some(new.message),
            masked_to: new.masked_to,
            state: if claimed.is_some() { DeliveryState::Claimed } else { DeliveryState::Due },
            due_at: claimed.map_or(due_at.unwrap_or(now), |claimant| claimant.lease_until),
            fence: u64::from(claimed.is_some()),
            claimed_by: claimed.map(|claimant| claimant.node.clone()),
            attempts: Vec::new(),
            created_at: now,
            expires_at: of.expires_at,
        }
    }
}

/// Who takes deliveries, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The node.
    pub node: NodeId,
    /// After this, another node takes them over.
    pub lease_until: Timestamp,
}

/// A delivery that this node may send until the lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The delivery; its `fence` goes into the settlement.
    pub delivery: Delivery,
    /// The verification it is of, as it was when claimed.
    pub verification: Arc<Verification>,
}

/// One try to hand a message to a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// Who was asked.
    pub provider: Arc<str>,
    /// When the answer, or its absence, was known.
    pub at: Timestamp,
    /// The name of the [`Outcome`], or [`Self::LEFT_ALONE`].
    pub outcome: Arc<str>,
    /// The provider's id of the message, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// What the provider said, for support; never the message or an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl DeliveryAttempt {
    /// The outcome of a provider that was not asked, because its breaker is open.
    pub const LEFT_ALONE: &'static str = "left_alone";
}

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it.
    Accepted {
        /// The provider's id of the message.
        message_id: Option<String>,
    },
    /// This address will never work: stop.
    AddressRefused {
        /// What the provider said.
        detail: String,
    },
    /// The provider refuses us (authentication, quota): the next one, and open this one's breaker.
    ProviderRefused {
        /// What the provider said.
        detail: String,
    },
    /// Too fast for the provider: the next one, else wait.
    Throttled {
        /// How long the provider asks to wait.
        after: Option<std::time::Duration>,
    },
    /// It failed for now: the next one, then back off.
    Transient {
        /// What went wrong.
        detail: String,
    },
    /// Sent, and no answer: as `Transient`, but the person may get it twice.
    Unknown {
        /// What went wrong.
        detail: String,
    },
}

impl Outcome {
    /// Its name in logs, metrics and records.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::AddressRefused { .. } => "address_refused",
            Self::ProviderRefused { .. } => "provider_refused",
            Self::Throttled { .. } => "throttled",
            Self::Transient { .. } => "transient",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What support may read about it.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Accepted { .. } | Self::Throttled { .. } => None,
            Self::AddressRefused { detail }
            | Self::ProviderRefused { detail }
            | Self::Transient { detail }
            | Self::Unknown { detail } => Some(detail),
        }
    }
}

/// What becomes of a claimed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It ended so. The message is erased.
    Ended(Ended),
    /// It goes back into the outbox until then.
    Retry {
        /// When to try again.
        at: Timestamp,
    },
}

/// How a delivery can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A provider took it.
    Accepted,
    /// No provider will take it.
    Failed,
    /// Its time was over first.
    Expired,
    /// Nobody waits for it any more.
    Canceled,
}

impl From<Ended> for DeliveryState {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Accepted => Self::Accepted,
            Ended::Failed => Self::Failed,
            Ended::Expired => Self::Expired,
            Ended::Canceled => Self::Canceled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_with_time_from_the_first_of_each_millisecond() {
        struct Every(u8);
        impl Random for Every {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(self.0);
            }
        }
        let at = Timestamp::from_millis(1_770_000_000_000);
        let (first, next) =
            (DeliveryId::first_at(at), DeliveryId::first_at(Timestamp::from_millis(at.as_millis() + 1)));
        for random in [0, 0xFF] {
            let id = DeliveryId::generate(at, &Every(random));
            assert!(first < id && id < next, "{first} {id} {next}");
        }
        assert_eq!(DeliveryId::first_at(Timestamp::from_millis(-1)).as_uuid(), &Uuid::nil());
    }
}
