//! The broker goes and comes back while people ask for codes.

#![expect(clippy::disallowed_methods, reason = "how long a real broker is away is real time")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use watchword_testkit::deadline::eventually;
use watchword_testkit::kafka::Broker;

use crate::records::{Record, SMS, all};
use crate::site::{SEND, SENT, Site, asking, code_in};

const CALLERS: usize = 4;

/// What an SMS is good for after it is handed over, by default: the broker is away for longer.
const EXPIRY: Duration = Duration::from_secs(3);

fn number(of: &Record) -> String {
    of.member("mobileNumber").as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_stopped_and_started_under_load_costs_delay_and_nothing_else() {
    let mut broker = tokio::task::block_in_place(Broker::start);
    broker.create(SMS);
    let mut site = Site::alone();
    site.set("SPRING_KAFKA_BOOTSTRAP_SERVERS", &broker.url());
    let server = site.serve();

    let (is_over, granted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let ((client, origin), is_over, granted) =
            (server.caller(), Arc::clone(&is_over), Arc::clone(&granted));
        callers.spawn(async move {
            // Some hundred a second in all: people, not a flood.
            let mut pace = tokio::time::interval(Duration::from_millis(30));
            let mut numbers = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                pace.tick().await;
                let number = format!("9{:09}", caller + CALLERS * numbers.len());
                let call = client.post(format!("{origin}{SEND}")).json(&asking("register", &number));
                let reply = call.send().await.unwrap();
                let reply = (reply.status().as_u16(), reply.text().await.unwrap());
                assert_eq!(reply, (201, SENT.to_owned()), "whatever the broker does");
                numbers.push(number);
                granted.fetch_add(1, Ordering::Relaxed);
            }
            numbers
        });
    }
    let granting = async |more: usize| {
        let begin = granted.load(Ordering::Relaxed);
        let look = async || (granted.load(Ordering::Relaxed) >= begin + more).then_some(());
        eventually("codes to be granted", look).await;
    };
    granting(100).await;
    tokio::task::block_in_place(|| broker.stop());
    let away = Instant::now();
    let look = async || (away.elapsed() > 2 * EXPIRY).then_some(());
    eventually("the broker to be away for longer than an SMS is good", look).await;
    granting(100).await;
    tokio::task::block_in_place(|| broker.start_again());
    let away = away.elapsed();
    granting(100).await;
    is_over.store(true, Ordering::Relaxed);
    let asked: BTreeSet<String> = callers.join_all().await.into_iter().flatten().collect();
    // Back-off and breaker may make it some time before all are tried again.
    let mut records = Vec::new();
    let came = async {
        while records.iter().map(number).collect::<BTreeSet<_>>().len() < asked.len() {
            records = tokio::task::block_in_place(|| all(&broker, SMS));
            // Lets the time pass.
            tokio::task::yield_now().await;
        }
    };
    let is_whole = tokio::time::timeout(Duration::from_secs(60), came).await.is_ok();
    let came: BTreeSet<String> = records.iter().map(number).collect();
    let missing: Vec<_> = asked.difference(&came).collect();
    assert!(is_whole, "{} of {} never came: {missing:?}", missing.len(), asked.len());

    let mut deliveries: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in &records {
        deliveries.entry(record.header("Idempotency-Key")).or_default().push(record);
        assert!(record.left() > 0, "{} ms too late for its consumer: {}", -record.left(), record.value);
        code_in(record.member("message").as_str().unwrap());
    }
    assert_eq!(deliveries.len(), asked.len(), "a delivery each");
    assert_eq!(records.iter().map(number).collect::<BTreeSet<_>>(), asked, "nothing else came");
    for (id, repeats) in deliveries {
        assert!(repeats.len() <= 2, "{id} came {} times", repeats.len());
        assert!(repeats.iter().all(|record| record.member("message") == repeats[0].member("message")));
    }
    println!("{} asked for, {} records, the broker was away for {away:.1?}", asked.len(), records.len());
    server.stop();
}
