//! Every promise of the suite, and random histories.

use std::time::Duration;

use watchword_core::ports::Retention;
use watchword_store::{Memory, PostgresOptions};
use watchword_testkit::histories;
use watchword_testkit::suite::Fresh;

use crate::server::{modest, shared, store};

/// Each is many round trips.
const ROUNDS: usize = 20;

const NO_RECORDS: Retention = Retention { delivery_records: Duration::ZERO };

async fn with(retention: Retention) -> Fresh {
    let server = shared();
    let options = PostgresOptions { retention, ..modest() };
    Fresh::new(store(&server.url(), options).await).with_rounds(ROUNDS).keeping(server)
}

async fn make() -> Fresh {
    with(Retention::default()).await
}

watchword_testkit::store_suite!(make);

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_the_reference_does() {
    let reference = async || Fresh::new(Memory::new(Retention::default()));
    histories::run(histories::default_cases(12), make, reference).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_without_records_too() {
    let store = async || with(NO_RECORDS).await;
    let reference = async || Fresh::new(Memory::new(NO_RECORDS));
    histories::run(histories::default_cases(8), store, reference).await;
}
