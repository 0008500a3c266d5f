//! PostgreSQL goes away under load, and comes back: killed, and stopped in order. Straight, and through PgBouncer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::join_all;
use reqwest::Method;
use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::postgres::{Keeping, Pooler, Server as Postgres};

use crate::support::{Perfumer, PerfumerSite, sms};

const WORKERS: usize = 8;

const PASSWORD: &str = "12345";

/// Every call that needs the database.
const CALLS: [(Method, &str, &str); 8] = [
    (Method::POST, "/sms", r#"{"phone":"1","password":"1","lifetime":9,"message":"1"}"#),
    (Method::POST, "/email", r#"{"email":"a@b.c","password":"1","lifetime":9,"subject":"1","text":"1"}"#),
    (Method::GET, "/sms/check", r#"{"phone":"1","password":"1"}"#),
    (Method::GET, "/target", r#"{"password":"1","channel":"sms"}"#),
    (Method::GET, "/password", r#"{"target":"1"}"#),
    (Method::POST, "/limit/sms", r#"{"phones":[]}"#),
    (Method::GET, "/limit/sms", ""),
    (
        Method::POST,
        "/telegram/webhook",
        r#"{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"}}}"#,
    ),
];

/// Clients that send until they are told to stop.
struct Load {
    workers: Vec<tokio::task::JoinHandle<Vec<String>>>,
    accepted: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Load {
    fn begin(servers: &[Arc<Perfumer>; 2]) -> Self {
        let (accepted, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let work = |worker: usize| {
            let server = Arc::clone(&servers[worker % 2]);
            let (accepted, refused, stop) = (Arc::clone(&accepted), Arc::clone(&refused), Arc::clone(&stop));
            tokio::spawn(async move { work(worker, &server, &accepted, &refused, &stop).await })
        };
        Self { workers: (0..WORKERS).map(work).collect(), accepted, refused, stop }
    }

    /// Waits until so many more were accepted.
    async fn goes_on(&self, more: usize) {
        rises(&self.accepted, more, "messages to be accepted").await;
    }

    /// Waits until clients were told.
    async fn is_refused(&self) {
        rises(&self.refused, WORKERS, "clients to be told").await;
    }

    /// The phones of all messages that were accepted.
    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        let all = within("the clients to end", join_all(self.workers)).await;
        all.into_iter().flat_map(Result::unwrap).collect()
    }
}

async fn rises(counter: &AtomicUsize, more: usize, what: &str) {
    let before = counter.load(Ordering::SeqCst);
    let has_risen = async || (counter.load(Ordering::SeqCst) >= before + more).then_some(());
    eventually(what, has_risen).await;
}

/// Sends to one phone after the other, and checks what was accepted right away.
async fn work(
    worker: usize,
    server: &Perfumer,
    accepted: &AtomicUsize,
    refused: &AtomicUsize,
    stop: &AtomicBool,
) -> Vec<String> {
    let mut phones = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let phone = format!("77{worker}{number:06}");
        let answer = server.post("/sms", &sms(&phone, PASSWORD, 300)).await;
        if !answer.is_true() {
            assert!(answer.is_away(), "{answer:?}");
            refused.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        let check = format!(r#"{{"phone":"{phone}","password":"{PASSWORD}"}}"#);
        let right = server.get("/sms/check", &check).await;
        assert!(right.is_true() || right.is_away(), "{phone} was accepted a moment ago: {right:?}");
        phones.push(phone);
        accepted.fetch_add(1, Ordering::SeqCst);
    }
    phones
}

/// All that needs the database says that it is away, and what does not goes on.
async fn says_that_it_is_away(server: &Perfumer) {
    let calls = CALLS.map(|(method, path, body)| server.try_call(method, path, body));
    for ((_, path, _), answer) in CALLS.iter().zip(join_all(calls).await) {
        let answer = answer.unwrap();
        assert!(answer.is_away(), "{path}: {answer:?}");
    }
    let unset = r#"{"status":false,"message":"\"phone\" parameter must be set"}"#;
    server.post("/sms", "{}").await.expect(400, unset);
    assert_eq!(server.metric("watchword_store_ready").await, Some(0.0));
}

/// Nothing of what clients were told is lost, whether or not its server could write down that it was sent.
async fn nothing_is_lost(site: &PerfumerSite, servers: &[Arc<Perfumer>; 2], phones: &[String]) {
    for server in servers {
        server.sends_all().await;
    }
    let mut arrived = BTreeMap::<String, usize>::new();
    for task in site.queue.wait_for_executed(phones.len()).await {
        let task: serde_json::Value = serde_json::from_str(&task.body).unwrap();
        *arrived.entry(task["json"]["phones"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for chunk in phones.chunks(WORKERS) {
        let checks = chunk.iter().zip(servers.iter().cycle());
        let checks = join_all(checks.map(|(phone, server)| server.checks(phone, PASSWORD))).await;
        for (phone, is_right) in chunk.iter().zip(checks) {
            assert!(is_right, "{phone} was accepted, and its passcode is lost");
            assert!(arrived.contains_key(phone), "{phone} was accepted, and its message is lost");
        }
    }
}

async fn goes_away_under_load(mut postgres: Postgres, pooler: Option<Pooler>) {
    let mut site = PerfumerSite::new(postgres.port).await;
    if pooler.is_some() {
        site.set(&[("PG_HOST", "127.0.0.2")]);
    }
    site.set(&[("WATCHWORD_STORE__TIMEOUT", "1s"), ("WATCHWORD_PROVIDERS__SMS__TIMEOUT", "1s")]);
    let servers = [site.serve(&[]), site.serve(&[])].map(Arc::new);
    let load = Load::begin(&servers);
    for away in [Postgres::kill, Postgres::stop] {
        load.goes_on(100).await;
        tokio::task::block_in_place(|| away(&mut postgres));
        load.is_refused().await;
        says_that_it_is_away(&servers[0]).await;
        tokio::task::block_in_place(|| postgres.start_again());
    }
    // By itself: nobody has told the servers.
    load.goes_on(100).await;
    let phones = load.end().await;
    assert!(phones.len() >= 300, "{}", phones.len());
    nothing_is_lost(&site, &servers, &phones).await;
    for server in servers {
        Arc::into_inner(server).unwrap().terminate().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_is_killed_and_stopped_under_load_loses_no_message_that_was_accepted() {
    goes_away_under_load(Postgres::start(Keeping::OnDisk), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_does_one_behind_a_pooler() {
    let postgres = Postgres::start(Keeping::OnDisk);
    let pooler = Pooler::start_beside(&postgres);
    goes_away_under_load(postgres, Some(pooler)).await;
}
