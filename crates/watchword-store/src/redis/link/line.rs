//! Connections to one server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use ::redis::sentinel::SentinelClient;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, PushInfo, PushKind, RedisError,
    ServerErrorKind, Value,
};
use futures::FutureExt as _;
use futures::future::select_ok;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::super::url;
use super::failure::Failure;

/// How many calls wait in one connection's queue before callers wait for a place in it.
const QUEUE: usize = 1_024;

/// A few connections to one server, which take turns.
pub(super) struct Lines {
    name: String,
    lines: Vec<Line>,
    next: AtomicUsize,
}

impl Lines {
    /// To a server that is always the same.
    pub(super) fn to_server(
        info: &ConnectionInfo,
        connections: usize,
        patience: Duration,
    ) -> Result<Self, RedisError> {
        let way = Arc::new(Way::Server(Box::new(Client::open(info.clone())?)));
        Ok(Self::new(url::shown(info), &way, connections, patience))
    }

    /// To the server that the sentinels name when a connection is made.
    pub(super) fn by_sentinels(
        sentinels: Vec<SentinelClient>,
        connections: usize,
        patience: Duration,
    ) -> Self {
        let sentinels = sentinels.into_iter().map(tokio::sync::Mutex::new).collect();
        let way = Arc::new(Way::Sentinels(sentinels));
        Self::new("the primary".to_owned(), &way, connections, patience)
    }

    fn new(name: String, way: &Arc<Way>, connections: usize, patience: Duration) -> Self {
        let lines = (0..connections.max(1)).map(|_| Line::new(Arc::clone(way), patience));
        Self { name, lines: lines.collect(), next: AtomicUsize::new(0) }
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, Failure> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.lines[turn % self.lines.len()].send(command).await
    }
}

/// How a server is found.
enum Way {
    Server(Box<Client>),
    Sentinels(Vec<tokio::sync::Mutex<SentinelClient>>),
}

/// The primary that one of them names and that says so itself. All are asked at once: one that hangs must not use up the time
/// of those that answer.
async fn primary(sentinels: &[tokio::sync::Mutex<SentinelClient>]) -> Result<Client, RedisError> {
    let asking = sentinels.iter().map(|sentinel| named_by(sentinel).boxed());
    select_ok(asking).await.map(|(client, _others)| client)
}

async fn named_by(sentinel: &tokio::sync::Mutex<SentinelClient>) -> Result<Client, RedisError> {
    sentinel.lock().await.async_get_client().await
}

/// One connection, made when it is first needed and anew after it broke.
struct Line {
    way: Arc<Way>,
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
    fn new(way: Arc<Way>, patience: Duration) -> Self {
        Self { way, patience, current: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    async fn send(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut connected = self.connected().await?;
        let answer = connected.connection.req_packed_command(command).await.and_then(Value::extract_error);
        if answer.as_ref().is_err_and(is_of_no_use) {
            connected.broken.store(true, Ordering::SeqCst);
        }
        answer.map_err(Failure::of_sent)
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
            Ok(connected) => connected.map_err(Failure::of_unsent),
            Err(elapsed) => Err(Failure::late(elapsed)),
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
        let client = match &*self.way {
            Way::Server(client) => Client::clone(client),
            Way::Sentinels(sentinels) => primary(sentinels).await?,
        };
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Connected { connection, broken })
    }
}

/// Whether the next call should rather go over a new connection: it broke, nobody answers on it, or its server is a replica
/// now and another one has taken its place.
fn is_of_no_use(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}
