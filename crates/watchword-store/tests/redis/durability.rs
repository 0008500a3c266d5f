//! A server that is killed loses nothing that it acknowledged, and no request that had not been written to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use watchword_core::ports::{Selector, StoreError};
use watchword_store::RedisOptions;
use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::{Story, check_name, external_id, start_name};

use crate::server::{Keeping, Server, store};

const WORKERS: usize = 8;

/// What one worker was told.
#[derive(Default)]
struct Told {
    /// Started and not checked.
    live: Vec<String>,
    /// Approved, so gone.
    approved: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_is_there_after_a_kill_under_load() {
    let mut server = Server::start(Keeping::Everything);
    let story = Arc::new(Story::new(Fresh::new(store(&server.url(), RedisOptions::default()))));
    let (done, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| tokio::spawn(work(worker, Arc::clone(&story), Arc::clone(&done), Arc::clone(&stop))))
        .collect();
    for _ in 0..2 {
        let before = done.load(Ordering::SeqCst);
        let goes_on = async || (done.load(Ordering::SeqCst) > before + 200).then_some(());
        eventually("operations to be done", goes_on).await;
        server.process.kill();
        server.start_again();
    }
    let before = done.load(Ordering::SeqCst);
    let goes_on = async || (done.load(Ordering::SeqCst) > before + 200).then_some(());
    eventually("operations to be done after the last start", goes_on).await;
    stop.store(true, Ordering::SeqCst);
    let mut count = 0;
    for worker in workers {
        let told = within("a worker", worker).await.unwrap();
        count += told.live.len() + told.approved.len();
        for id in told.live {
            let found = story.live(&id).await;
            assert!(found.is_some(), "{id} was acknowledged and is lost");
        }
        for id in told.approved {
            let again = story.check(story.check_id(&id, "111111")).await;
            assert_eq!(check_name(&again), "gone", "{id} was used and is back");
        }
    }
    assert!(count > 300, "{count}");
}

async fn work(worker: usize, story: Arc<Story>, done: Arc<AtomicUsize>, stop: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let id = format!("john-{worker}-{number}");
        let started = story.store.start(story.by_id(&id, "111111")).await;
        let Some(outcome) = known(started) else { continue };
        assert_eq!(start_name(&outcome), "started");
        done.fetch_add(1, Ordering::SeqCst);
        if number % 2 == 0 {
            told.live.push(id);
            continue;
        }
        let Some(outcome) = known(story.store.check(story.check_id(&id, "111111")).await) else { continue };
        assert_eq!(check_name(&outcome), "approved");
        done.fetch_add(1, Ordering::SeqCst);
        told.approved.push(id);
    }
    told
}

/// `None`: nobody knows what came of it, which is told so.
fn known<T>(answer: Result<T, StoreError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(StoreError::OutcomeUnknown(_)) => None,
        Err(other) => panic!("it waits for the server to be back: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_finds_no_server_waits_for_it() {
    let mut server = Server::start(Keeping::Everything);
    let story = Arc::new(Story::new(Fresh::new(store(&server.url(), RedisOptions::default()))));
    story.begin(story.by_id("john-1", "111111")).await;
    server.process.kill();
    let start = |id: String| {
        let story = Arc::clone(&story);
        tokio::spawn(async move { story.store.start(story.by_id(&id, "111111")).await })
    };
    // One a connection may still be written before the break is seen; what comes then has nowhere to go.
    let mut number = 0;
    let (id, waiting) = loop {
        number += 1;
        assert!(number <= RedisOptions::default().connections + 1, "no request waits");
        let id = format!("jane-{number}");
        let mut asking = start(id.clone());
        match timeout(Duration::from_millis(500), &mut asking).await {
            Err(_waits) => break (id, asking),
            Ok(answer) => assert!(known(answer.unwrap()).is_none(), "nobody was there to do it"),
        }
    };
    server.start_again();
    let started = within("the waiting request", waiting).await.unwrap().expect("it was not written before");
    assert_eq!(start_name(&started), "started");
    assert!(story.live(&id).await.is_some());
    assert!(story.get(Selector::Id(external_id("john-1"))).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_away_is_told_as_unavailable() {
    let mut server = Server::start(Keeping::Nothing);
    let options = RedisOptions { timeout: std::time::Duration::from_millis(200), ..RedisOptions::default() };
    let story = Story::new(Fresh::new(store(&server.url(), options)));
    server.process.kill();
    let refused = story.store.start(story.by_id("john-1", "111111")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(story.store.ready().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_does_nothing_by_halves() {
    let server = Server::start(Keeping::Nothing);
    let story = Story::new(Fresh::new(store(&server.url(), RedisOptions::default())));
    story.begin(story.by_id("john-1", "111111")).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = story.store.start(story.by_id("jane-1", "222222")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(story.store.ready().await, Err(StoreError::Unavailable(_))));
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(story.live("jane-1").await.is_none());
    assert_eq!(story.store.stats().await.unwrap().outbox, 1);
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
}
