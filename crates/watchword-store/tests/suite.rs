//! Every store keeps every promise of the testkit's suite.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says no by panicking")]

use watchword_core::ports::Retention;
use watchword_store::{Memory, SqliteOptions, SqliteStore};
use watchword_testkit::suite::Fresh;

mod memory {
    use super::*;

    async fn make() -> Fresh {
        Fresh::new(Memory::new(Retention::default()))
    }

    watchword_testkit::store_suite!(make);
}

mod sqlite {
    use super::*;

    async fn make() -> Fresh {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("watchword.db"), SqliteOptions::default()).unwrap();
        Fresh::new(store).keeping(folder)
    }

    watchword_testkit::store_suite!(make);
}
