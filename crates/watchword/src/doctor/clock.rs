//! Whether the clock can be right: passcodes expire by it.

use std::path::Path;
use std::time::Duration;

use watchword_core::ports::Clock;
use watchword_core::time::Timestamp;

use super::{Finding, State};

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
