//! Connections that calls take turns on.
//!
//! A connection serves one call at a time, so that a call which waits for a row's lock keeps nobody waiting but itself, and so that
//! the server makes the commits of several connections durable together.

use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolConfig, PoolError, QueueMode, RecyclingMethod, Runtime,
    TimeoutType, Timeouts,
};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::{Failure, of_unsent};

/// How long a call that found no server waits before it looks again.
const PAUSE: Duration = Duration::from_millis(50);

/// The way to the server, or to the pooler before it.
pub(super) struct Link {
    pool: Pool,
    tls: MakeRustlsConnect,
    patience: Duration,
}

impl Link {
    /// Connects to nothing yet.
    pub(super) fn new(
        config: &Config,
        tls: MakeRustlsConnect,
        connections: usize,
        patience: Duration,
    ) -> Result<Self, deadpool_postgres::BuildError> {
        let mut config = config.clone();
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(patience / 2);
        }
        // A dead one is known by its socket; asking each time whether it lives would be a round trip more.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, tls.clone(), recycling);
        let timeouts = Timeouts { wait: Some(patience), create: Some(patience), recycle: Some(patience) };
        let pool = Pool::builder(manager)
            .config(PoolConfig { max_size: connections.max(1), timeouts, queue_mode: QueueMode::Lifo })
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self { pool, tls, patience })
    }

    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    /// For a call that was surely not done.
    pub(super) fn pauses(&self) -> Pauses {
        Pauses { left: self.patience.as_millis() / PAUSE.as_millis(), is_first: true }
    }

    /// A connection; a server that is away is waited for a while.
    pub(super) async fn connection(&self) -> Result<Object, Failure> {
        let mut last = None;
        let looking = async {
            loop {
                match self.pool.get().await {
                    Ok(connection) => return Ok(connection),
                    Err(error) => match of_pool(error) {
                        Failure::NotYet(error) => last = Some(error),
                        other => return Err(other),
                    },
                }
                pause(PAUSE).await;
            }
        };
        match timeout(self.patience, looking).await {
            Ok(found) => found,
            // Without an error it waited for its turn.
            Err(_) => Err(last.map_or(Failure::Busy, Failure::NotDone)),
        }
    }

    /// Throws away a connection whose call takes too long, and asks the server to stop it.
    pub(super) fn give_up(&self, connection: Object) {
        let (cancel, tls, patience) = (connection.cancel_token(), self.tls.clone(), self.patience);
        drop(Object::take(connection));
        tokio::spawn(async move {
            // The server may not listen: then its own limits end the call.
            let _ = timeout(patience, cancel.cancel_query(tls)).await;
        });
    }
}

/// Pauses between tries, as long as patience goes. The first comes at once.
pub(super) struct Pauses {
    left: u128,
    is_first: bool,
}

impl Pauses {
    pub(super) async fn tick(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.left = self.left.saturating_sub(1);
            pause(PAUSE).await;
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.left == 0
    }
}

/// Waits before the server is looked for again.
#[expect(clippy::disallowed_methods, reason = "a real server is waited for, which no clock of ours moves")]
pub(super) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

fn of_pool(error: PoolError) -> Failure {
    match error {
        PoolError::Timeout(TimeoutType::Wait) => Failure::Busy,
        PoolError::Backend(error) => of_unsent(error),
        other => Failure::NotYet(other.into()),
    }
}
