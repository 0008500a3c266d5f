//! The thread that answers questions: it never waits for the disk to take a write.

use std::time::Duration;

use watchword_core::ports::StoreError;

use super::job::Job;
use super::queue::Queue;
use super::tables::Tables;

/// Questions answered in one transaction, at most.
const MAX_BATCH: usize = 64;

/// Runs until the queue is closed and empty.
pub(super) fn run(tables: &Tables<'_>, queue: &Queue<Box<dyn Job>>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while queue.take(&mut batch, MAX_BATCH, 1, Duration::ZERO) {
        batch.retain(|job| !job.is_abandoned());
        let answered = answer(tables, &mut batch);
        for job in batch.drain(..) {
            job.reply(&answered);
        }
    }
}

/// One transaction for all of them saves the locks of each.
fn answer(tables: &Tables<'_>, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    tables.execute("BEGIN", []).map_err(StoreError::unavailable)?;
    for job in batch {
        // A question that failed says so in its own answer; it wrote nothing that the others could see.
        let _ = super::job::run(job.as_mut(), tables);
    }
    tables.execute("COMMIT", []).map(drop).map_err(StoreError::unavailable)
}
