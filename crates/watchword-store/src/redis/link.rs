//! Getting a call to its server and its answer back, over a few connections that many calls share.
//!
//! A call that was surely not done is sent again for a while: it found no server, or the server said that it did nothing
//! (it moved, it is loading). One that was written and got no answer is never sent again: it may have been done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, ProtocolVersion, PushInfo, PushKind,
    RedisError, ServerErrorKind, Value,
};
use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval, timeout};
use watchword_core::ports::StoreError;

use super::call::Call;
use super::url::{Place, RedisUrl};

/// How long a call that was not done waits before it is sent again.
const PAUSE: Duration = Duration::from_millis(50);
/// How many calls wait in one connection's queue before callers wait for a place in it.
const QUEUE: usize = 1_024;

/// The way to the servers.
pub(super) enum Link {
    One { lines: Vec<Line>, next: AtomicUsize, patience: Duration },
    Cluster { cluster: Box<Cluster>, patience: Duration },
}

/// Why a call has no answer.
enum Failure {
    /// It was not done, and may be soon.
    NotYet(RedisError),
    /// It was not done.
    NotDone(RedisError),
    /// The server has too much to do.
    Busy,
    /// The server does not know the script. Nothing was done.
    NoScript,
    /// It may have been done.
    Unknown(RedisError),
}

impl Link {
    /// Connects to nothing yet.
    pub(super) fn new(url: &RedisUrl, connections: usize, patience: Duration) -> Result<Self, RedisError> {
        Ok(match &url.place {
            Place::One(info) => {
                let lines = (0..connections.max(1)).map(|_| Line::new(info, patience));
                Self::One { lines: lines.collect::<Result<_, _>>()?, next: AtomicUsize::new(0), patience }
            }
            Place::Cluster(nodes) => {
                Self::Cluster { cluster: Box::new(Cluster::new(nodes, patience)?), patience }
            }
        })
    }

    /// Whether keys of different partitions may stand in one call.
    pub(super) const fn is_one(&self) -> bool {
        matches!(self, Self::One { .. })
    }

    /// Sends a call and waits for its answer.
    pub(super) async fn run(&self, call: Call) -> Result<Value, StoreError> {
        let mut answer = self.attempt(&call.command).await;
        if matches!(answer, Err(Failure::NoScript)) {
            answer = self.attempt(&call.with_source()).await;
        }
        let Err(Failure::NotYet(_)) = answer else { return answer.map_err(Into::into) };
        let mut pauses = interval(PAUSE);
        pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..self.patience().as_millis() / PAUSE.as_millis() {
            pauses.tick().await;
            // A server that was started anew knows no script.
            answer = self.attempt(&call.with_source()).await;
            if !matches!(answer, Err(Failure::NotYet(_))) {
                break;
            }
        }
        answer.map_err(Into::into)
    }

    /// Sends a command that changes nothing and names no key, once. Of a cluster the same node answers each time, save after a
    /// fail-over.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, StoreError> {
        let answer = match self {
            Self::One { .. } => self.attempt(command).await,
            Self::Cluster { cluster, .. } => cluster.ask(command).await,
        };
        answer.map_err(Into::into)
    }

    const fn patience(&self) -> Duration {
        match self {
            Self::One { patience, .. } | Self::Cluster { patience, .. } => *patience,
        }
    }

    async fn attempt(&self, command: &Cmd) -> Result<Value, Failure> {
        match self {
            Self::One { lines, next, .. } => {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                lines[turn % lines.len()].send(command).await
            }
            Self::Cluster { cluster, .. } => cluster.send(command).await,
        }
    }
}

/// One connection, made when it is first needed and anew after it broke.
pub(super) struct Line {
    client: Client,
    patience: Duration,
    current: Mutex<Option<Connected>>,
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Connected {
    connection: MultiplexedConnection,
    broken: Arc<AtomicBool>,
}

impl Line {
    fn new(info: &ConnectionInfo, patience: Duration) -> Result<Self, RedisError> {
        let client = Client::open(info.clone())?;
        Ok(Self { client, patience, current: Mutex::default(), connecting: tokio::sync::Mutex::default() })
    }

    async fn send(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut connected = self.connected().await?;
        let answer = answer_to(&mut connected.connection, command).await;
        if answer.as_ref().is_err_and(RedisError::is_unrecoverable_error) {
            connected.broken.store(true, Ordering::SeqCst);
        }
        answer.map_err(of_sent)
    }

    fn standing(&self) -> Option<Connected> {
        self.current.lock().clone().filter(|connected| !connected.broken.load(Ordering::SeqCst))
    }

    async fn connected(&self) -> Result<Connected, Failure> {
        if let Some(standing) = self.standing() {
            return Ok(standing);
        }
        let connecting = async {
            let _turn = self.connecting.lock().await;
            if let Some(standing) = self.standing() {
                return Ok(standing);
            }
            let made = self.connect().await?;
            *self.current.lock() = Some(made.clone());
            Ok(made)
        };
        match timeout(self.patience, connecting).await {
            Ok(connected) => connected.map_err(of_unsent),
            Err(elapsed) => Err(Failure::NotDone(std::io::Error::from(elapsed).into())),
        }
    }

    async fn connect(&self) -> Result<Connected, RedisError> {
        let broken = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&broken);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience))
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(move |push: PushInfo| {
                // Told as soon as it is seen, so that no call is written to a connection that nobody reads any more.
                if push.kind == PushKind::Disconnection {
                    told.store(true, Ordering::SeqCst);
                }
                Ok::<_, std::convert::Infallible>(())
            });
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Connected { connection, broken })
    }
}

/// The connections to a cluster's nodes. Which node has which partition is learned from the nodes.
pub(super) struct Cluster {
    client: ClusterClient,
    patience: Duration,
    current: tokio::sync::Mutex<Option<ClusterConnection>>,
}

impl Cluster {
    fn new(nodes: &[ConnectionInfo], patience: Duration) -> Result<Self, RedisError> {
        let client = ClusterClient::builder(nodes.iter().cloned())
            .use_protocol(ProtocolVersion::RESP3)
            .connection_timeout(patience)
            .response_timeout(patience)
            // It would send again what may have been done.
            .retries(0)
            .build()?;
        Ok(Self { client, patience, current: tokio::sync::Mutex::default() })
    }

    async fn send(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut connection = self.connected_in_time().await?;
        answer_to(&mut connection, command).await.map_err(of_sent)
    }

    async fn ask(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut connection = self.connected_in_time().await?;
        let first_slot = SingleNodeRoutingInfo::SpecificNode(Route::new(0, SlotAddr::Master));
        let answer = connection.route_command(command.clone(), RoutingInfo::SingleNode(first_slot)).await;
        answer.and_then(Value::extract_error).map_err(of_sent)
    }

    async fn connected_in_time(&self) -> Result<ClusterConnection, Failure> {
        match timeout(self.patience, self.connected()).await {
            Ok(connected) => connected.map_err(of_unsent),
            Err(elapsed) => Err(Failure::NotDone(std::io::Error::from(elapsed).into())),
        }
    }

    async fn connected(&self) -> Result<ClusterConnection, RedisError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &*current {
            return Ok(connection.clone());
        }
        let connection = self.client.get_async_connection().await?;
        Ok(current.insert(connection).clone())
    }
}

async fn answer_to(connection: &mut impl ConnectionLike, command: &Cmd) -> Result<Value, RedisError> {
    connection.req_packed_command(command).await?.extract_error()
}

/// What an error of connecting means: nothing was written.
fn of_unsent(error: RedisError) -> Failure {
    match error.kind() {
        ErrorKind::Io if !error.is_timeout() => Failure::NotYet(error),
        ErrorKind::ClusterConnectionNotFound | ErrorKind::Server(ServerErrorKind::BusyLoading) => {
            Failure::NotYet(error)
        }
        _ => Failure::NotDone(error),
    }
}

/// What an error of a call means that may have been written.
fn of_sent(error: RedisError) -> Failure {
    use ServerErrorKind::{
        Ask, BusyLoading, ClusterDown, CrossSlot, MasterDown, Moved, NoPerm, NoScript, ReadOnly, TryAgain,
    };
    match error.kind() {
        ErrorKind::Server(NoScript) => Failure::NoScript,
        ErrorKind::Server(Moved | Ask | TryAgain | ClusterDown | MasterDown | BusyLoading | ReadOnly)
        | ErrorKind::ClusterConnectionNotFound => Failure::NotYet(error),
        ErrorKind::Server(CrossSlot | NoPerm) | ErrorKind::AuthenticationFailed => Failure::NotDone(error),
        _ if error.is_connection_refusal() => Failure::NotYet(error),
        _ => match error.code() {
            Some("BUSY") => Failure::Busy,
            // A script's first write is refused, or all of them are done.
            Some("OOM" | "MISCONF" | "NOREPLICAS" | "NOAUTH" | "WRONGPASS") => Failure::NotDone(error),
            _ => Failure::Unknown(error),
        },
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotYet(error) | Failure::NotDone(error) => Self::unavailable(error),
            Failure::Busy | Failure::NoScript => Self::Busy,
            Failure::Unknown(error) => Self::outcome_unknown(error),
        }
    }
}
