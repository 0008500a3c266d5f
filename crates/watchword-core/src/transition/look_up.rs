//! Looking a target up by its passcode.

use super::CountWrite;
use crate::address::Target;
use crate::guess::{GuessCount, LookupRule};
use crate::time::Timestamp;

/// What a store writes for a look-up, and what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUpWrite {
    /// The answer. A refused look-up looks like a miss.
    pub target: Option<Target>,
    /// What to do with the row that counts misses.
    pub count: CountWrite,
}

/// Decides a look-up, given the newest live target that holds the passcode and the row that counts misses.
pub fn look_up(
    found: Option<Target>,
    count: Option<GuessCount>,
    rule: &LookupRule,
    now: Timestamp,
) -> LookUpWrite {
    if count.and_then(|count| count.refused(now)).is_some() {
        return LookUpWrite { target: None, count: CountWrite::Unchanged };
    }
    let count = match (&found, count) {
        (Some(_), None) => CountWrite::Unchanged,
        (Some(_), Some(_)) => CountWrite::Clear,
        (None, count) => CountWrite::Set(rule.after_miss(count, now)),
    };
    LookUpWrite { target: found, count }
}
