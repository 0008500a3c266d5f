//! Removes what counts for nothing any more, a little at a time, so that other work comes through in between.

use std::sync::Arc;
use std::time::Duration;

use watchword_core::namespace::Partition;
use watchword_core::ports::{Clock, Store};

/// Rows of one operation: short enough that nobody waits behind it for long.
const BATCH: usize = 200;

/// How often it is looked for. What ends is gone within a minute.
const EVERY: Duration = Duration::from_secs(20);

/// Purges until it is dropped.
pub async fn run(store: Arc<dyn Store>, clock: Arc<dyn Clock>) {
    loop {
        for partition in store.partitions() {
            purge(&*store, &*clock, partition).await;
        }
        clock.sleep_until(clock.now().after(EVERY)).await;
    }
}

async fn purge(store: &dyn Store, clock: &dyn Clock, partition: Partition) {
    loop {
        match store.purge(partition, clock.now(), BATCH).await {
            Ok(purged) if purged.more => tokio::task::yield_now().await,
            Ok(_) => return,
            // The next round tries again.
            Err(error) => return tracing::warn!(%error, "what has ended can't be removed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use watchword_core::address::Channel;
    use watchword_core::guess::{GuessCount, LookupRule};
    use watchword_core::keyring::SubjectKey;
    use watchword_core::namespace::Namespace;
    use watchword_core::ports::{NewestTarget, Retention};
    use watchword_store::Memory;
    use watchword_testkit::time::FakeClock;

    use super::*;

    const ROWS: u8 = 250;

    /// Two counts for each row's number: more than two batches.
    async fn store_with_rows(clock: &FakeClock) -> Arc<Memory> {
        let store = Memory::new(Retention::default());
        for (first, second) in (0..ROWS).flat_map(|number| [(number, 0), (number, 1)]) {
            let mut subject = [0; 16];
            (subject[0], subject[1]) = (first, second);
            let missed = NewestTarget {
                namespace: Namespace::new("app").unwrap(),
                now: clock.now(),
                channel: Channel::new("sms").unwrap(),
                digests: Vec::new(),
                subject: SubjectKey::from_bytes(subject),
                lookup_rule: LookupRule::default(),
            };
            assert_eq!(store.newest_target(missed).await.unwrap(), None);
        }
        Arc::new(store)
    }

    #[tokio::test]
    async fn what_has_ended_is_gone_within_a_minute_also_where_it_is_more_than_a_batch() {
        let clock = Arc::new(FakeClock::default());
        let (purged, beside) = (store_with_rows(&clock).await, store_with_rows(&clock).await);
        let purging = tokio::spawn(run(Arc::clone(&purged) as _, Arc::clone(&clock) as _));
        let next_look = clock.next_wake().await;
        assert!(next_look <= clock.now().after(Duration::from_secs(60)));
        clock.advance(GuessCount::KEPT);
        // It sleeps again once it is through.
        clock.next_wake().await;
        let left = |store: Arc<Memory>| async move {
            store.purge(Partition::new(0), clock.now(), usize::MAX).await.unwrap().rows
        };
        assert_eq!(left(purged).await, 0);
        purging.abort();
        let clock = FakeClock::new(next_look.after(GuessCount::KEPT));
        let rows = beside.purge(Partition::new(0), clock.now(), usize::MAX).await.unwrap().rows;
        assert_eq!(rows, 2 * usize::from(ROWS), "there was something to purge");
    }
}
