//! Time that stands still until a test moves it.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use watchword_core::ports::Clock;
use watchword_core::time::Timestamp;

use crate::deadline::within;

/// A clock that only a test moves. Sleepers wake when the time they wait for is reached.
#[derive(Debug)]
pub struct FakeClock {
    now: watch::Sender<Timestamp>,
    sleepers: Arc<watch::Sender<BTreeMap<u64, Timestamp>>>,
    next_sleeper: AtomicU64,
}

impl FakeClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now: watch::Sender::new(now),
            sleepers: Arc::new(watch::Sender::new(BTreeMap::new())),
            next_sleeper: AtomicU64::new(0),
        }
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = now.after(by));
    }

    /// Moves it forward to `at`.
    ///
    /// # Panics
    /// `at` is past: a clock never goes back.
    pub fn set(&self, at: Timestamp) {
        self.now.send_modify(|now| {
            assert!(at >= *now, "the clock shows {now:?} and never goes back, so not to {at:?}");
            *now = at;
        });
    }

    /// What those who sleep now wait for, the earliest first.
    pub fn sleepers(&self) -> Vec<Timestamp> {
        let mut waking: Vec<_> = self.sleepers.borrow().values().copied().collect();
        waking.sort_unstable();
        waking
    }

    /// Waits until somebody sleeps whose time has not come yet, and gives back the earliest time that is waited for.
    ///
    /// # Panics
    /// Nobody does by the [`DEADLINE`](crate::deadline::DEADLINE).
    pub async fn next_wake(&self) -> Timestamp {
        let mut sleepers = self.sleepers.subscribe();
        let earliest = |sleepers: &BTreeMap<u64, Timestamp>| {
            let now = *self.now.borrow();
            sleepers.values().copied().filter(|at| *at > now).min()
        };
        let sleeping = async {
            loop {
                // Taken before waiting, so that no change in between is missed.
                let found = earliest(&sleepers.borrow_and_update());
                match found {
                    Some(at) => return at,
                    // The sender lives as long as the clock.
                    None => sleepers.changed().await.expect("the clock is borrowed here"),
                }
            }
        };
        within("somebody to sleep on the fake clock", sleeping).await
    }
}

impl Default for FakeClock {
    /// A clock that shows the morning of 2026-01-01, UTC.
    fn default() -> Self {
        Self::new(Timestamp::from_millis(1_767_258_000_000))
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let mut now = self.now.subscribe();
        let number = self.next_sleeper.fetch_add(1, Ordering::Relaxed);
        self.sleepers.send_modify(|sleepers| {
            sleepers.insert(number, at);
        });
        let sleeper = Sleeper { number, sleepers: Arc::clone(&self.sleepers) };
        Box::pin(async move {
            let _sleeper = sleeper;
            if now.wait_for(|now| *now >= at).await.is_err() {
                // The clock is gone, so this time never comes.
                pending::<()>().await;
            }
        })
    }
}

/// Takes a sleeper off the list when it wakes or is given up.
struct Sleeper {
    number: u64,
    sleepers: Arc<watch::Sender<BTreeMap<u64, Timestamp>>>,
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.sleepers.send_modify(|sleepers| {
            sleepers.remove(&self.number);
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_is_reached_and_not_before() {
        let clock = FakeClock::default();
        let noon = clock.now().after(Duration::from_secs(60));
        let mut sleep = clock.sleep_until(noon);
        clock.advance(Duration::from_millis(59_999));
        assert_eq!((&mut sleep).now_or_never(), None);
        assert_eq!(clock.next_wake().await, noon);
        clock.advance(Duration::from_millis(1));
        sleep.await;
        assert_eq!(clock.sleepers(), []);
    }

    #[tokio::test]
    async fn sleeping_until_the_past_returns_at_once() {
        let clock = FakeClock::default();
        assert_eq!(clock.sleep_until(clock.now()).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn a_sleeper_that_is_given_up_is_forgotten() {
        let clock = FakeClock::default();
        let (early, late) = (clock.now().after(Duration::from_secs(1)), Timestamp::from_millis(i64::MAX));
        let (first, _second) = (clock.sleep_until(early), clock.sleep_until(late));
        assert_eq!(clock.sleepers(), [early, late]);
        drop(first);
        assert_eq!(clock.sleepers(), [late]);
    }

    #[test]
    #[should_panic(expected = "never goes back")]
    fn it_never_goes_back() {
        let clock = FakeClock::default();
        clock.set(clock.now().before(Duration::from_millis(1)));
    }
}
