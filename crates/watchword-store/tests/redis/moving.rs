//! The place where things are kept moves: by a fail-over of sentinels or of a cluster, or a slot from node to node. The store
//! follows by itself, and does nothing twice.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use watchword_core::namespace::Namespace;
use watchword_core::ports::{OnLive, Selector, Start, Store as _, StoreError};
use watchword_store::RedisOptions;
use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::{Story, external_id, start_name};

use crate::server::{Cluster, Keeping, Server, store};

/// How many operations each worker is waited for.
const SOME: usize = 25;

/// Starts one verification after the other, each under an id that it uses once.
struct Worker {
    story: Story,
    done: AtomicUsize,
    stop: AtomicBool,
}

impl Worker {
    fn new(url: &str, namespace: Namespace) -> Arc<Self> {
        let mut story = Story::new(Fresh::new(store(url, RedisOptions::default())));
        story.namespace = namespace;
        Arc::new(Self { story, done: AtomicUsize::new(0), stop: AtomicBool::new(false) })
    }

    fn start(&self, id: &str) -> Start {
        Start { on_live: OnLive::Refuse, ..self.story.by_id(id, "111111") }
    }

    /// What was acknowledged.
    async fn work(self: Arc<Self>, may_be_in_doubt: bool) -> Vec<String> {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let id = format!("john-{number}");
            match self.story.store.start(self.start(&id)).await {
                Ok(outcome) => {
                    // "exists" would mean that it was done before: twice.
                    assert_eq!(start_name(&outcome), "started", "{id}");
                    acknowledged.push(id);
                    self.done.fetch_add(1, Ordering::SeqCst);
                }
                Err(StoreError::OutcomeUnknown(_)) if may_be_in_doubt => {}
                Err(StoreError::Unavailable(_)) => {}
                Err(other) => panic!("{id}: {other}"),
            }
        }
        acknowledged
    }

    async fn goes_on(&self) {
        let before = self.done.load(Ordering::SeqCst);
        let more = async || (self.done.load(Ordering::SeqCst) >= before + SOME).then_some(());
        eventually("a worker to go on", more).await;
    }
}

/// Runs the workers while `happens` happens, and until all of them went on after it; with what each was told.
async fn working_while(
    workers: Vec<Arc<Worker>>,
    may_be_in_doubt: bool,
    happens: impl Future<Output = ()>,
) -> Vec<(Arc<Worker>, Vec<String>)> {
    let tasks: Vec<_> =
        workers.iter().map(|worker| tokio::spawn(Arc::clone(worker).work(may_be_in_doubt))).collect();
    for worker in &workers {
        worker.goes_on().await;
    }
    happens.await;
    for worker in &workers {
        worker.goes_on().await;
    }
    let mut told = Vec::new();
    for (worker, task) in workers.into_iter().zip(tasks) {
        worker.stop.store(true, Ordering::SeqCst);
        told.push((worker, within("a worker", task).await.unwrap()));
    }
    told
}

fn tenants() -> impl Iterator<Item = Namespace> {
    (0..).map(|number| Namespace::new(&format!("tenant{number}")).unwrap())
}

/// A primary, its copy, and the sentinel of both.
async fn watched() -> (Server, Server, Server) {
    let primary = Server::start(Keeping::Nothing);
    let replica = primary.start_replica();
    replica.is_in_step().await;
    let sentinel = primary.start_sentinel();
    eventually("the sentinel to know the copy", async || {
        let known = sentinel.command(&["SENTINEL", "REPLICAS", "mymaster"]);
        known.contains(&replica.port.to_string()).then_some(())
    })
    .await;
    (primary, replica, sentinel)
}

fn sentinel_url(sentinel: &Server) -> String {
    format!("redis+sentinel://127.0.0.1:{}/mymaster", sentinel.port)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_primary_that_is_killed_is_followed_by_the_one_that_the_sentinels_name() {
    let (mut primary, replica, sentinel) = watched().await;
    let workers = tenants().take(4).map(|tenant| Worker::new(&sentinel_url(&sentinel), tenant)).collect();
    working_while(workers, true, async {
        primary.process.kill();
    })
    .await;
    assert!(replica.command(&["ROLE"]).starts_with("master"));
    // It comes back as a copy, and takes over again when it is asked to.
    primary.start_again();
    let workers = tenants().take(4).map(|tenant| Worker::new(&sentinel_url(&sentinel), tenant)).collect();
    working_while(workers, true, async {
        eventually("the sentinel to agree to a fail-over", async || {
            sentinel.command(&["SENTINEL", "FAILOVER", "mymaster"]).starts_with("OK").then_some(())
        })
        .await;
        eventually("the first to be the primary again", async || {
            primary.command(&["ROLE"]).starts_with("master").then_some(())
        })
        .await;
    })
    .await;
    assert!(primary.command(&["ROLE"]).starts_with("master"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_their_primary_have_each_their_own_users() {
    let (primary, _replica, sentinel) = watched().await;
    primary.command(&["ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all"]);
    sentinel.command(&["ACL", "SETUSER", "watch", "on", ">t&wo", "~*", "&*", "+@all"]);
    // Whoever does not sign in may look at nothing.
    sentinel.command(&["ACL", "SETUSER", "default", "off"]);
    let ready = async |credentials: &str, query: &str| {
        let url = format!("redis+sentinel://{credentials}127.0.0.1:{}/mymaster{query}", sentinel.port);
        store(&url, RedisOptions::default()).ready().await
    };
    let theirs = "?sentinel_username=watch&sentinel_password=t%26wo";
    ready("app:one@", theirs).await.unwrap();
    for (credentials, query) in [("app:one@", ""), ("app:two@", theirs)] {
        let refused = ready(credentials, query).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_that_takes_connections_and_says_nothing_keeps_nobody_waiting() {
    let (_primary, _replica, sentinel) = watched().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|address| (silent, address)).unwrap();
    // The system takes the connections; nobody reads them.
    for hosts in [
        format!("{},127.0.0.1:{}", silent.1, sentinel.port),
        format!("{0},{0},127.0.0.1:{1},{0}", silent.1, sentinel.port),
    ] {
        let options =
            RedisOptions { timeout: std::time::Duration::from_millis(500), ..RedisOptions::default() };
        let url = format!("redis+sentinel://{hosts}/mymaster");
        let story = Story::new(Fresh::new(store(&url, options)));
        story.begin(story.by_id("john-1", "111111")).await;
        assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"], "{hosts}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_primary_that_hangs_is_left_for_the_new_one() {
    let (primary, replica, sentinel) = watched().await;
    let options = RedisOptions { timeout: std::time::Duration::from_millis(500), ..RedisOptions::default() };
    let story = Story::new(Fresh::new(store(&sentinel_url(&sentinel), options)));
    story.begin(story.by_id("john-1", "111111")).await;
    let stopped = Command::new("kill").args(["-STOP", &primary.process.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    eventually("the store to answer again", async || story.store.ready().await.ok()).await;
    assert!(replica.command(&["ROLE"]).starts_with("master"));
    story.begin(story.by_id("john-2", "111111")).await;
    assert!(story.get(Selector::Id(external_id("john-2"))).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_clusters_node_that_is_killed_is_followed_by_its_copy() {
    let mut cluster = Cluster::start();
    cluster.is_up().await;
    let (url, replica) = (cluster.url(), cluster.add_replica(0).await.port);
    // Of 24 tenants some are on each of three nodes.
    let workers = tenants().take(24).map(|tenant| Worker::new(&url, tenant)).collect();
    let first = &mut cluster.nodes_mut()[0];
    working_while(workers, true, async {
        first.process.kill();
    })
    .await;
    let nodes = cluster.nodes();
    let replica = nodes.iter().find(|node| node.port == replica).unwrap();
    assert!(replica.command(&["ROLE"]).starts_with("master"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_slots_move_to_another_node_nothing_is_lost_in_doubt_or_done_twice() {
    /// One of the 64 partitions is in these slots.
    const MOVED: u16 = 400;
    let cluster = Cluster::start();
    cluster.is_up().await;
    let nodes = cluster.nodes();
    let moves = |tenant: &Namespace| {
        let tag = format!("{{p{:02}}}", tenant.partition().number());
        nodes[0].command(&["CLUSTER", "KEYSLOT", &tag]).trim().parse::<u16>().unwrap() < MOVED
    };
    let (moving, staying): (Vec<_>, Vec<_>) = tenants().take(300).partition(moves);
    let tenants = moving.iter().take(2).chain(staying.iter().take(4));
    let workers: Vec<_> = tenants.map(|tenant| Worker::new(&cluster.url(), tenant.clone())).collect();
    assert_eq!(workers.len(), 6);
    let told = working_while(workers, false, async {
        let id = |node: &Server| node.command(&["CLUSTER", "MYID"]).trim().to_owned();
        let (from, to, count) = (id(&nodes[0]), id(&nodes[1]), MOVED.to_string());
        let address = format!("127.0.0.1:{}", nodes[0].port);
        let arguments = ["--cluster", "reshard", &address, "--cluster-from", &from, "--cluster-to", &to];
        let more = ["--cluster-slots", &count, "--cluster-yes"];
        let all = [&arguments[..], &more].concat();
        tokio::task::block_in_place(|| nodes[2].command(&all));
    })
    .await;
    for (worker, acknowledged) in told {
        for id in acknowledged {
            let found = worker.story.get(Selector::Id(external_id(&id))).await;
            assert!(found.is_some(), "{id} was acknowledged and is lost");
        }
    }
    let slots = nodes[1].command(&["CLUSTER", "NODES"]);
    let mine = slots.lines().find(|line| line.contains("myself")).unwrap();
    assert!(mine.contains("0-399"), "{mine}");
}
