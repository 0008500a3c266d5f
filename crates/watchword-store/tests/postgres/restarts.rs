//! A server that crashes loses nothing that it acknowledged, and the store goes on by itself once it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use watchword_core::ports::{Selector, Store as _, StoreError};
use watchword_store::PostgresOptions;
use watchword_testkit::deadline::{DEADLINE, eventually, within};
use watchword_testkit::postgres::{Keeping, Pooler, Server};
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::{Story, check_name, external_id, start_name};

use crate::server::{modest, open, shared, store};

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
async fn what_was_acknowledged_is_there_after_a_crash_under_load() {
    let server = Server::start(Keeping::OnDisk);
    let url = server.url();
    crash_under_load(server, &url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn so_it_is_through_a_pooler() {
    let server = Server::start(Keeping::OnDisk);
    let pooler = Pooler::start(&server);
    crash_under_load(server, &pooler.url()).await;
}

async fn crash_under_load(mut server: Server, url: &str) {
    // However long recovery takes on a busy machine.
    let patient = PostgresOptions { timeout: DEADLINE, ..modest() };
    let story = Arc::new(Story::new(Fresh::new(store(url, patient).await)));
    let (done, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| tokio::spawn(work(worker, Arc::clone(&story), Arc::clone(&done), Arc::clone(&stop))))
        .collect();
    for _ in 0..2 {
        goes_on(&done).await;
        server.crash();
        server.start_again();
    }
    goes_on(&done).await;
    stop.store(true, Ordering::SeqCst);
    let mut count = 0;
    for worker in workers {
        let told = within("a worker", worker).await.unwrap();
        count += told.live.len() + told.approved.len();
        for id in told.live {
            assert!(story.live(&id).await.is_some(), "{id} was acknowledged and is lost");
        }
        for id in told.approved {
            let again = story.check(story.check_id(&id, "111111")).await;
            assert_eq!(check_name(&again), "gone", "{id} was used and is back");
        }
    }
    assert!(count > 300, "{count}");
}

/// Waits until some more is done.
async fn goes_on(done: &AtomicUsize) {
    let before = done.load(Ordering::SeqCst);
    let more = async || (done.load(Ordering::SeqCst) > before + 200).then_some(());
    eventually("operations to be done", more).await;
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
async fn a_call_that_finds_no_server_waits_for_it() {
    let mut server = Server::start(Keeping::InMemory);
    let patient = PostgresOptions { timeout: DEADLINE, ..modest() };
    let story = Arc::new(Story::new(Fresh::new(store(&server.url(), patient).await)));
    story.begin(story.by_id("john-1", "111111")).await;
    server.stop();
    let waiting = {
        let story = Arc::clone(&story);
        tokio::spawn(async move { story.store.start(story.by_id("jane-1", "111111")).await })
    };
    server.start_again();
    // The first may still have been written to the connection that broke.
    if let Some(outcome) = known(within("the waiting call", waiting).await.unwrap()) {
        assert_eq!(start_name(&outcome), "started");
    }
    assert!(story.get(Selector::Id(external_id("john-1"))).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_away_is_told_as_unavailable() {
    let mut server = Server::start(Keeping::InMemory);
    let url = server.url();
    store(&url, modest()).await;
    server.stop();
    let hasty = open(&url, PostgresOptions { timeout: Duration::from_millis(200), ..modest() });
    let story = Story::new(Fresh::new(hasty));
    let refused = story.store.start(story.by_id("john-1", "111111")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(story.store.ready().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_too_long_is_given_up_and_stopped() {
    let server = shared();
    let url = server.url();
    store(&url, modest()).await;
    let hasty = open(&url, PostgresOptions { timeout: Duration::from_millis(300), ..modest() });
    let story = Story::new(Fresh::new(hasty));
    let database = watchword_testkit::postgres::database_of(&url).to_owned();
    let holding = {
        let (server, database) = (Arc::clone(&server), database.clone());
        std::thread::spawn(move || {
            let lock = "BEGIN; LOCK TABLE watchword_verification; SELECT pg_sleep(2); COMMIT";
            server.query(&database, lock)
        })
    };
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'watchword'";
    let locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted";
    eventually("the table to be locked", async || (server.query(&database, locked) != "0").then_some(()))
        .await;
    let given_up = story.store.start(story.by_id("john-1", "111111")).await;
    assert!(matches!(given_up, Err(StoreError::OutcomeUnknown(_))), "{given_up:?}");
    eventually("the server to stop it", async || (server.query(&database, waiting) == "0").then_some(()))
        .await;
    holding.join().unwrap();
    story.begin(story.by_id("john-1", "111111")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_not_ready() {
    let server = shared();
    let url = server.url();
    let writable = store(&url, modest()).await;
    let database = watchword_testkit::postgres::database_of(&url);
    writable.ready().await.unwrap();
    server.query(database, &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
    let read_only = open(&url, PostgresOptions { timeout: Duration::from_millis(200), ..modest() });
    assert!(matches!(read_only.ready().await, Err(StoreError::Unavailable(_))));
    let story = Story::new(Fresh::new(read_only));
    let refused = story.store.start(story.by_id("john-1", "111111")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
