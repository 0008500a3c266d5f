//! Random histories: every store answers and holds what the reference does, step by step.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says no by panicking")]

use watchword_core::ports::Retention;
use watchword_store::{Memory, SqliteOptions, SqliteStore};
use watchword_testkit::histories;
use watchword_testkit::suite::Fresh;

async fn reference() -> Fresh {
    Fresh::new(Memory::new(Retention::default()))
}

async fn sqlite() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("watchword.db"), SqliteOptions::default()).unwrap();
    Fresh::new(store).keeping(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_does_what_the_reference_does() {
    histories::run(histories::default_cases(48), sqlite, reference).await;
}
