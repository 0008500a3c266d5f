//! Two servers on one database, of which one is killed in the middle of its deliveries.

use std::collections::BTreeSet;

use futures::future::join;
use serde_json::Value;

use crate::support::{PerfumerSite, SilentQueue, postgres};

/// Messages under way when it dies.
const COUNT: usize = 5;

/// What the records of all messages agree on, and their ids.
fn records(site: &PerfumerSite) -> (BTreeSet<String>, BTreeSet<(String, u64)>) {
    let records = site.deliveries();
    assert_eq!(records.len(), COUNT, "{records:#?}");
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    let states =
        records.iter().map(|record| (text(record, "state"), record["claims"].as_u64().unwrap())).collect();
    (records.iter().map(|record| text(record, "id")).collect(), states)
}

fn all(state: &str, claims: u64) -> BTreeSet<(String, u64)> {
    BTreeSet::from([(state.to_owned(), claims)])
}

/// The tasks that Queue has, once the other server finished what the killed one had begun with this Queue before it.
async fn killed_before(site: &PerfumerSite, silent: &SilentQueue) -> Vec<String> {
    let survivor = site.serve(&[]);
    let mut doomed = site.serve(&[("OTP_QUEUE_URL", silent.url())]);
    for number in 0..COUNT {
        assert!(doomed.sms(&format!("7701000000{number}"), "12345", 300).await.is_true());
    }
    let mut begun = BTreeSet::new();
    for _ in 0..COUNT {
        begun.insert(silent.next().await);
    }
    doomed.process.kill();
    let (ids, states) = records(site);
    assert_eq!(states, all("claimed", 1));

    survivor.sends_all().await;
    let (same_ids, states) = records(site);
    assert_eq!(same_ids, ids, "the messages are the same");
    assert_eq!(states, all("accepted", 2), "each was taken over once");
    for number in 0..COUNT {
        assert!(survivor.checks(&format!("7701000000{number}"), "12345").await);
    }
    let tasks = site.queue.wait_for_executed(COUNT).await;
    let tasks: Vec<String> = tasks.into_iter().map(|task| task.body).collect();
    assert_eq!(tasks.iter().cloned().collect::<BTreeSet<_>>(), begun, "nothing but the same messages");
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_other_finishes_what_a_killed_server_began_and_sends_once_what_queue_had_not_taken() {
    let postgres = postgres();
    // At once, for each waits for leases to run out.
    let nothing_taken = async {
        let site = PerfumerSite::new(postgres.port).await;
        let silent = SilentQueue::start().await;
        assert_eq!(killed_before(&site, &silent).await.len(), COUNT);
    };
    let all_taken = async {
        let site = PerfumerSite::new(postgres.port).await;
        let silent = SilentQueue::before(&site.queue).await;
        assert_eq!(killed_before(&site, &silent).await.len(), 2 * COUNT, "nobody but Queue knew");
    };
    join(nothing_taken, all_taken).await;
}
