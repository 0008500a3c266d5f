//! Real servers of Redis, on free ports of 127.0.0.1. They need the Debian package `redis-server`.

use std::net::TcpListener;
use std::path::Path;
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
    keeping: Keeping,
    is_of_cluster: bool,
    folder: TempDir,
}

impl Server {
    /// Starts one, and waits until it takes connections.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start(keeping: Keeping) -> Self {
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
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_again(&mut self) {
        let started = run(self.port, self.keeping, self.is_of_cluster, self.folder.path());
        self.process = started.expect("it started before");
    }

    /// As stores name it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What `redis-cli` prints.
    ///
    /// # Panics
    /// It can't be run, or could not ask the server.
    pub fn command(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port, "--raw"]).args(arguments).output();
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
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// Its servers.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }
}
