//! What is due where: looked up for all partitions at once, so that an idle dispatcher costs one small call a second, not 64.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::Value;
use parking_lot::Mutex;
use watchword_core::namespace::Partition;
use watchword_core::ports::StoreStats;
use watchword_core::time::Timestamp;

use super::reply::Reply;
use super::unreadable::Read;

/// How long an outlook counts. What other nodes leave behind is found this much later.
const GOOD_FOR: Duration = Duration::from_millis(500);

/// What is in the outbox of each partition, as it was a moment ago.
#[derive(Default)]
pub(super) struct Outlook {
    /// Counts what this process may have changed, by partition: before and after each operation.
    changes: Changes,
    seen: Mutex<Option<Seen>>,
}

struct Changes([AtomicU64; Partition::COUNT as usize]);

impl Default for Changes {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Changes {
    fn now(&self) -> Vec<u64> {
        self.0.iter().map(|changes| changes.load(Ordering::SeqCst)).collect()
    }
}

struct Seen {
    at: Timestamp,
    changes: Vec<u64>,
    next_due: Vec<Option<Timestamp>>,
}

/// What the last look says of a partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum View {
    /// It is too old for all of them: look again.
    Old,
    /// This process changed something there since.
    Unknown,
    /// When something is due there next; `None`: nothing is waiting.
    NextDue(Option<Timestamp>),
}

/// What stands before a look, so that what changes while it is on its way is noticed.
pub(super) struct Before(Vec<u64>);

impl Outlook {
    /// To be told before and after each operation that may change an outbox.
    pub(super) fn changes(&self, partition: Partition) {
        self.changes.0[usize::from(partition.number())].fetch_add(1, Ordering::SeqCst);
    }

    /// What is known of a partition at `now`.
    pub(super) fn of(&self, partition: Partition, now: Timestamp) -> View {
        let seen = self.seen.lock();
        let Some(seen) = seen.as_ref().filter(|seen| seen.at <= now && now < seen.at.after(GOOD_FOR)) else {
            return View::Old;
        };
        let index = usize::from(partition.number());
        if self.changes.0[index].load(Ordering::SeqCst) == seen.changes[index] {
            View::NextDue(seen.next_due[index])
        } else {
            View::Unknown
        }
    }

    /// To be called before a look is taken.
    pub(super) fn before(&self) -> Before {
        Before(self.changes.now())
    }

    /// What a look found in each partition.
    pub(super) fn saw(&self, before: Before, at: Timestamp, partitions: &[StoreStats]) {
        let next_due = partitions.iter().map(|partition| partition.oldest_due).collect();
        *self.seen.lock() = Some(Seen { at, changes: before.0, next_due });
    }
}

/// Reads the answers of `outlook.lua`: each partition by itself.
pub(super) fn partitions(answers: Vec<Value>) -> Read<Vec<StoreStats>> {
    let mut partitions = Vec::new();
    for answer in answers {
        partitions.extend(Reply::of(answer)?.rest(|partition| {
            let mut partition = Reply::of(partition)?;
            Ok(StoreStats {
                verifications: partition.unsigned()?,
                outbox: partition.unsigned()?,
                oldest_due: partition.optional_time()?,
            })
        })?);
    }
    Ok(partitions)
}

/// All of them together.
pub(super) fn total(partitions: &[StoreStats]) -> StoreStats {
    StoreStats {
        verifications: partitions.iter().map(|partition| partition.verifications).sum(),
        outbox: partitions.iter().map(|partition| partition.outbox).sum(),
        oldest_due: partitions.iter().filter_map(|partition| partition.oldest_due).min(),
    }
}
