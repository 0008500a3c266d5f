//! Whose turn it is: the next verification of a load, as soon as a connection is free, or when it is due.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::latency::Latencies;
use crate::stopwatch;

/// Longest single wait of the pacing thread, so that it sees soon that the load was given up.
const MAX_PACE_WAIT: Duration = Duration::from_millis(100);

/// A turn that waited longer than this for a free connection is counted as one that waited.
const WAITED: Duration = Duration::from_millis(1);

/// Hands out the turns. At a fixed rate a turn's latency counts from when it was due, however late a connection is
/// free to take it: a server that stalls can't hide the requests that it kept from being sent.
pub(super) struct Turns {
    next: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    count: u64,
    max_errors: u64,
    given_up: AtomicBool,
    pace: Option<Pace>,
}

struct Pace {
    rate: f64,
    started: Instant,
    due: Semaphore,
}

/// One turn.
pub(super) struct Turn {
    pub(super) number: u64,
    /// When its latency counts from.
    pub(super) since: Instant,
    /// How late it was, at a fixed rate.
    pub(super) late: Option<Late>,
}

/// Why a turn was taken later than it was due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Late {
    /// Since it was due.
    whole: Duration,
    /// Of that, since a connection was free, too: nobody but the load program is to blame.
    own: Duration,
}

/// How late the turns of a load were.
pub(crate) struct Lateness {
    pub(crate) whole: Latencies,
    pub(crate) own: Latencies,
    /// Turns that were due while every connection was busy.
    pub(crate) waited: u64,
}

impl Turns {
    /// `count` turns, as fast as they are taken or at a rate a second that begins at `started`.
    pub(super) fn new(count: u64, rate: Option<f64>, max_errors: u64, started: Instant) -> Self {
        Self {
            next: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            count,
            max_errors,
            given_up: AtomicBool::new(false),
            pace: rate.map(|rate| Pace { rate, started, due: Semaphore::new(0) }),
        }
    }

    /// The next turn, for a connection that is `free` since then. `None` when all are taken.
    pub(super) async fn next(&self, free: Instant) -> Option<Turn> {
        if let Some(pace) = &self.pace {
            // Never closed, so this only ever waits for a turn to be due.
            pace.due.acquire().await.ok()?.forget();
        }
        if self.given_up.load(Ordering::Relaxed) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.count {
            return None;
        }
        let now = stopwatch::now();
        let due = self.pace.as_ref().map(|pace| pace.at(number));
        let late = due.map(|due| Late::of(due, free, now));
        Some(Turn { number, since: due.unwrap_or(now), late })
    }

    /// Counts a turn that is over. Too many failures end the load.
    pub(super) fn count_done(&self, failed: bool) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if failed && self.failed.fetch_add(1, Ordering::Relaxed) + 1 >= self.max_errors {
            self.give_up();
        }
    }

    /// How many are over.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// No turn is handed out any more.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Releases each turn when it is due, then `extra` more that tell the workers to end. Blocks its thread.
    pub(super) fn hand_out_in_time(&self, extra: usize) {
        let Some(pace) = &self.pace else { return };
        let mut released = 0;
        while released < self.count && !self.given_up.load(Ordering::Relaxed) {
            // A float too large for an integer becomes the largest one: no turn is lost.
            let due = (pace.started.elapsed().as_secs_f64() * pace.rate) as u64;
            let due = due.saturating_add(1).min(self.count);
            // At most `count` permits in all, far below what a semaphore holds.
            pace.due.add_permits((due - released) as usize);
            released = due;
            let wait = pace.at(released).saturating_duration_since(stopwatch::now());
            stopwatch::block_for(wait.min(MAX_PACE_WAIT));
        }
        pace.due.add_permits(extra);
    }
}

impl Pace {
    /// When a turn is due.
    fn at(&self, number: u64) -> Instant {
        self.started + Duration::from_secs_f64(number as f64 / self.rate)
    }
}

impl Late {
    /// For a turn that was `due`, taken at `now` by a connection that was `free` since then.
    fn of(due: Instant, free: Instant, now: Instant) -> Self {
        Self { whole: now.saturating_duration_since(due), own: now.saturating_duration_since(due.max(free)) }
    }
}

impl Lateness {
    pub(super) fn new() -> Self {
        Self { whole: Latencies::new(), own: Latencies::new(), waited: 0 }
    }

    pub(super) fn record(&mut self, late: Late) {
        self.whole.record(late.whole);
        self.own.record(late.own);
        self.waited += u64::from(late.whole.saturating_sub(late.own) > WAITED);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.whole.add(&other.whole);
        self.own.add(&other.own);
        self.waited += other.waited;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_the_load_programs_own_only_from_when_a_connection_was_free() {
        let start = stopwatch::now();
        let at = |millis| start + Duration::from_millis(millis);
        let cases = [
            // due, free, now, whole, own
            (10, 0, 10, 0, 0),
            (10, 0, 13, 3, 3),
            (10, 40, 41, 31, 1),
            (10, 12, 12, 2, 0),
            // A turn may be released a moment before it is due.
            (10, 0, 9, 0, 0),
        ];
        for (due, free, now, whole, own) in cases {
            let late = Late::of(at(due), at(free), at(now));
            let expected = Late { whole: Duration::from_millis(whole), own: Duration::from_millis(own) };
            assert_eq!(late, expected, "due {due}, free {free}, now {now}");
        }
    }

    #[tokio::test]
    async fn a_turn_that_is_due_early_never_goes_before_its_time() {
        // 20 turns at 200 a second: the last is due 95 ms after the first.
        let turns = std::sync::Arc::new(Turns::new(20, Some(200.0), 1, stopwatch::now()));
        let pacing = std::sync::Arc::clone(&turns);
        let thread = std::thread::spawn(move || pacing.hand_out_in_time(1));
        let mut taken = Vec::new();
        while let Some(turn) = turns.next(stopwatch::now()).await {
            assert!(turn.since <= stopwatch::now() + Duration::from_millis(1), "turn {}", turn.number);
            taken.push(turn.number);
        }
        thread.join().unwrap();
        assert_eq!(taken, (0..20).collect::<Vec<_>>());
    }
}
