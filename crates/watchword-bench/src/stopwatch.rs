//! Real time: what this program is about, and the only place in it that asks for it.
#![expect(
    clippy::disallowed_methods,
    reason = "the load program measures real time; there is no clock to drive"
)]

use std::time::{Duration, Instant, SystemTime};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use watchword_core::ports::Clock;
use watchword_core::time::Timestamp;

/// How often [`until`] looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// This moment, for measuring how long something takes.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970, to tell the ids of one run of the program from those of another. 0 before 1970.
pub(crate) fn unix_millis() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}

/// Blocks the thread, as the timer of the runtime is too coarse (1 ms) to pace requests.
pub(crate) fn block_for(duration: Duration) {
    std::thread::sleep(duration);
}

/// Waits for what nothing tells of.
pub(crate) async fn wait(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Asks `probe` every few milliseconds until it has an answer, or gives up with `None` once `deadline` has passed.
pub(crate) async fn until<T>(deadline: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let started = now();
    loop {
        if let Some(answer) = probe().await {
            return Some(answer);
        }
        if started.elapsed() >= deadline {
            return None;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Ticks, the first at once.
pub(crate) fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

/// The system's clock, for what is measured and asks for the time itself.
pub(crate) struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(unix_millis() as i64)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let millis = at.as_millis().saturating_sub(self.now().as_millis());
        tokio::time::sleep(Duration::from_millis(u64::try_from(millis).unwrap_or(0))).boxed()
    }
}
