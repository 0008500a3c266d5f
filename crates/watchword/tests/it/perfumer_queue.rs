//! Queue is away, in any way, and comes back: every message that was accepted arrives in time, or is marked as expired.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use watchword_testkit::deadline::eventually;
use watchword_testkit::queue::Behaviour;

use crate::support::{PerfumerSite, postgres};

/// Messages of each kind.
const COUNT: usize = 6;

/// Seconds that a passcode is good whose message comes too late.
const SHORT: u32 = 2;

/// A telephone number whose last two digits, which records show, are that number.
fn phone(number: usize) -> String {
    format!("770100000{number:02}")
}

/// What became of the messages to each of these telephone numbers: the state, and how often Queue took it.
fn fates(site: &PerfumerSite, numbers: impl Iterator<Item = usize>) -> BTreeMap<usize, (String, usize)> {
    let (records, tasks) = (site.deliveries(), site.queue.tasks());
    let fate = |number: usize| {
        let end = format!("{number:02}");
        let of_it = |record: &&Value| record["to"].as_str().unwrap().ends_with(&end);
        let states: Vec<_> = records.iter().filter(of_it).map(|record| &record["state"]).collect();
        let [Value::String(state)] = states[..] else { panic!("{number}: {states:?}") };
        let took = tasks.iter().filter(|task| task.body.contains(&phone(number))).count();
        (number, (state.clone(), took))
    };
    numbers.map(fate).collect()
}

async fn comes_back_from(behaviour: Behaviour) {
    let postgres = postgres();
    let mut site = PerfumerSite::new(postgres.port).await;
    site.set(&[("WATCHWORD_PROVIDERS__SMS__TIMEOUT", "1s")]);
    let server = site.serve(&[]);
    assert!(server.sms(&phone(99), "12345", 300).await.is_true());
    site.queue.wait_for_executed(1).await;

    site.queue.behave(behaviour).await;
    for number in 0..COUNT {
        assert!(server.sms(&phone(number), "12345", SHORT).await.is_true(), "{behaviour:?}");
        assert!(server.sms(&phone(50 + number), "12345", 300).await.is_true(), "{behaviour:?}");
    }
    eventually("the short-lived to expire", async || {
        let fates = fates(&site, 0..COUNT);
        fates.values().all(|(state, _)| state == "expired").then_some(())
    })
    .await;
    let told = server.metric("watchword_deliveries_total{state=\"expired\"}").await;
    assert!(told.is_some_and(|count| count > 0.0), "{behaviour:?}: operators hear of it: {told:?}");
    assert!(!server.checks(&phone(0), "12345").await, "the passcode is over too");

    site.queue.behave(Behaviour::Up).await;
    server.sends_all().await;
    // A task that it was slow to take counts as well, for it has it.
    let may_repeat = matches!(behaviour, Behaviour::Slow(_));
    for (number, (state, took)) in fates(&site, 0..COUNT) {
        assert_eq!(state, "expired", "{behaviour:?}: {number}");
        assert!(took == 0 || may_repeat, "{behaviour:?}: {number} was taken {took} times");
    }
    for (number, (state, took)) in fates(&site, 50..50 + COUNT) {
        assert_eq!(state, "accepted", "{behaviour:?}: {number}");
        assert!(took == 1 || (may_repeat && took > 1), "{behaviour:?}: {number} was taken {took} times");
        assert!(server.checks(&phone(number), "12345").await, "{behaviour:?}: {number}");
    }
    let executed = site.queue.wait_for_executed(1 + COUNT).await;
    assert!(executed.iter().all(|task| task.executed == Some(Some(200))), "{executed:#?}");
    assert_eq!(site.deliveries().len(), 1 + 2 * COUNT, "{behaviour:?}: each has one record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_queue_is_away_messages_wait_until_it_is_back_or_their_time_is_over() {
    let ways = [Behaviour::Down, Behaviour::Failing(500), Behaviour::Slow(Duration::from_mins(1))];
    // At once, for each waits for breakers and back-offs.
    join_all(ways.map(comes_back_from)).await;
}

/// Slow, but not too slow: it is waited for, and given each message once.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_queue_gets_each_message_once_and_callers_do_not_wait_for_it() {
    const MANY: usize = 12;
    let postgres = postgres();
    let mut site = PerfumerSite::new(postgres.port).await;
    site.set(&[("WATCHWORD_PROVIDERS__SMS__MAX_CONNS", "1")]);
    let server = site.serve(&[]);
    site.queue.behave(Behaviour::Slow(Duration::from_millis(500))).await;
    for number in 0..MANY {
        assert!(server.sms(&phone(number), "12345", 300).await.is_true());
    }
    assert!(site.queue.tasks().len() < MANY, "all are answered, and not all were taken");
    server.sends_all().await;
    let expected = (0..MANY).map(|number| (number, ("accepted".to_owned(), 1))).collect();
    assert_eq!(fates(&site, 0..MANY), expected);
}

/// What an orderly stop leaves unsent is sent by whoever starts next.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_a_stopped_server_could_not_hand_over_are_sent_by_the_next_one() {
    let postgres = postgres();
    let site = PerfumerSite::new(postgres.port).await;
    site.queue.behave(Behaviour::Down).await;
    let server = site.serve(&[]);
    for number in 0..COUNT {
        assert!(server.sms(&phone(number), "12345", 300).await.is_true());
    }
    server.terminate().await;
    assert!(fates(&site, 0..COUNT).values().all(|(state, took)| (state.as_str(), *took) == ("due", 0)));
    site.queue.behave(Behaviour::Up).await;
    let server = site.serve(&[]);
    server.sends_all().await;
    let expected = (0..COUNT).map(|number| (number, ("accepted".to_owned(), 1))).collect();
    assert_eq!(fates(&site, 0..COUNT), expected);
}
