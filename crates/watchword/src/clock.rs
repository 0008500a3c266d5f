//! The time: the machine's, or where nodes share a store, the store's. The only place that reads the machine's clock.

mod anchor;
mod machine;
mod sync;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use watchword_core::ports::Clock;
use watchword_core::time::Timestamp;

use anchor::Anchor;
use machine::{Machine, Readings};
use sync::Doubted;
pub use sync::{Anchored, SyncError, keep_anchored};

/// A timer measures time while the machine is awake; so long at most does a sleeper miss that it slept, or was set forward.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(30);

/// The clock of this process; all clones are the same one. It never goes back.
///
/// It begins as the machine's clock; when that is set back, this one runs on from where it was. Once it is
/// [anchored](Self::anchor) it goes by a store's time and no more by the machine's, so that the nodes on one store agree,
/// whatever their machines say. The first anchoring alone may move it back, for nothing has been served by it before.
#[derive(Clone)]
pub struct SystemClock(Arc<Shared>);

struct Shared {
    machine: Box<dyn Readings>,
    anchor: OnceLock<RwLock<Anchor>>,
    /// A time of the store's that is far from what was expected, and how often it was seen.
    doubted: Mutex<Option<Doubted>>,
}

impl SystemClock {
    /// A clock that begins with the machine's time.
    pub fn new() -> Self {
        Self::of(Machine::new())
    }

    fn of(machine: impl Readings) -> Self {
        Self(Arc::new(Shared {
            machine: Box::new(machine),
            anchor: OnceLock::new(),
            doubted: Mutex::default(),
        }))
    }

    /// Whether it goes by a store's time.
    pub fn is_anchored(&self) -> bool {
        self.0.anchor.get().is_some()
    }

    /// How far it is ahead of the store's time, as that is known: it slows down until the store has caught up.
    pub fn ahead(&self) -> Duration {
        let Some(anchor) = self.0.anchor.get() else { return Duration::ZERO };
        let (anchor, running) = (anchor.read(), self.0.machine.running());
        anchor.store_at(running).until(anchor.at(running))
    }

    /// How many milliseconds the machine is ahead of the store; less than zero where it is behind. `None`: there is no store to go by.
    pub fn machine_ahead(&self) -> Option<i64> {
        let anchor = self.0.anchor.get()?.read();
        let store = anchor.store_at(self.0.machine.running());
        Some(self.0.machine.wall().saturating_sub(store.as_millis()))
    }

    /// From here on it goes by a store whose time was `store` when this process had run for `running` milliseconds.
    fn set(&self, store: Timestamp, running: i64) {
        let shared = &*self.0;
        let mut is_first = false;
        let anchor = shared.anchor.get_or_init(|| {
            is_first = true;
            let machine = shared.machine.now(shared.machine.running());
            RwLock::new(Anchor::first(store, running, machine, shared.machine.running()))
        });
        if !is_first {
            let mut anchor = anchor.write();
            // Read with the lock held: no reader has seen a later time by the old anchor.
            anchor.again(store, running, shared.machine.running());
        }
    }

    /// How far the first anchoring moved it: what was to come before then comes so much later by the new time.
    fn moved(&self) -> i64 {
        self.0.anchor.get().map_or(0, |anchor| anchor.read().moved())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SystemClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemClock").field("is_anchored", &self.is_anchored()).finish_non_exhaustive()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let machine = &*self.0.machine;
        match self.0.anchor.get() {
            None => machine.now(machine.running()),
            Some(anchor) => {
                let anchor = anchor.read();
                anchor.at(machine.running())
            }
        }
    }

    fn machine(&self) -> Timestamp {
        let machine = &*self.0.machine;
        machine.now(machine.running())
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let moved_before = clock.moved();
        Box::pin(async move {
            loop {
                let moved = clock.moved().saturating_sub(moved_before);
                let at = Timestamp::from_millis(at.as_millis().saturating_add(moved));
                let wait = clock.now().until(at);
                if wait.is_zero() {
                    return;
                }
                #[expect(clippy::disallowed_methods, reason = "this is `Clock::sleep_until`")]
                tokio::time::sleep(wait.min(LOOK_AT_LEAST_EVERY)).await;
            }
        })
    }
}

#[cfg(test)]
mod tests;
