//! A real broker that goes away, hangs and comes back: nothing is lost, and nothing comes more than twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use watchword_core::delivery::{DeliveryId, Outcome};
use watchword_core::ports::Provider;
use watchword_testkit::deadline::eventually;
use watchword_testkit::kafka::{Broker, Record};
use watchword_testkit::random::SeededRandom;
use watchword_testkit::time::FakeClock;

use crate::provider::{accepted, build, build_at, settings};
use crate::sample::{NOW, Sample};

/// How often each delivery came.
fn counted(records: &[Record]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record.header("Idempotency-Key").unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// Under another id for each number.
fn sample(number: usize) -> Sample {
    let mut sample = Sample::new();
    sample.delivery.id = DeliveryId::generate(NOW, &SeededRandom::new(number as u64));
    sample
}

/// As the dispatcher does: the same delivery until it is taken.
async fn deliver(provider: &dyn Provider, sample: &Sample) -> usize {
    let mut tries = 1;
    while !matches!(provider.send(sample.outgoing()).await, Outcome::Accepted { .. }) {
        tries += 1;
    }
    tries
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_stopped_killed_and_started_under_load_loses_nothing_and_repeats_at_most_once() {
    const SENDERS: usize = 16;
    let mut broker = Broker::start();
    broker.create("load");
    let provider = build(settings(&broker.url(), "load")).unwrap();
    let (sent, more) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(usize::MAX)));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (provider, sent, more) = (Arc::clone(&provider), Arc::clone(&sent), Arc::clone(&more));
        senders.spawn(async move {
            let mut ids = Vec::new();
            while ids.len() < more.load(Ordering::Relaxed) {
                let sample = sample(sender + SENDERS * ids.len());
                deliver(&*provider, &sample).await;
                ids.push(sample.delivery.id.to_string());
                sent.fetch_add(1, Ordering::Relaxed);
            }
            ids
        });
    }
    let going_on = async |by: usize| {
        let begin = sent.load(Ordering::Relaxed);
        eventually("messages to be taken", async || {
            (sent.load(Ordering::Relaxed) >= begin + by).then_some(())
        })
        .await;
    };
    going_on(200).await;
    for is_killed in [true, false] {
        tokio::task::block_in_place(|| {
            if is_killed {
                broker.kill();
            } else {
                broker.stop();
            }
            broker.start_again();
        });
        going_on(200).await;
    }
    more.store(0, Ordering::Relaxed);
    let ids: Vec<String> = senders.join_all().await.into_iter().flatten().collect();
    let counts = counted(&broker.records("load"));
    let lost: Vec<_> = ids.iter().filter(|id| !counts.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} were lost", lost.len(), ids.len());
    assert_eq!(counts.len(), ids.len(), "nothing came that was not sent");
    let most = counts.values().max().unwrap();
    assert!(*most <= 2, "one came {most} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_stamped_when_the_broker_is_back_not_while_it_is_away() {
    let mut broker = Broker::start();
    broker.create("stamps");
    let clock = Arc::new(FakeClock::new(NOW));
    let provider = build_at(settings(&broker.url(), "stamps"), clock.clone()).unwrap();
    assert_eq!(sample(0).send(&*provider).await, accepted("stamps", 0));
    broker.stop();
    // The first may be caught in the client when the broker goes; each that follows is not handed over at all.
    let first = sample(1).send(&*provider).await;
    assert!(matches!(first, Outcome::Transient { .. } | Outcome::Unknown { .. }), "{first:?}");
    for _ in 0..2 {
        let outcome = sample(1).send(&*provider).await;
        assert_eq!(outcome.name(), "transient", "{outcome:?}");
        assert!(outcome.detail().unwrap().starts_with("no broker answers: "), "{outcome:?}");
    }
    clock.advance(Duration::from_mins(10));
    tokio::task::block_in_place(|| broker.start_again());
    deliver(&*provider, &sample(1)).await;
    let records = broker.records("stamps");
    let stamps: Vec<bool> = [3_000, 603_000]
        .map(|after| NOW.as_millis() + after)
        .iter()
        .zip(&records)
        .map(|(stamp, record)| record.value.contains(&format!("\"expiryTime\":{stamp},")))
        .collect();
    assert_eq!((stamps, records.len()), (vec![true, true], 2), "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_hangs_is_given_up_in_time_and_may_have_the_record() {
    let broker = Broker::start();
    broker.create("hung");
    let provider = build(settings(&broker.url(), "hung")).unwrap();
    assert_eq!(sample(0).send(&*provider).await, accepted("hung", 0));
    broker.freeze();
    let outcome = sample(1).send(&*provider).await;
    assert_eq!(outcome, Outcome::Unknown { detail: "no answer in time".to_owned() });
    broker.let_go_on();
    deliver(&*provider, &sample(1)).await;
    let counts = counted(&broker.records("hung"));
    assert_eq!(counts.len(), 2);
    assert!(counts[&sample(1).delivery.id.to_string()] <= 2, "{counts:?}");
}

#[tokio::test]
async fn where_no_broker_is_every_try_ends_in_time_and_nothing_waits() {
    let port = watchword_testkit::net::free_port();
    let provider = build(settings(&format!("127.0.0.1:{port}"), "sms")).unwrap();
    let mut tries = JoinSet::new();
    for number in 0..50 {
        let provider = Arc::clone(&provider);
        tries.spawn(async move { sample(number).send(&*provider).await });
    }
    for outcome in tries.join_all().await {
        assert_eq!(outcome.name(), "transient", "{outcome:?}");
    }
    let probe = format!("{:?}", provider.probe().await);
    assert!(probe.contains("Failed") && probe.contains("Connection refused"), "{probe}");
}
