//! Room for one more message under the throttle rules.

use crate::key::SubjectKey;
use crate::ports::Throttled;
use crate::throttle::{SendTimes, Throttle, ThrottleKind, ThrottleRules};
use crate::time::Timestamp;

/// What is stored about the subjects of a [`Throttle`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendsView {
    /// The channel's rules.
    pub rules: ThrottleRules,
    /// The send times of each subject, in the throttle's order; empty ones where there are none.
    pub times: Vec<SendTimes>,
}

/// The send times to store.
pub type SendsWrite = Vec<(SubjectKey, SendTimes)>;

/// Why there is no room.
pub(super) enum NoRoom {
    SubjectMissing(ThrottleKind),
    Throttled(Throttled),
}

/// Looks for room under every rule, by IP address first, and counts the message against every subject.
pub(super) fn take_room(
    throttle: Option<&Throttle>,
    view: &SendsView,
    now: Timestamp,
) -> Result<SendsWrite, NoRoom> {
    let Some(throttle) = throttle else { return Ok(Vec::new()) };
    let kinds = [ThrottleKind::Ip, ThrottleKind::Target];
    for kind in kinds {
        let named = throttle.subjects.iter().any(|subject| subject.kind == kind);
        if !named && !view.rules.of(kind).is_empty() {
            return Err(NoRoom::SubjectMissing(kind));
        }
    }
    let subjects = || throttle.subjects.iter().zip(&view.times);
    for kind in kinds {
        let refusals = subjects().filter(|(subject, _)| subject.kind == kind).flat_map(|(_, times)| {
            let refusal = |rule| {
                times.refused_until(rule, now).map(|retry_at| Throttled { kind, rule: *rule, retry_at })
            };
            view.rules.of(kind).iter().filter_map(refusal)
        });
        if let Some(last_to_free) = refusals.max_by_key(|refusal| refusal.retry_at) {
            return Err(NoRoom::Throttled(last_to_free));
        }
    }
    Ok(subjects()
        .map(|(subject, times)| (subject.key, times.with(now, view.rules.of(subject.kind))))
        .collect())
}
