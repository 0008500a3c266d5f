//! Guess limits: wrong checks in a row allowed per target, over all its verifications. A resend never refills them.

use std::time::Duration;

use crate::time::Timestamp;

/// How many wrong checks in a row a target may have (NIST SP 800-63B section 5.2.2 asks for at most 100).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessRule {
    /// From this many on, each wrong check refuses the next for 1, 2, 4 … minutes, at most `max_wait`. 0: never.
    pub burst: u32,
    /// The longest wait before the budget is used up.
    pub max_wait: Duration,
    /// From this many on, each wrong check refuses the next for `budget_wait`. 0: never.
    pub budget: u32,
    /// The wait once the budget is used up.
    pub budget_wait: Duration,
}

impl Default for GuessRule {
    fn default() -> Self {
        Self {
            burst: 10,
            max_wait: Duration::from_mins(15),
            budget: 100,
            budget_wait: Duration::from_hours(24),
        }
    }
}

impl GuessRule {
    /// How long the next check is refused after this many wrong ones in a row.
    pub fn wait_after(&self, wrong_in_a_row: u32) -> Duration {
        if self.budget > 0 && wrong_in_a_row >= self.budget {
            return self.budget_wait;
        }
        if self.burst == 0 || wrong_in_a_row < self.burst {
            return Duration::ZERO;
        }
        let doublings = (wrong_in_a_row - self.burst).min(20);
        Duration::from_mins(1 << doublings).min(self.max_wait)
    }
}

/// The wrong checks in a row of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessCount {
    /// Since the last right check.
    pub wrong_in_a_row: u32,
    /// No check is looked at before. The beginning of time where the last wrong one refused none: clocks of nodes differ by a few
    /// milliseconds, and a check on another must not seem to come before.
    pub refused_until: Timestamp,
    /// When the last wrong one came.
    pub last_wrong_at: Timestamp,
}

impl GuessCount {
    /// How long a count outlives the last wrong check, or the refusal it caused.
    pub const KEPT: Duration = Duration::from_hours(24);

    /// Whether a check is refused at `now`, and until when.
    pub fn refused(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.refused_until).then_some(self.refused_until)
    }

    /// The count after one more wrong check.
    #[must_use]
    pub fn after_wrong(count: Option<Self>, rule: &GuessRule, now: Timestamp) -> Self {
        let before = count.filter(|count| now < count.garbage_at()).map_or(0, |count| count.wrong_in_a_row);
        let wrong_in_a_row = before.saturating_add(1);
        let refused_until = match rule.wait_after(wrong_in_a_row) {
            Duration::ZERO => Timestamp::default(),
            wait => now.after(wait),
        };
        Self { wrong_in_a_row, refused_until, last_wrong_at: now }
    }

    /// From when on it counts for nothing.
    pub fn garbage_at(&self) -> Timestamp {
        self.last_wrong_at.max(self.refused_until).after(Self::KEPT)
    }
}

/// How many look-ups by passcode in a row may miss, per channel of a namespace.
///
/// Anyone can cause misses, so the wait is short: it slows a search through all codes, and locks nobody out for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupRule {
    /// From this many misses on, each refuses the channel's look-ups for `wait`. 0: never.
    pub burst: u32,
    /// How long.
    pub wait: Duration,
}

impl Default for LookupRule {
    fn default() -> Self {
        Self { burst: 100, wait: Duration::from_secs(10) }
    }
}

impl LookupRule {
    /// The count of missed look-ups in a row after one more.
    #[must_use]
    pub fn after_miss(&self, count: Option<GuessCount>, now: Timestamp) -> GuessCount {
        let rule =
            GuessRule { burst: 0, max_wait: Duration::ZERO, budget: self.burst, budget_wait: self.wait };
        GuessCount::after_wrong(count, &rule, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_from_the_tenth_and_is_a_day_from_the_hundredth() {
        let rule = GuessRule::default();
        let minutes = |wrong| rule.wait_after(wrong).as_secs() / 60;
        let waits: Vec<_> = [1, 9, 10, 11, 12, 13, 14, 50, 99, 100, 1_000].map(minutes).into();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 15, 15, 15, 24 * 60, 24 * 60]);
    }

    #[test]
    fn zero_switches_a_limit_off() {
        let rule = GuessRule { burst: 0, budget: 0, ..GuessRule::default() };
        assert_eq!(rule.wait_after(u32::MAX), Duration::ZERO);
        let rule = GuessRule { burst: 0, ..GuessRule::default() };
        assert_eq!((rule.wait_after(99), rule.wait_after(100)), (Duration::ZERO, rule.budget_wait));
    }

    #[test]
    fn a_count_is_forgotten_a_day_after_it_ended_and_not_before() {
        let rule = GuessRule::default();
        let start = Timestamp::from_millis(0);
        let hundred = GuessCount { wrong_in_a_row: 99, refused_until: start, last_wrong_at: start };
        let hundred = GuessCount::after_wrong(Some(hundred), &rule, start);
        let day = Duration::from_hours(24);
        assert_eq!(
            hundred.refused(start.after(day).before(Duration::from_millis(1))),
            Some(start.after(day))
        );
        let next = GuessCount::after_wrong(Some(hundred), &rule, start.after(day));
        assert_eq!(next.wrong_in_a_row, 101);
        let later = GuessCount::after_wrong(Some(hundred), &rule, start.after(day * 2));
        assert_eq!(later.wrong_in_a_row, 1);
    }

    #[test]
    fn missed_look_ups_wait_ten_seconds_and_never_longer() {
        let rule = LookupRule::default();
        let now = Timestamp::from_millis(0);
        let mut count = None;
        for _ in 0..500 {
            count = Some(rule.after_miss(count, now));
        }
        assert_eq!(count.unwrap().refused(now), Some(now.after(Duration::from_secs(10))));
    }
}
