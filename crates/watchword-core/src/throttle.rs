//! Throttle rules: how many messages an IP address or a target may cause per window of time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::Channel;
use crate::key::SubjectKey;
use crate::time::Timestamp;

/// What a rule counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleKind {
    /// Who asked: the IP address that the caller passes on. Looked at first.
    Ip,
    /// Where the message goes.
    Target,
}

impl fmt::Display for ThrottleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "ip",
            Self::Target => "target",
        })
    }
}

/// At most `rate` messages in any `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottleRule {
    /// The most messages.
    pub rate: u32,
    /// In how long a time; it slides.
    #[serde(rename = "window_millis", with = "millis")]
    pub window: Duration,
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(window: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(window.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// The rules of one channel of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottleRules {
    /// Those by IP address.
    pub by_ip: Vec<ThrottleRule>,
    /// Those by target.
    pub by_target: Vec<ThrottleRule>,
}

impl ThrottleRules {
    /// The rules of one kind.
    pub fn of(&self, kind: ThrottleKind) -> &[ThrottleRule] {
        match kind {
            ThrottleKind::Ip => &self.by_ip,
            ThrottleKind::Target => &self.by_target,
        }
    }
}

/// Who or what a send counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleSubject {
    /// By what.
    pub kind: ThrottleKind,
    /// Its keyed hash, which has the channel in it.
    pub key: SubjectKey,
}

/// What a send asks of the throttle rules: the channel's rules, against these subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Whose rules.
    pub channel: Channel,
    /// At most one of each kind.
    pub subjects: Vec<ThrottleSubject>,
}

/// When the accepted sends of one subject were, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendTimes(Vec<Timestamp>);

impl SendTimes {
    /// How long they are kept at least, also while no rule exists: a rule set tomorrow looks back.
    pub const KEPT: Duration = Duration::from_hours(24);
    /// How many of the newest are kept at least.
    pub const KEPT_COUNT: usize = 100;

    /// Times in any order.
    pub fn new(mut times: Vec<Timestamp>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Oldest first.
    pub fn as_slice(&self) -> &[Timestamp] {
        &self.0
    }

    /// When `rule` has room for one more: `None` means now.
    pub fn refused_until(&self, rule: &ThrottleRule, now: Timestamp) -> Option<Timestamp> {
        if rule.rate == 0 {
            return Some(now.after(rule.window));
        }
        // The rate-th newest send must have left the window.
        let blocking = self.0.len().checked_sub(rule.rate as usize)?;
        let frees_at = self.0.get(blocking)?.after(rule.window);
        (now < frees_at).then_some(frees_at)
    }

    /// Adds a send and forgets what no rule can look at any more.
    #[must_use]
    pub fn with(&self, now: Timestamp, rules: &[ThrottleRule]) -> Self {
        let oldest = now.before(rules.iter().map(|rule| rule.window).fold(Self::KEPT, Duration::max));
        let most = rules.iter().map(|rule| rule.rate as usize).fold(Self::KEPT_COUNT, usize::max);
        let mut times: Vec<_> = self.0.iter().copied().filter(|time| *time > oldest).collect();
        // Clocks of several nodes may differ by a little; the order must hold all the same.
        times.insert(times.partition_point(|time| *time <= now), now);
        times.drain(..times.len().saturating_sub(most));
        Self(times)
    }

    /// When nothing in here can count any more.
    pub fn garbage_at(&self, rules: &[ThrottleRule]) -> Option<Timestamp> {
        let kept = rules.iter().map(|rule| rule.window).fold(Self::KEPT, Duration::max);
        self.0.last().map(|last| last.after(kept))
    }

    /// Packed for a store: 8 bytes a time, big-endian milliseconds.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|time| time.as_millis().to_be_bytes()).collect()
    }

    /// Unpacks [`Self::to_bytes`]; a broken tail is dropped.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|time| Timestamp::from_millis(i64::from_be_bytes(*time)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_MINUTES: ThrottleRule = ThrottleRule { rate: 3, window: Duration::from_secs(600) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_window_slides() {
        let times = SendTimes::new(vec![at(0), at(100), at(200)]);
        assert_eq!(times.refused_until(&TEN_MINUTES, at(300)), Some(at(600)));
        assert_eq!(times.refused_until(&TEN_MINUTES, at(599)), Some(at(600)));
        assert_eq!(times.refused_until(&TEN_MINUTES, at(600)), None);
        let times = times.with(at(600), &[TEN_MINUTES]);
        assert_eq!(times.refused_until(&TEN_MINUTES, at(600)), Some(at(700)));
    }

    #[test]
    fn fewer_sends_than_the_rate_always_have_room() {
        assert_eq!(SendTimes::new(vec![at(0), at(0)]).refused_until(&TEN_MINUTES, at(0)), None);
        assert_eq!(SendTimes::default().refused_until(&TEN_MINUTES, at(0)), None);
        let none = ThrottleRule { rate: 0, ..TEN_MINUTES };
        assert_eq!(SendTimes::default().refused_until(&none, at(0)), Some(at(600)), "no rate, no room");
    }

    #[test]
    fn sends_are_kept_for_a_rule_that_comes_later_but_not_without_end() {
        let day = 24 * 3_600;
        let mut times = SendTimes::default();
        for second in 0..250 {
            times = times.with(at(second), &[]);
        }
        assert_eq!(times.as_slice().len(), SendTimes::KEPT_COUNT);
        assert_eq!(times.with(at(day + 249), &[]).as_slice(), [at(day + 249)]);
        let week = ThrottleRule { rate: 500, window: Duration::from_secs(7 * 24 * 3_600) };
        assert_eq!(times.with(at(day + 249), &[week]).as_slice().len(), SendTimes::KEPT_COUNT + 1);
    }

    #[test]
    fn packing_keeps_every_time() {
        let times = SendTimes::new(vec![at(-5), at(7)]);
        assert_eq!(SendTimes::from_bytes(&times.to_bytes()), times);
    }
}
