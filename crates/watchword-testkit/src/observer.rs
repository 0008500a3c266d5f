//! An observer that remembers what it was told.

use std::time::Duration;

use tokio::sync::watch;
use watchword_core::delivery::{DeliveryState, ProviderId};
use watchword_core::ports::Observer;

use crate::deadline::within;

/// One thing an observer is told. How long something took is left out: it differs from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A check was decided.
    Checked(&'static str),
    /// A provider was tried, with this outcome.
    Tried(ProviderId, &'static str),
    /// A delivery came to rest.
    Delivered(DeliveryState),
    /// A breaker opened (`true`) or closed.
    Breaker(ProviderId, bool),
    /// A store made so many operations durable at once.
    Committed(usize),
}

/// Remembers everything it is told.
#[derive(Debug)]
pub struct Recording {
    events: watch::Sender<Vec<Event>>,
}

impl Recording {
    /// Nothing was told yet.
    pub fn new() -> Self {
        Self { events: watch::Sender::new(Vec::new()) }
    }

    /// Everything so far, in order.
    pub fn events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }

    /// Waits until it was told `event` at least `count` times.
    ///
    /// # Panics
    /// It was not by the [`DEADLINE`](crate::deadline::DEADLINE).
    pub async fn wait_for(&self, event: &Event, count: usize) {
        let mut events = self.events.subscribe();
        let told = |events: &Vec<Event>| events.iter().filter(|one| *one == event).count() >= count;
        // The sender lives as long as `self`.
        within(&format!("{event:?}, {count} times"), events.wait_for(told)).await.expect("borrowed");
    }

    fn record(&self, event: Event) {
        self.events.send_modify(|events| events.push(event));
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Recording {
    fn checked(&self, result: &'static str) {
        self.record(Event::Checked(result));
    }

    fn tried(&self, provider: &ProviderId, outcome: &'static str, _took: Duration) {
        self.record(Event::Tried(provider.clone(), outcome));
    }

    fn delivered(&self, state: DeliveryState) {
        self.record(Event::Delivered(state));
    }

    fn breaker(&self, provider: &ProviderId, open: bool) {
        self.record(Event::Breaker(provider.clone(), open));
    }

    fn committed(&self, operations: usize, _took: Duration) {
        self.record(Event::Committed(operations));
    }
}
