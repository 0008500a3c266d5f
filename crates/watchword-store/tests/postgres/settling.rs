//! Settlements are recorded off the reply's path, and their commits wait for no disk.

use watchword_testkit::deadline::eventually;
use watchword_testkit::postgres::{Keeping, Server, database_of};
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::{ACCEPTED, Story, started};

use crate::server::{modest, store};

const COUNT: i64 = 100;

/// How often the server has synced its log. Connections tell what they did when they end.
async fn syncs(server: &Server, url: &str) -> i64 {
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'watchword'";
    eventually("the connections to end", async || {
        (server.query(database_of(url), connections) == "0").then_some(())
    })
    .await;
    server.query(database_of(url), "SELECT wal_sync FROM pg_stat_wal").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_the_disk_and_a_settlement_does_not() {
    let server = Server::start(Keeping::OnDisk);
    let url = server.url();
    let story = async || Story::new(Fresh::new(store(&url, modest()).await));
    drop(story().await);
    let before = syncs(&server, &url).await;
    let starting = story().await;
    let mut claims = Vec::new();
    for number in 0..COUNT {
        let start = starting.by_id(&format!("john-{number}"), "111111");
        claims.push(started(starting.start(start).await).1.remove(0));
    }
    drop(starting);
    let between = syncs(&server, &url).await;
    assert!(between - before >= COUNT, "{} syncs for the starts", between - before);
    let settling = story().await;
    for claim in &claims {
        settling.settle(claim, ACCEPTED).await;
    }
    drop(settling);
    let settled = syncs(&server, &url).await - between;
    assert!(settled < COUNT / 2, "{settled} syncs for the settlements");
}
