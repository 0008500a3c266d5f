//! The nodes of a cluster, and which has which slots.
//!
//! The driver's own client for clusters does not tell a call that was written from one that was not, and so can't be used where
//! none may be done twice. This one asks a node for the map, sends each call to the node that has its slot, and looks at the
//! map again after a call found nobody there, or was told that the slot is elsewhere.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::redis::cluster_routing::Slot;
use ::redis::{Arg, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, Value};
use futures::future::join_all;
use parking_lot::RwLock;
use tokio::time::timeout;

use super::failure::Failure;
use super::line::Lines;

/// A cluster.
pub(super) struct Cluster {
    /// Where the first map is asked for. Their credentials and certificates are those of all nodes.
    seeds: Vec<ConnectionInfo>,
    connections: usize,
    patience: Duration,
    map: RwLock<Option<Arc<Map>>>,
    is_old: AtomicBool,
    looking: tokio::sync::Mutex<()>,
}

/// Who has what, as one node said.
struct Map {
    nodes: Vec<Arc<Node>>,
    slots: HashMap<Slot, usize>,
}

struct Node {
    info: ConnectionInfo,
    lines: Lines,
}

impl Cluster {
    /// Connects to nothing yet.
    pub(super) fn new(seeds: Vec<ConnectionInfo>, connections: usize, patience: Duration) -> Self {
        Self {
            seeds,
            connections,
            patience,
            map: RwLock::default(),
            is_old: AtomicBool::new(false),
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// Sends a call to the node that has its first key.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, Failure> {
        // EVALSHA digest number-of-keys key …
        let key = match command.args_iter().nth(3) {
            Some(Arg::Simple(key)) => key,
            _ => b"",
        };
        self.send_to(Slot::for_key(key), command).await
    }

    /// Sends a command without keys to the node that has the first slot.
    pub(super) async fn ask_first(&self, command: &Cmd) -> Result<Value, Failure> {
        match Slot::new(0) {
            Some(first) => self.send_to(first, command).await,
            None => Err(uncovered()),
        }
    }

    /// Sends a command without keys to each node that has slots.
    pub(super) async fn ask_each(
        &self,
        command: &Cmd,
    ) -> Result<Vec<(String, Result<Value, Failure>)>, Failure> {
        let map = self.map().await?;
        let asking = map
            .nodes
            .iter()
            .map(|node| async { (node.lines.name().to_owned(), node.lines.send(command).await) });
        Ok(join_all(asking).await)
    }

    /// The places of keys, one for each node that has some.
    pub(super) async fn one_a_node(&self, keys: &[String]) -> Result<Vec<usize>, Failure> {
        let map = self.map().await?;
        let mut by_node = HashMap::new();
        for (place, key) in keys.iter().enumerate() {
            // What nobody has stands for itself: asking for it tells so.
            let node = map.slots.get(&Slot::for_key(key)).copied();
            by_node.entry(node.ok_or(place)).or_insert(place);
        }
        Ok(by_node.into_values().collect())
    }

    async fn send_to(&self, slot: Slot, command: &Cmd) -> Result<Value, Failure> {
        let map = self.map().await?;
        let answer = match map.slots.get(&slot) {
            Some(node) => map.nodes[*node].lines.send(command).await,
            None => Err(uncovered()),
        };
        if let Err(Failure::NotYet(_) | Failure::NotDone(_) | Failure::Unknown(_)) = answer {
            self.is_old.store(true, Ordering::SeqCst);
        }
        answer
    }

    async fn map(&self) -> Result<Arc<Map>, Failure> {
        if let Some(map) = self.known() {
            return Ok(map);
        }
        match timeout(self.patience, self.look()).await {
            Ok(map) => map.map_err(Failure::of_unsent),
            Err(elapsed) => Err(Failure::late(elapsed)),
        }
    }

    fn known(&self) -> Option<Arc<Map>> {
        if self.is_old.load(Ordering::SeqCst) { None } else { self.map.read().clone() }
    }

    /// Asks all nodes for the map, and takes the first answer.
    async fn look(&self) -> Result<Arc<Map>, RedisError> {
        let _turn = self.looking.lock().await;
        if let Some(map) = self.known() {
            return Ok(map);
        }
        // What changes from here on makes the new map old again.
        self.is_old.store(false, Ordering::SeqCst);
        let before = self.map.read().clone();
        let found = self.ask_around(before.as_deref()).await;
        match found {
            Ok(map) => {
                let map = Arc::new(map);
                *self.map.write() = Some(Arc::clone(&map));
                Ok(map)
            }
            Err(error) => {
                self.is_old.store(true, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    async fn ask_around(&self, before: Option<&Map>) -> Result<Map, RedisError> {
        let mut asked: Vec<Arc<Node>> = before.map(|map| map.nodes.clone()).unwrap_or_default();
        for seed in &self.seeds {
            if !asked.iter().any(|node| node.info.addr() == seed.addr()) {
                asked.push(Arc::new(self.node(seed.clone())?));
            }
        }
        let mut command = ::redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let asking = asked.iter().map(|node| {
            let (command, asked) = (&command, &asked);
            Box::pin(async move {
                let answer = node.lines.send(command).await.map_err(Failure::into_error)?;
                self.read(answer, &node.info, asked)
            })
        });
        futures::future::select_ok(asking).await.map(|(map, _)| map)
    }

    fn node(&self, info: ConnectionInfo) -> Result<Node, RedisError> {
        let lines = Lines::to_server(&info, self.connections, self.patience)?;
        Ok(Node { info, lines })
    }

    /// Reads the answer to `CLUSTER SLOTS`: a list of [first, last, [host, port, …] of the primary, …]. Nodes that are known
    /// keep their connections.
    fn read(&self, answer: Value, told_by: &ConnectionInfo, known: &[Arc<Node>]) -> Result<Map, RedisError> {
        let mut map = Map { nodes: Vec::new(), slots: HashMap::new() };
        for range in list(answer)? {
            let mut range = list(range)?.into_iter();
            let mut next = || range.next().ok_or_else(unreadable);
            let (first, last): (u16, u16) =
                (::redis::from_redis_value(next()?)?, ::redis::from_redis_value(next()?)?);
            let mut primary = list(next()?)?.into_iter();
            let host = primary.next().ok_or_else(unreadable)?;
            let host: Option<String> = ::redis::from_redis_value(host)?;
            let port: u16 = ::redis::from_redis_value(primary.next().ok_or_else(unreadable)?)?;
            let info = at(told_by, host.filter(|host| !matches!(host.as_str(), "" | "?")), port);
            let place = match map.nodes.iter().position(|node| node.info.addr() == info.addr()) {
                Some(place) => place,
                None => {
                    let node = known.iter().find(|node| node.info.addr() == info.addr());
                    map.nodes.push(match node {
                        Some(node) => Arc::clone(node),
                        None => Arc::new(self.node(info)?),
                    });
                    map.nodes.len() - 1
                }
            };
            map.slots.extend((first..=last).filter_map(Slot::new).map(|slot| (slot, place)));
        }
        Ok(map)
    }
}

/// The node there, spoken to as `like`. Without a host it is where `like` is.
fn at(like: &ConnectionInfo, host: Option<String>, port: u16) -> ConnectionInfo {
    let addr = match like.addr().clone() {
        ConnectionAddr::TcpTls { host: same, insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: host.unwrap_or(same), port, insecure, tls_params }
        }
        ConnectionAddr::Tcp(same, _) => ConnectionAddr::Tcp(host.unwrap_or(same), port),
        other => other,
    };
    like.clone().set_addr(addr)
}

fn list(value: Value) -> Result<Vec<Value>, RedisError> {
    match value {
        Value::Array(elements) => Ok(elements),
        _ => Err(unreadable()),
    }
}

fn unreadable() -> RedisError {
    (ErrorKind::UnexpectedReturnType, "the answer to CLUSTER SLOTS can't be read").into()
}

/// No node has the slot: the cluster is being put together, or has lost nodes.
fn uncovered() -> Failure {
    Failure::NotYet((ErrorKind::ClusterConnectionNotFound, "no node of the cluster has the slot").into())
}
