//! The time of the machine: the only place that reads it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use watchword_core::ports::Clock;
use watchword_core::time::Timestamp;

/// A timer measures time while the machine is awake; so long at most does a sleeper miss that it slept, or was set forward.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(30);

/// The machine's clock, save that it never goes back. When the machine's is set back, this one runs on from where it was.
#[derive(Clone, Debug)]
pub struct SystemClock(std::sync::Arc<Shared>);

#[derive(Debug)]
struct Shared {
    started: Instant,
    /// Milliseconds from the epoch to `started`, by the most advanced reading so far.
    started_at: AtomicI64,
}

impl SystemClock {
    /// A clock that begins with the machine's time.
    #[expect(clippy::disallowed_methods, reason = "the clock itself has to read the machine's")]
    pub fn new() -> Self {
        let shared = Shared { started: Instant::now(), started_at: AtomicI64::new(wall_clock()) };
        Self(std::sync::Arc::new(shared))
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

/// Milliseconds since the epoch, as the machine says.
#[expect(clippy::disallowed_methods, reason = "the clock itself has to read the machine's")]
fn wall_clock() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

impl Shared {
    /// The time when the machine's clock shows `wall` and `running` milliseconds have passed since the start.
    fn at(&self, wall: i64, running: i64) -> Timestamp {
        let started_at = wall.saturating_sub(running);
        // Both parts of the sum only ever grow. Mostly nothing is new, and nothing is written that all threads read.
        let before = match self.started_at.load(Ordering::Relaxed) {
            before if before >= started_at => before,
            _ => self.started_at.fetch_max(started_at, Ordering::Relaxed),
        };
        Timestamp::from_millis(before.max(started_at).saturating_add(running))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let running = i64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.0.at(wall_clock(), running)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(async move {
            loop {
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
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_machine_forward_and_never_back() {
        let clock = SystemClock::new();
        let shared = Shared { started: clock.0.started, started_at: AtomicI64::new(1_000_000) };
        let at = |wall, running| shared.at(wall, running).as_millis();
        assert_eq!(at(1_000_010, 10), 1_000_010);
        // Set forward by a minute, as after a sleep of the machine.
        assert_eq!(at(1_060_020, 20), 1_060_020);
        // Set back by an hour: it runs on at its own pace.
        assert_eq!(at(-2_539_970, 30), 1_060_030);
        assert_eq!(at(-2_538_970, 1_030), 1_061_030);
    }

    #[tokio::test]
    async fn a_sleep_lasts_until_its_time_and_one_to_the_past_not_at_all() {
        let clock = SystemClock::new();
        let soon = clock.now().after(Duration::from_millis(30));
        clock.sleep_until(soon).await;
        assert!(clock.now() >= soon);
        clock.sleep_until(Timestamp::default()).await;
    }
}
