//! Real servers of Redis, started by the tests on free ports.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;
use watchword_store::{RedisOptions, RedisStore, RedisUrl};
use watchword_testkit::process::Process;

const PROGRAM: &str = "redis-server";

/// How a server keeps what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Not at all.
    Nothing,
    /// Every write before it is answered.
    Everything,
}

/// A server; it is killed when this is dropped.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) port: u16,
    keeping: Keeping,
    is_of_cluster: bool,
    folder: TempDir,
}

impl Server {
    pub(crate) fn start(keeping: Keeping) -> Self {
        Self::start_as(keeping, false)
    }

    fn start_as(keeping: Keeping, is_of_cluster: bool) -> Self {
        // Another process may take a port between the look for a free one and the start.
        for _ in 0..5 {
            let port = free_port();
            let folder = tempfile::tempdir().unwrap();
            if let Some(process) = run(port, keeping, is_of_cluster, folder.path()) {
                return Self { process, port, keeping, is_of_cluster, folder };
            }
        }
        panic!("`{PROGRAM}` does not start; install the package redis-server");
    }

    /// Starts it anew on its port, with what it kept, after it was killed.
    pub(crate) fn start_again(&mut self) {
        let started = run(self.port, self.keeping, self.is_of_cluster, self.folder.path());
        self.process = started.expect("it started before");
    }

    pub(crate) fn url(&self) -> RedisUrl {
        RedisUrl::parse(&format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }

    /// What `redis-cli` prints.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port, "--raw"]).args(arguments).output();
        let output = output.expect("`redis-cli` can be run; install the package redis-server");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn free_port() -> u16 {
    // A node of a cluster listens 10000 above its port too.
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port < 55_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}

/// `None`: it ended, for somebody else has its port.
fn run(port: u16, keeping: Keeping, is_of_cluster: bool, folder: &Path) -> Option<Process> {
    let port = port.to_string();
    let folder = folder.to_str().expect("a temporary folder has a plain name");
    let mut arguments = vec!["--port", &port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
    match keeping {
        Keeping::Nothing => arguments.extend(["--appendonly", "no"]),
        Keeping::Everything => arguments.extend(["--appendonly", "yes", "--appendfsync", "always"]),
    }
    if is_of_cluster {
        arguments.extend(["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]);
    }
    let mut process = Process::start(Path::new(PROGRAM), arguments, &[]);
    let is_up = process.wait_for_line("the server's word that it is up", |line| {
        if line.contains("Ready to accept connections") {
            Some(true)
        } else {
            line.contains("Address already in use").then_some(false)
        }
    });
    is_up.then_some(process)
}

/// Three servers that share the partitions among them.
pub(crate) struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let nodes: Vec<_> = (0..3).map(|_| Server::start_as(Keeping::Nothing, true)).collect();
        for (node, slots) in nodes.iter().zip([(0, 5_460), (5_461, 10_922), (10_923, 16_383)]) {
            let (first, last) = (slots.0.to_string(), slots.1.to_string());
            assert_eq!(node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).trim(), "OK");
        }
        for node in &nodes[1..] {
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]);
        }
        Self { nodes }
    }

    /// Waits until every node knows who has which slots.
    pub(crate) async fn is_up(&self) {
        watchword_testkit::deadline::eventually("the cluster to be up", async || {
            let is_ok = |node: &Server| {
                let info = node.command(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
            };
            self.nodes.iter().all(is_ok).then_some(())
        })
        .await;
    }

    pub(crate) fn url(&self) -> RedisUrl {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        RedisUrl::parse(&format!("redis+cluster://{}", hosts.join(","))).unwrap()
    }

    pub(crate) fn nodes(&self) -> &[Server] {
        &self.nodes
    }
}

/// A store of its own on a server that others are on too, with records.
pub(crate) fn store(url: &RedisUrl, options: RedisOptions) -> RedisStore {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let key_prefix = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
    RedisStore::open(url, RedisOptions { key_prefix, ..options }).unwrap()
}

/// What all tests share that run at a time, and that ends with the last of them.
pub(crate) struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub(crate) fn get(&self, start: impl FnOnce() -> T) -> Arc<T> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.upgrade().unwrap_or_else(|| {
            let started = Arc::new(start());
            *current = Arc::downgrade(&started);
            started
        })
    }
}
