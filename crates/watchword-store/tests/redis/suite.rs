//! Every promise of the suite, and random histories, on one server that all tests of this binary share.

use std::time::Duration;

use watchword_core::ports::Retention;
use watchword_store::{Memory, RedisOptions};
use watchword_testkit::histories;
use watchword_testkit::suite::Fresh;

use crate::server::{Keeping, Server, Shared, store};

/// Races take thousands of round trips, so fewer rounds than in memory: the scripts leave no gap for luck to find.
const ROUNDS: usize = 40;

const NO_RECORDS: Retention = Retention { delivery_records: Duration::ZERO };

static SERVER: Shared<Server> = Shared::new();

fn fresh(retention: Retention) -> Fresh {
    let server = SERVER.get(|| Server::start(Keeping::Nothing));
    let store = store(&server.url(), RedisOptions { retention, ..RedisOptions::default() });
    Fresh::new(store).with_rounds(ROUNDS).keeping(server)
}

async fn make() -> Fresh {
    fresh(Retention::default())
}

watchword_testkit::store_suite!(make);

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_the_reference_does() {
    let reference = async || Fresh::new(Memory::new(Retention::default()));
    histories::run(histories::default_cases(20), make, reference).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_without_records_too() {
    let reference = async || Fresh::new(Memory::new(NO_RECORDS));
    histories::run(histories::default_cases(20), async || fresh(NO_RECORDS), reference).await;
}
