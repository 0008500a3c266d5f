//! Everything through PgBouncer in transaction mode, by servers that start together on an empty PostgreSQL.

use std::sync::Arc;

use watchword_testkit::postgres::Pooler;

use crate::perfumer_examples::every_example;
use crate::perfumer_limits::fill_limits;
use crate::support::{Perfumer, PerfumerSite, logged, postgres};

const SERVERS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_that_start_together_before_a_pooler_make_one_database_and_share_it() {
    let postgres = postgres();
    let mut pooler = Pooler::start_beside(&postgres);
    let mut site = PerfumerSite::without_key(postgres.port).await;
    site.set(&[("PG_HOST", "127.0.0.2"), ("PG_SCHEMA", "otp"), ("WATCHWORD_STORE__TIMEOUT", "2s")]);
    let starting: Vec<_> = (0..SERVERS).map(|_| site.start(&[])).collect();
    let servers: Vec<_> = starting.into_iter().map(Perfumer::of).collect();
    let created = |server: &Perfumer| {
        let says = |line: &String| logged(line).is_some_and(|message| message == "the database is created");
        server.process.output().iter().filter(|line| says(line)).count()
    };
    assert_eq!(servers.iter().map(created).sum::<usize>(), 1);
    let steps =
        "SELECT count(*) > 0 AND count(*) = count(DISTINCT version) FROM otp.watchword_schema_history";
    assert_eq!(postgres.query(&site.database, steps), "t", "each step was done once");
    let keys = "SELECT count(*) FROM otp.watchword_key_slot";
    assert_eq!(postgres.query(&site.database, keys), "1", "and there is one key");

    every_example(&site, &servers[0]).await;
    for server in &servers {
        assert!(server.checks("77011234567", "12345").await, "all look at the same");
    }
    let before = site.queue.tasks().len();
    let [one, other, ..] = <[Perfumer; SERVERS]>::try_from(servers).ok().unwrap();
    let servers = [one, other].map(Arc::new);
    let count = fill_limits(&servers, 2).await;
    site.queue.wait_for_executed(before + count).await;

    pooler.process.kill();
    let answer = servers[0].sms("77010000000", "12345", 300).await;
    assert!(answer.is_away(), "nothing goes past the pooler: {answer:?}");
}
