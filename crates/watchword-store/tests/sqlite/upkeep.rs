//! Queues, purge, close.

use std::time::Duration;

use watchword_core::ports::{
    CheckOutcome, ClaimDue, Fenced, Purged, Retention, Store, StoreError, StoreStats,
};
use watchword_store::{SqliteOptions, SqliteStore};

use crate::sample::{NOW, PASSCODE, Samples, TTL, accepted, open};

#[tokio::test]
async fn the_purge_takes_no_more_than_it_may_and_leaves_what_is_live() {
    let folder = tempfile::tempdir().unwrap();
    let (samples, store) = (Samples::new(), open(&folder.path().join("watchword.db")));
    let partition = store.partitions()[0];
    for number in 0..600 {
        let mut start = samples.start(&format!("john-{number}"), NOW);
        start.candidates[0].deliveries.clear();
        start.expires_at = if number % 2 == 0 { NOW.after(TTL) } else { NOW.after(TTL * 2) };
        store.start(start).await.unwrap();
    }
    let before = NOW.after(TTL - Duration::from_millis(1));
    assert_eq!(store.purge(partition, before, 1_000).await.unwrap(), Purged { rows: 0, more: false });
    let at = NOW.after(TTL);
    assert_eq!(store.purge(partition, at, 120).await.unwrap(), Purged { rows: 120, more: true });
    assert_eq!(store.purge(partition, at, 120).await.unwrap(), Purged { rows: 120, more: true });
    assert_eq!(store.purge(partition, at, 120).await.unwrap(), Purged { rows: 60, more: false });
    assert_eq!(store.stats().await.unwrap(), StoreStats { verifications: 300, outbox: 0, oldest_due: None });
    assert!(store.get(samples.select("john-1", at)).await.unwrap().is_some());
}

#[tokio::test]
async fn records_of_deliveries_are_kept_as_long_as_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let day = Duration::from_hours(24);
    let path = folder.path().join("watchword.db");
    let records = || {
        let reader = rusqlite::Connection::open(&path).unwrap();
        reader.query_row("SELECT count(*) FROM delivery_record", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    for (kept, expected) in [(Duration::ZERO, 0), (day, 1)] {
        let retention = Retention { delivery_records: kept };
        let options = SqliteOptions { retention, ..SqliteOptions::default() };
        let (samples, store) = (Samples::new(), SqliteStore::open(&path, options).unwrap());
        let started = store.start(samples.start("john-1", NOW)).await.unwrap();
        assert_eq!(store.settle(NOW, vec![accepted(&started)]).await.unwrap(), [Fenced::Done]);
        assert_eq!(records(), expected, "kept for {kept:?}");
        let approved = store.check(samples.check("john-1", PASSCODE, NOW)).await.unwrap();
        assert!(matches!(approved, CheckOutcome::Approved(_)));
        let partition = store.partitions()[0];
        let early =
            store.purge(partition, NOW.after(kept).before(Duration::from_millis(1)), 10).await.unwrap();
        assert_eq!(early.rows, 0);
        let late = store.purge(partition, NOW.after(kept), 10).await.unwrap();
        assert_eq!((late.rows, records()), (usize::try_from(expected).unwrap(), 0));
    }
}

#[tokio::test]
async fn a_full_queue_refuses_starts_at_once_and_still_takes_settlements() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { queue: 0, ..SqliteOptions::default() };
    let store = SqliteStore::open(folder.path().join("watchword.db"), options).unwrap();
    let samples = Samples::new();
    let refused = store.start(samples.start("john-1", NOW)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Busy), "{refused:?}");
    let claimant = samples.claimant(NOW);
    store.claim(ClaimDue { partition: store.partitions()[0], now: NOW, claimant, max: 1 }).await.unwrap();
    assert_eq!(store.settle(NOW, Vec::new()).await.unwrap(), []);
    store.ready().await.unwrap();
}

#[tokio::test]
async fn a_closed_store_refuses_and_what_was_asked_before_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.db");
    let (samples, store) = (Samples::new(), open(&path));
    let starts = (0..20).map(|number| store.start(samples.start(&format!("john-{number}"), NOW)));
    let (started, ()) = futures::join!(futures::future::join_all(starts), store.close());
    assert!(started.iter().all(Result::is_ok));
    let refused = store.get(samples.select("john-1", NOW)).await.unwrap_err();
    assert_eq!(refused.to_string(), "the store can't be used: the store is closed");
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "the database and its lock: {names:?}");
    assert_eq!(open(&path).stats().await.unwrap().verifications, 20);
}
