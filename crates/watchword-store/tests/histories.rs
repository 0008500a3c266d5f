//! Random histories: every store answers and holds what the reference does, step by step.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says no by panicking")]

use std::time::Duration;

use watchword_core::ports::Retention;
use watchword_store::{Memory, SqliteOptions, SqliteStore};
use watchword_testkit::histories;
use watchword_testkit::suite::Fresh;

const NO_RECORDS: Retention = Retention { delivery_records: Duration::ZERO };

fn sqlite(retention: Retention) -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { retention, ..SqliteOptions::default() };
    Fresh::new(SqliteStore::open(folder.path().join("watchword.db"), options).unwrap()).keeping(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_does_what_the_reference_does() {
    let store = async || sqlite(Retention::default());
    let reference = async || Fresh::new(Memory::new(Retention::default()));
    histories::run(histories::default_cases(40), store, reference).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_does_so_without_records_too() {
    let store = async || sqlite(NO_RECORDS);
    let reference = async || Fresh::new(Memory::new(NO_RECORDS));
    histories::run(histories::default_cases(20), store, reference).await;
}
