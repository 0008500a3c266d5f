//! The connections that are kept between messages.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::{
    BuildError, Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult,
};
use futures::future::join_all;

use super::connection::Connection;
use super::failure::{Cause, Failure, Step};
use super::settings::Endpoint;

/// Connections to one server. A message has one for itself.
pub(super) struct Connections {
    pool: Pool<Server>,
    idle_timeout: Duration,
    /// Somebody sees to it that idle ones are closed.
    swept: Arc<AtomicBool>,
}

/// What makes connections, and knows which are still good.
pub(super) struct Server {
    pub(super) endpoint: Endpoint,
    timeout: Duration,
    idle_timeout: Duration,
}

impl Server {
    pub(super) async fn connect(&self, step: &mut Step) -> Result<Connection, Failure> {
        self.endpoint.connect(self.timeout, step).await
    }
}

impl Manager for Server {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> Result<Connection, Failure> {
        self.connect(&mut Step::Connect).await
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<Failure> {
        if metrics.last_used() < self.idle_timeout && connection.wire().is_quiet() {
            Ok(())
        } else {
            Err(RecycleError::message("idle for too long, or closed by the server"))
        }
    }
}

impl Connections {
    pub(super) fn new(
        endpoint: Endpoint,
        max: usize,
        timeout: Duration,
        idle_timeout: Duration,
    ) -> Result<Self, BuildError> {
        let server = Server { endpoint, timeout, idle_timeout };
        // The one used last is used next, so that those not needed any more grow old and go.
        let pool = Pool::builder(server).max_size(max).queue_mode(QueueMode::Lifo).build()?;
        Ok(Self { pool, idle_timeout, swept: Arc::new(AtomicBool::new(false)) })
    }

    pub(super) fn server(&self) -> &Server {
        self.pool.manager()
    }

    /// A connection between two messages, kept or fresh.
    pub(super) async fn lease(&self) -> Result<Lease, Failure> {
        match self.pool.get().await {
            Ok(object) => Ok(Lease(Some(object))),
            Err(PoolError::Backend(failure)) => Err(failure),
            // The pool is never closed and has no timeouts or hooks.
            Err(_) => Err(Failure::new(Step::Connect, Cause::Late)),
        }
    }

    /// Takes a connection back for the next message.
    pub(super) fn keep(&self, mut lease: Lease) {
        drop(lease.0.take());
        if !self.swept.swap(true, Ordering::AcqRel) {
            tokio::spawn(self.sweep());
        }
    }

    /// Closes connections that have been idle for too long, until there are none.
    fn sweep(&self) -> impl Future<Output = ()> + use<> {
        let (pool, idle_timeout, swept) = (self.pool.weak(), self.idle_timeout, Arc::clone(&self.swept));
        async move {
            let mut ticks = tokio::time::interval(idle_timeout / 2);
            loop {
                ticks.tick().await;
                let Some(pool) = pool.upgrade() else { return };
                let idle = pool.retain(|connection, metrics| {
                    metrics.last_used() < idle_timeout && connection.wire().is_quiet()
                });
                join_all(idle.removed.into_iter().map(Connection::quit)).await;
                if pool.status().size == 0 {
                    swept.store(false, Ordering::Release);
                    // One that came back in between would have nobody.
                    if pool.status().size == 0 || swept.swap(true, Ordering::AcqRel) {
                        return;
                    }
                }
            }
        }
    }
}

/// A connection in use. Dropped in the middle of a dialogue it is closed: nobody can go on with it.
pub(super) struct Lease(Option<Object<Server>>);

impl Lease {
    /// Whether it has carried a message before.
    pub(super) fn was_kept(&self) -> bool {
        self.0.as_ref().is_some_and(|object| Object::metrics(object).recycle_count > 0)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

impl Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        #[expect(
            clippy::expect_used,
            reason = "it is taken out only by `keep` and `drop`, which end the lease"
        )]
        self.0.as_ref().expect("a connection")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Connection {
        #[expect(
            clippy::expect_used,
            reason = "it is taken out only by `keep` and `drop`, which end the lease"
        )]
        self.0.as_mut().expect("a connection")
    }
}
