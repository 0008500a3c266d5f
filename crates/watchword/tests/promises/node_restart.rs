//! Redis, or a server, is started anew while clients go on asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::join_all;
use reqwest::Method;
use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::redis::Keeping;

use crate::nodes::{Node, Nodes, Reply};
use crate::receiver::Receiver;

const WORKERS: usize = 8;

/// What clients were told.
#[derive(Default)]
struct Told {
    /// Ids and codes that were acknowledged, and never checked.
    live: Vec<(String, String)>,
    /// Those whose check was answered 200.
    used: Vec<(String, String)>,
    /// Those whose check is in doubt.
    doubtful: Vec<(String, String)>,
    /// How many requests of each kind are in doubt.
    doubts: usize,
}

/// Clients that go on until they are told to stop.
struct Load {
    workers: Vec<tokio::task::JoinHandle<Told>>,
    done: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Load {
    fn begin(nodes: &Arc<[Node; 2]>) -> Self {
        let (done, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let work = |worker| {
            let (nodes, done, stop) = (Arc::clone(nodes), Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(async move { work(worker, &nodes, &done, &stop).await })
        };
        Self { workers: (0..WORKERS).map(work).collect(), done, stop }
    }

    /// Waits until so many more were acknowledged.
    async fn goes_on(&self, more: usize) {
        let before = self.done.load(Ordering::SeqCst);
        eventually("requests to be acknowledged", async || {
            (self.done.load(Ordering::SeqCst) >= before + more).then_some(())
        })
        .await;
    }

    async fn end(self) -> Told {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Told::default();
        for told in within("the clients to end", join_all(self.workers)).await {
            let told = told.unwrap();
            all.live.extend(told.live);
            all.used.extend(told.used);
            all.doubtful.extend(told.doubtful);
            all.doubts += told.doubts;
        }
        all
    }
}

/// Asks for codes and checks every other one right away, in turn at each server.
async fn work(worker: usize, nodes: &[Node; 2], done: &AtomicUsize, stop: &AtomicBool) -> Told {
    let mut told = Told::default();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let id = format!("person-{worker}-{number}");
        let put = nodes[number % 2].put(&id, &[]).await;
        if is_doubtful(&put) {
            told.doubts += 1;
            continue;
        }
        let code = put.code();
        done.fetch_add(1, Ordering::SeqCst);
        if number % 2 == 0 {
            told.live.push((id, code));
            continue;
        }
        let check = nodes[(number / 2) % 2].check(&id, &code).await;
        if is_doubtful(&check) {
            told.doubts += 1;
            told.doubtful.push((id, code));
            continue;
        }
        assert_eq!(check.status, 200, "{id} was acknowledged a moment ago: {check:?}");
        done.fetch_add(1, Ordering::SeqCst);
        told.used.push((id, code));
    }
    told
}

/// The one way to say that nobody knows what came of it.
fn is_doubtful(reply: &Reply) -> bool {
    let doubtful = reply.status == 503;
    if doubtful {
        assert_eq!((reply.retry_after, reply.message().as_str()), (true, "Unable to reach store."));
    }
    doubtful
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_redis_that_is_killed_under_load_loses_nothing_that_clients_were_told() {
    let receiver = Receiver::start().await;
    let mut shared = Nodes::new(Keeping::Everything, &receiver.url(), "");
    let nodes = Arc::new(shared.two());
    let load = Load::begin(&nodes);
    for _ in 0..3 {
        load.goes_on(100).await;
        // Nothing is answered while it is stopped: what is written to it by then is in doubt when it dies.
        shared.redis.process.signal("-STOP");
        eventually("all clients to wait for it", || async {
            let waiting = join_all(nodes.iter().map(|node| node.metric("watchword_requests_in_hand"))).await;
            (waiting.into_iter().flatten().sum::<f64>() >= WORKERS as f64).then_some(())
        })
        .await;
        shared.redis.process.kill();
        shared.redis.start_again();
    }
    // By itself: nobody has told the servers.
    load.goes_on(100).await;
    let told = load.end().await;
    assert!(told.doubts > 0, "it died with requests on the way");
    let asked_for = told.live.len() + told.used.len();
    assert!(asked_for > 200, "{asked_for}");
    for (id, code) in &told.live {
        let right = nodes[0].check(id, code).await;
        assert_eq!(right.status, 200, "{id} was acknowledged and is lost: {right:?}");
    }
    for (id, code) in &told.doubtful {
        // It was used or it was not: never twice.
        nodes[0].check(id, code).await;
    }
    for (id, code) in told.live.iter().chain(&told.used).chain(&told.doubtful) {
        let again = nodes[1].check(id, code).await;
        assert_eq!(again.message(), "the OTP does not exist", "{id} was used and is back: {again:?}");
    }
    for (id, code) in told.live.iter().chain(&told.used) {
        let messages = receiver.of(id);
        assert!(
            messages.iter().all(|message| message.code == *code && message.delivery == messages[0].delivery)
        );
        assert!(!messages.is_empty(), "{id}: its message was acknowledged too");
    }
}

/// What clients know of a server that goes away.
#[derive(Default)]
struct Parting {
    /// Ids and codes that it acknowledged.
    acknowledged: Vec<(String, String)>,
    /// Those whose connection ended without an answer.
    unanswered: Vec<String>,
}

/// Asks `node` until it takes no more connections.
async fn until_it_is_gone(worker: usize, node: &Node, done: &AtomicUsize) -> Parting {
    let mut parting = Parting::default();
    for number in 0.. {
        let id = format!("person-{worker}-{number}");
        let form = [("provider", "sms"), ("to", id.as_str())];
        match node.try_call(Method::PUT, &format!("/api/otp/{id}"), &form).await {
            Ok(reply) => parting.acknowledged.push((id, reply.code())),
            Err(error) if error.is_connect() => break,
            // The system had let it in, and it came too late to be taken up.
            Err(_) => parting.unanswered.push(id),
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
    parting
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_stopped_under_load_answers_all_that_it_took_up() {
    let receiver = Receiver::start().await;
    let shared = Nodes::new(Keeping::Everything, &receiver.url(), "");
    let [stopped, other] = shared.two();
    let (stopped, done) = (Arc::new(stopped), Arc::new(AtomicUsize::new(0)));
    let clients = (0..WORKERS).map(|worker| {
        let (node, done) = (Arc::clone(&stopped), Arc::clone(&done));
        tokio::spawn(async move { until_it_is_gone(worker, &node, &done).await })
    });
    let clients: Vec<_> = clients.collect();
    eventually("clients to be busy", async || (done.load(Ordering::SeqCst) > 100).then_some(())).await;
    stopped.process.signal("-TERM");
    let partings = within("all clients to be answered or turned away", join_all(clients)).await;
    let mut stopped = Arc::into_inner(stopped).unwrap();
    assert_eq!(tokio::task::block_in_place(|| stopped.process.wait_for_end()).code(), Some(0));
    for parting in partings.into_iter().map(Result::unwrap) {
        for (id, code) in parting.acknowledged {
            assert_eq!(receiver.of(&id).len(), 1, "{id}: it is not sent again");
            assert_eq!(other.check(&id, &code).await.status, 200, "{id} was acknowledged");
        }
        for id in parting.unanswered {
            assert_eq!(
                other.check(&id, "1").await.message(),
                "the OTP does not exist",
                "{id}: nothing was done"
            );
            assert_eq!(receiver.of(&id), [], "{id}");
            assert_eq!(other.put(&id, &[]).await.status, 200, "{id}: whoever asks again is served");
        }
    }
}
