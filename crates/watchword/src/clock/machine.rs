//! What the machine's clocks say.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use watchword_core::time::Timestamp;

/// What is read of a machine. All in milliseconds.
pub(super) trait Readings: Send + Sync + 'static {
    /// Since the epoch, as its clock on the wall says; that one may be set.
    fn wall(&self) -> i64;

    /// How long this process has run, also while the machine slept. It never goes back.
    fn running(&self) -> i64;

    /// The time when the process has run for so long: the wall clock's, save that it never goes back.
    fn now(&self, running: i64) -> Timestamp;
}

/// The real one.
#[derive(Debug)]
pub(super) struct Machine {
    started: i64,
    steady: Steady,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self { started: since_boot(), steady: Steady(AtomicI64::new(wall_clock())) }
    }
}

impl Readings for Machine {
    fn wall(&self) -> i64 {
        wall_clock()
    }

    fn running(&self) -> i64 {
        since_boot().saturating_sub(self.started)
    }

    fn now(&self, running: i64) -> Timestamp {
        self.steady.at(self.wall(), running)
    }
}

/// Milliseconds since the machine was booted, those that it slept included (`CLOCK_BOOTTIME`).
fn since_boot() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}

/// Milliseconds since the epoch, as the machine says.
#[expect(clippy::disallowed_methods, reason = "the clock itself has to read the machine's")]
fn wall_clock() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds from the epoch to the start, by the most advanced reading so far.
#[derive(Debug)]
struct Steady(AtomicI64);

impl Steady {
    /// The time when the machine's clock shows `wall` and `running` milliseconds have passed since the start.
    fn at(&self, wall: i64, running: i64) -> Timestamp {
        let started_at = wall.saturating_sub(running);
        // Both parts of the sum only ever grow. Mostly nothing is new, and nothing is written that all threads read.
        let before = match self.0.load(Ordering::Relaxed) {
            before if before >= started_at => before,
            _ => self.0.fetch_max(started_at, Ordering::Relaxed),
        };
        Timestamp::from_millis(before.max(started_at).saturating_add(running))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_machine_forward_and_never_back() {
        let steady = Steady(AtomicI64::new(1_000_000));
        let at = |wall, running| steady.at(wall, running).as_millis();
        assert_eq!(at(1_000_010, 10), 1_000_010);
        // Set forward by a minute, as after a sleep of the machine.
        assert_eq!(at(1_060_020, 20), 1_060_020);
        // Set back by an hour: it runs on at its own pace.
        assert_eq!(at(-2_539_970, 30), 1_060_030);
        assert_eq!(at(-2_538_970, 1_030), 1_061_030);
    }
}
