//! Whether the clock can be right: passcodes expire by it.

use std::path::Path;
use std::time::Duration;

use watchword_core::ports::{Clock, Store};
use watchword_core::time::Timestamp;

use super::{Finding, State};
use crate::clock::SystemClock;

/// 2026-01-01: no build of this program is older.
const NO_EARLIER: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// systemd-timesyncd leaves this file once it has the time from a server.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// The clock of another machine may differ so much, the time that its answer took included.
pub(super) const TOLERANCE: Duration = Duration::from_secs(5);

pub(super) fn examine(clock: &dyn Clock) -> Finding {
    let now = clock.now();
    let subject = "clock";
    if now < NO_EARLIER {
        let detail = "is years behind: set it, and run a time service such as chrony or systemd-timesyncd";
        return Finding::new(subject, State::Failed, detail);
    }
    if Path::new(SYNCHRONIZED).exists() {
        return Finding::new(subject, State::Good, "kept right by systemd-timesyncd");
    }
    let detail = "plausible; whether a time service keeps it right can't be seen from here";
    Finding::new(subject, State::Good, detail)
}

/// Whether this machine's clock and the store's agree. `None`: the store has none of its own.
pub(super) async fn beside(store: &dyn Store) -> Option<Finding> {
    let clock = SystemClock::new();
    let subject = "store clock";
    if let Err(error) = clock.anchor(store).await {
        let detail = format!("{error}; a server does not start before it knows the time of its store");
        return Some(Finding::new(subject, State::Failed, detail));
    }
    clock.machine_ahead().map(|ahead| compared(subject, ahead))
}

/// Servers go by the store's time, but certificates and other machines don't.
fn compared(subject: &str, ahead: i64) -> Finding {
    let apart = Duration::from_millis(ahead.unsigned_abs());
    if apart <= TOLERANCE {
        return Finding::new(subject, State::Good, "agrees with this machine's; servers go by it");
    }
    let seconds = apart.as_secs();
    let word = if ahead > 0 { "ahead of" } else { "behind" };
    let detail = format!(
        "this machine's clock is {seconds} s {word} it; servers go by it: run a time service on both"
    );
    Finding::new(subject, State::Warning, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_may_differ_a_little_from_its_store() {
        for (ahead, state, words) in [
            (0, State::Good, "agrees"),
            (-5_000, State::Good, "agrees"),
            (5_001, State::Warning, "5 s ahead of it"),
            (-90_000, State::Warning, "90 s behind it"),
        ] {
            let Finding { state: found, detail, .. } = compared("store clock", ahead);
            assert_eq!(found, state);
            assert!(detail.contains(words), "{detail}");
        }
    }
}
