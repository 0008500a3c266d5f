//! A provider that does what a test tells it to.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;
use watchword_core::delivery::{Delivery, Message, Outcome, ProviderId};
use watchword_core::ports::{Outgoing, Provider};
use watchword_core::verification::Verification;

use crate::deadline::within;

/// What the provider does with one message.
#[derive(Clone, Debug)]
pub enum Step {
    /// Answers.
    Answer(Outcome),
    /// Says nothing until [`FakeProvider::release`].
    Hang,
    /// Panics, as a provider with a mistake in it would.
    Panic,
}

impl Step {
    /// Takes the message, without an id of its own.
    pub const fn accept() -> Self {
        Self::Answer(Outcome::Accepted { message_id: None })
    }

    /// Takes the message under this id.
    pub fn accept_as(message_id: &str) -> Self {
        Self::Answer(Outcome::Accepted { message_id: Some(message_id.to_owned()) })
    }

    /// Says that the address will never work.
    pub fn refuse_address() -> Self {
        Self::Answer(Outcome::AddressRefused { detail: "no such mailbox".to_owned() })
    }

    /// Refuses us, whatever the message.
    pub fn refuse_us() -> Self {
        Self::Answer(Outcome::ProviderRefused { detail: "401".to_owned() })
    }

    /// Asks for patience.
    pub const fn throttle(after: Option<Duration>) -> Self {
        Self::Answer(Outcome::Throttled { after })
    }

    /// Fails for now.
    pub fn fail() -> Self {
        Self::Answer(Outcome::Transient { detail: "503".to_owned() })
    }

    /// Takes the message and breaks off before it answers.
    pub fn break_off() -> Self {
        Self::Answer(Outcome::Unknown { detail: "connection reset".to_owned() })
    }
}

/// What the provider was given.
#[derive(Clone, Debug)]
pub struct Handed {
    /// The delivery, with its id and fence.
    pub delivery: Delivery,
    /// The verification.
    pub verification: Verification,
    /// The message in the clear.
    pub message: Message,
}

/// A provider that accepts everything, unless told otherwise, and remembers what it was given.
#[derive(Debug)]
pub struct FakeProvider {
    id: ProviderId,
    timeout: Duration,
    max_concurrent: usize,
    script: Mutex<Script>,
    handed: watch::Sender<Vec<Handed>>,
    released: watch::Sender<Outcome>,
}

#[derive(Debug)]
struct Script {
    next: VecDeque<Step>,
    always: Step,
}

impl FakeProvider {
    /// A provider of that name.
    ///
    /// # Panics
    /// The name can't be one.
    pub fn new(id: &str) -> Self {
        Self {
            id: ProviderId::new(id).unwrap(),
            timeout: Duration::from_secs(5),
            max_concurrent: 64,
            script: Mutex::new(Script { next: VecDeque::new(), always: Step::accept() }),
            handed: watch::Sender::new(Vec::new()),
            released: watch::Sender::new(Outcome::Accepted { message_id: None }),
        }
    }

    /// With another timeout than 5 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// With room for another number of messages at once than 64.
    #[must_use]
    pub fn with_max_concurrent(self, max_concurrent: usize) -> Self {
        Self { max_concurrent, ..self }
    }

    /// What it does next, in this order, after what it was told before.
    pub fn then(&self, steps: impl IntoIterator<Item = Step>) {
        self.script.lock().next.extend(steps);
    }

    /// What it does from now on, once the steps of [`Self::then`] are used up.
    pub fn always(&self, step: Step) {
        self.script.lock().always = step;
    }

    /// Lets all that hang now go on, with this answer.
    pub fn release(&self, outcome: Outcome) {
        self.released.send_replace(outcome);
    }

    /// What it was given so far, oldest first, whatever came of it.
    pub fn handed(&self) -> Vec<Handed> {
        self.handed.borrow().clone()
    }

    /// Waits until it was given at least `count` messages, and gives back all of them.
    ///
    /// # Panics
    /// It was not by the [`DEADLINE`](crate::deadline::DEADLINE).
    pub async fn wait_for_handed(&self, count: usize) -> Vec<Handed> {
        let mut handed = self.handed.subscribe();
        let what = format!("provider `{}` to be given message number {count}", self.id);
        // The sender lives as long as the provider.
        within(&what, handed.wait_for(|handed| handed.len() >= count))
            .await
            .expect("it is borrowed here")
            .clone()
    }
}

#[async_trait]
impl Provider for FakeProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn max_concurrent(&self) -> usize {
        self.max_concurrent
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        let step = {
            let mut script = self.script.lock();
            script.next.pop_front().unwrap_or_else(|| script.always.clone())
        };
        // Before it is known that the message came: whoever releases then finds this one hanging.
        let mut released = self.released.subscribe();
        self.handed.send_modify(|handed| {
            handed.push(Handed {
                delivery: outgoing.delivery.clone(),
                verification: outgoing.verification.clone(),
                message: outgoing.message.clone(),
            });
        });
        match step {
            Step::Answer(outcome) => outcome,
            // The sender lives as long as the provider.
            Step::Hang => {
                released.changed().await.expect("it is borrowed here");
                released.borrow().clone()
            }
            Step::Panic => panic!("provider `{}` was told to panic", self.id),
        }
    }
}
