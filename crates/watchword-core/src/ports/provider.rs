use std::time::Duration;

use async_trait::async_trait;

use crate::delivery::{Delivery, Message, Outcome, ProviderId};
use crate::verification::Verification;

/// A message on its way to a provider.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The delivery: its id is the same in every try.
    pub delivery: &'a Delivery,
    /// The verification it is of, as last read.
    pub verification: &'a Verification,
    /// What to send.
    pub message: &'a Message,
}

/// Carries messages to people. It only carries: whether, when and how often to try is the dispatcher's business.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Its name in the configuration.
    fn id(&self) -> &ProviderId;

    /// How long one try may take. The dispatcher gives up after that, with [`Outcome::Unknown`].
    fn timeout(&self) -> Duration;

    /// How many messages it takes at once.
    fn max_concurrent(&self) -> usize;

    /// Tries once. It must be safe to drop the future; it must not retry by itself.
    ///
    /// Details in the outcome never hold the message, the passcode or a whole address.
    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome;

    /// Finds out whether it could send, without sending: connects, and authenticates where that can be had without a message.
    /// For operators; within [`Self::timeout`].
    async fn probe(&self) -> Probe {
        Probe::Untried { reason: "nothing can be found out without sending".to_owned() }
    }
}

/// What a provider found out about itself. The texts hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It could send, as far as can be known.
    Good {
        /// What was tried.
        tried: String,
    },
    /// It could not.
    Failed {
        /// Why, and what to do.
        problem: String,
    },
    /// Nothing was tried.
    Untried {
        /// Why not.
        reason: String,
    },
}
