//! Real servers of Redis, on free ports of 127.0.0.1. They need the Debian package `redis-server`.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::deadline;
use crate::net;
use crate::process::Process;

const PROGRAM: &str = "redis-server";

/// A node of a cluster listens so far above its port too.
const BUS: u16 = 10_000;

/// How a server keeps what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// Not at all.
    Nothing,
    /// Every write before it is answered.
    Everything,
}

/// A server; it is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// To be killed, stopped and let go on.
    pub process: Process,
    /// Where it listens.
    pub port: u16,
    arguments: Vec<String>,
    tls: Option<Tls>,
    folder: TempDir,
}

/// What a server's TLS is made of: files in PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Its certificate.
    pub certificate: PathBuf,
    /// The key to that.
    pub key: PathBuf,
    /// Who vouches for it.
    pub ca: PathBuf,
}

impl Server {
    /// Starts one, and waits until it takes connections.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start(keeping: Keeping) -> Self {
        Self::start_as(&keeping.arguments(), None)
    }

    /// As [`Self::start`], with other arguments besides.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_with(keeping: Keeping, more: &[&str]) -> Self {
        Self::start_as(&[&keeping.arguments()[..], more].concat(), None)
    }

    /// As [`Self::start`], keeps nothing, and takes connections over TLS alone.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_over_tls(tls: &Tls) -> Self {
        Self::start_as(&Keeping::Nothing.arguments(), Some(tls))
    }

    /// A copy of this one, which follows it; [`Self::is_in_step`] waits until it does.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_replica(&self) -> Self {
        let port = self.port.to_string();
        Self::start_with(Keeping::Nothing, &["--replicaof", "127.0.0.1", &port])
    }

    /// Waits until this copy has what its primary has.
    ///
    /// # Panics
    /// It does not by the deadline.
    pub async fn is_in_step(&self) {
        deadline::eventually("the copy to be in step", async || {
            let info = self.command(&["INFO", "replication"]);
            info.contains("master_link_status:up").then_some(())
        })
        .await;
    }

    /// The one sentinel of this server, which it calls `mymaster`, and of its copies. It alone decides about a fail-over, after
    /// half a second without an answer.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_sentinel(&self) -> Self {
        let file = self.folder.path().join("sentinel.conf");
        let settings = format!(
            "sentinel monitor mymaster 127.0.0.1 {} 1\nsentinel down-after-milliseconds mymaster 500\n\
             sentinel failover-timeout mymaster 3000\n",
            self.port
        );
        std::fs::write(&file, settings).unwrap();
        let file = file.to_str().expect("a temporary folder has a plain name");
        Self::start_as(&[file, "--sentinel"], None)
    }

    fn start_as(arguments: &[&str], tls: Option<&Tls>) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        // Another process may take a port between the look for a free one and the start.
        for _ in 0..5 {
            let port = free_port();
            let folder = tempfile::tempdir().unwrap();
            if let Some(process) = run(port, &arguments, tls, folder.path()) {
                return Self { process, port, arguments, tls: tls.cloned(), folder };
            }
        }
        panic!("`{PROGRAM}` does not start; install the package redis-server");
    }

    /// Starts it anew on its port, with what it kept, after it was killed.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_again(&mut self) {
        let started = run(self.port, &self.arguments, self.tls.as_ref(), self.folder.path());
        self.process = started.expect("it started before");
    }

    /// As stores name it.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// What `redis-cli` prints.
    ///
    /// # Panics
    /// It can't be run, or could not ask the server.
    pub fn command(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let mut client = Command::new("redis-cli");
        client.args(["-p", &port, "--raw"]);
        if let Some(tls) = &self.tls {
            client.args(["--tls", "--cacert"]).arg(&tls.ca);
        }
        let output = client.args(arguments).output();
        let output = output.expect("`redis-cli` can be run; install the package redis-server");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Looks at what clients send from here on.
    ///
    /// # Panics
    /// `redis-cli` can't be run.
    pub fn monitor(&self) -> Monitor<'_> {
        let port = self.port.to_string();
        let mut process = Process::start(Path::new("redis-cli"), ["-p", &port, "MONITOR"], &[]);
        process.wait_for_line("the monitor's word that it looks", |line| (line == "OK").then_some(()));
        Monitor { server: self, process }
    }
}

/// Sees what clients send; what scripts call is not theirs, and is left out.
#[derive(Debug)]
pub struct Monitor<'a> {
    server: &'a Server,
    process: Process,
}

impl Monitor<'_> {
    /// The commands so far, with their arguments as the server prints them: `"EVALSHA" "…" "2" …`.
    ///
    /// # Panics
    /// The server can't be asked.
    pub fn end(mut self) -> Vec<String> {
        const END: &str = "the end of what is looked at";
        self.server.command(&["ECHO", END]);
        self.process.wait_for_line("the end", |line| line.contains(END).then_some(()));
        let lines = self.process.output().into_iter();
        let sent = lines.take_while(|line| !line.contains(END)).filter(|line| !line.contains(" lua] "));
        let commands = sent.filter_map(|line| line.find('"').map(|begin| line[begin..].to_owned()));
        // So `redis-cli` and new connections introduce themselves.
        const GREETINGS: [&str; 3] = ["\"COMMAND\"", "\"HELLO\"", "\"CLIENT\""];
        commands.filter(|line| !GREETINGS.iter().any(|greeting| line.starts_with(greeting))).collect()
    }
}

fn free_port() -> u16 {
    loop {
        let port = net::free_port();
        if TcpListener::bind(("127.0.0.1", port + BUS)).is_ok() {
            return port;
        }
    }
}

impl Keeping {
    fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Nothing => vec!["--save", "", "--appendonly", "no"],
            Self::Everything => vec!["--save", "", "--appendonly", "yes", "--appendfsync", "always"],
        }
    }
}

/// `None`: it ended, for somebody else has its port.
fn run(port: u16, given: &[String], tls: Option<&Tls>, folder: &Path) -> Option<Process> {
    let port = port.to_string();
    let mut arguments: Vec<&OsStr> = given.iter().map(OsStr::new).collect();
    arguments.extend(["--bind", "127.0.0.1", "--dir"].map(OsStr::new));
    arguments.push(folder.as_os_str());
    arguments.extend([if tls.is_some() { "--tls-port" } else { "--port" }, &port].map(OsStr::new));
    if let Some(tls) = tls {
        arguments.extend(["--port", "0", "--tls-auth-clients", "no"].map(OsStr::new));
        arguments.extend(["--tls-cluster", "yes", "--tls-replication", "yes"].map(OsStr::new));
        arguments.extend([OsStr::new("--tls-cert-file"), tls.certificate.as_os_str()]);
        arguments.extend([OsStr::new("--tls-key-file"), tls.key.as_os_str()]);
        arguments.extend([OsStr::new("--tls-ca-cert-file"), tls.ca.as_os_str()]);
    }
    let mut process = Process::start(Path::new(PROGRAM), arguments, &[]);
    let is_up = process.wait_for_line("the server's word that it is up", |line| {
        if line.contains("Ready to accept connections") || line.contains("+monitor master") {
            Some(true)
        } else {
            line.contains("Address already in use").then_some(false)
        }
    });
    is_up.then_some(process)
}

/// Three servers that share the slots among them.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts them and has them meet; [`Self::is_up`] waits until they did.
    ///
    /// # Panics
    /// They can't be started.
    pub fn start() -> Self {
        Self::start_as(None)
    }

    /// As [`Self::start`]; over TLS alone.
    ///
    /// # Panics
    /// They can't be started.
    pub fn start_over_tls(tls: &Tls) -> Self {
        Self::start_as(Some(tls))
    }

    fn start_as(tls: Option<&Tls>) -> Self {
        let nodes: Vec<_> = (0..3).map(|_| Self::node(tls)).collect();
        for (node, slots) in nodes.iter().zip([(0, 5_460), (5_461, 10_922), (10_923, 16_383)]) {
            let (first, last) = (slots.0.to_string(), slots.1.to_string());
            assert_eq!(node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).trim(), "OK");
        }
        for node in &nodes[1..] {
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]);
        }
        Self { nodes }
    }

    fn node(tls: Option<&Tls>) -> Server {
        let as_node = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        Server::start_as(&[&Keeping::Nothing.arguments()[..], &as_node].concat(), tls)
    }

    /// Adds a copy of the node in that place, which takes over when that one is gone.
    ///
    /// # Panics
    /// It can't be started, or does not follow by the deadline.
    pub async fn add_replica(&mut self, of: usize) -> &Server {
        let replica = Self::node(self.nodes[of].tls.clone().as_ref());
        let id = self.nodes[of].command(&["CLUSTER", "MYID"]).trim().to_owned();
        self.nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &replica.port.to_string()]);
        deadline::eventually("the copy to know whom it copies", async || {
            replica.command(&["CLUSTER", "NODES"]).contains(&id).then_some(())
        })
        .await;
        replica.command(&["CLUSTER", "REPLICATE", &id]);
        replica.is_in_step().await;
        self.nodes.push(replica);
        self.is_up().await;
        &self.nodes[self.nodes.len() - 1]
    }

    /// Its servers, to be killed.
    pub fn nodes_mut(&mut self) -> &mut [Server] {
        &mut self.nodes
    }

    /// Waits until every node knows who has which slots.
    ///
    /// # Panics
    /// One does not by the deadline.
    pub async fn is_up(&self) {
        deadline::eventually("the cluster to be up", async || {
            let is_ok = |node: &Server| {
                let info = node.command(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
            };
            self.nodes.iter().all(is_ok).then_some(())
        })
        .await;
    }

    /// As stores name it.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let scheme = if self.nodes[0].tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}+cluster://{}", hosts.join(","))
    }

    /// Its servers.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }
}
