//! Points in time, as people and programs read them.

use std::time::Duration;

use watchword_core::time::Timestamp;

/// RFC 3339 in UTC, to the second; what is past the year 9999 is its end.
pub(super) fn utc(at: Timestamp) -> String {
    let (first, last) = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    let seconds = at.as_millis().div_euclid(1_000).clamp(first, last);
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// `2026-11-21T12:00:00Z (3 min ago)`.
pub(super) fn utc_and_distance(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", utc(at), distance(at, now))
}

/// `3 min ago`, `in 2 h`, `now`.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> String {
    let (ago, ahead) = (at.until(now), now.until(at));
    if ago.max(ahead) < Duration::from_secs(1) {
        "now".to_owned()
    } else if at < now {
        format!("{} ago", rounded(ago))
    } else {
        format!("in {}", rounded(ahead))
    }
}

/// In the largest unit that it is one of at least, rounded down.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_utc_and_from_now() {
        let now = Timestamp::from_millis(1_770_000_000_999);
        for (before, expected) in [
            (0, "2026-02-02T02:40:00Z (now)"),
            (999, "2026-02-02T02:40:00Z (now)"),
            (1_000, "2026-02-02T02:39:59Z (1 s ago)"),
            (-59_999, "2026-02-02T02:41:00Z (in 59 s)"),
            (60_000, "2026-02-02T02:39:00Z (1 min ago)"),
            (3_600_000, "2026-02-02T01:40:00Z (1 h ago)"),
            (172_799_000, "2026-01-31T02:40:01Z (47 h ago)"),
            (-172_800_000, "2026-02-04T02:40:00Z (in 2 days)"),
        ] {
            let at = Timestamp::from_millis(now.as_millis() - before);
            assert_eq!(utc_and_distance(at, now), expected);
        }
    }

    #[test]
    fn a_time_past_all_calendars_is_their_last_second() {
        assert_eq!(utc(Timestamp::from_millis(i64::MAX)), "9999-12-30T22:00:00Z");
    }
}
