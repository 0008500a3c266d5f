//! The listener: accepts connections, speaks HTTP/1.1 on them, with TLS if it has a certificate, ends those that are quiet for too long, and drains.
//!
//! No connection has timers of its own. One sweep a second looks at all of them, so that a request costs no timer.

mod connection;
mod tls;
mod traffic;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use futures::future::{Either, select};
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchword_core::ports::Clock;

use connection::{Connection, Order, Place, Watched};
pub use tls::{Certificate, Certificates, TlsError};
pub use traffic::Traffic;

/// How often the connections are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How long nothing is accepted after the system had no room for a connection, such as no free file descriptor.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// hyper takes no smaller buffer.
const SMALLEST_HEAD: usize = 8 * 1_024;

/// The limits of a listener.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Connections at once. More wait in the system's backlog.
    pub max_connections: u32,
    /// How long a new connection may take until its first request's head is there, TLS included.
    pub header_timeout: Duration,
    /// How long a connection may stay quiet after that: between two requests, over a head that comes in slowly, or because
    /// the client does not read its replies.
    pub idle_timeout: Duration,
    /// How long requests may take to finish once the server is to stop.
    pub drain_timeout: Duration,
    /// Bytes of a request's head, at least 8 KiB; a longer one is answered 431.
    pub max_head_bytes: usize,
    /// The certificate that clients see; `None`: plain HTTP.
    pub tls: Option<Certificates>,
    /// Where connections are counted.
    pub traffic: Arc<Traffic>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_connections: 8_192,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(10),
            max_head_bytes: 64 * 1_024,
            tls: None,
            traffic: Arc::default(),
        }
    }
}

/// The routes that a listener serves. They can be replaced while it does; a request is answered by those that were there
/// when it came. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Served(Arc<ArcSwap<Router>>);

impl Served {
    /// Serves these from here on.
    pub fn replace(&self, router: Router) {
        self.0.store(Arc::new(router));
    }

    fn current(&self) -> Router {
        Router::clone(&self.0.load())
    }
}

impl From<Router> for Served {
    fn from(router: Router) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(router)))
    }
}

/// Serves `routes` on `listener` until `shutdown` is done; then no connection is accepted any more, requests under way get
/// their answer, and whoever is not done after the drain timeout is cut off.
pub async fn serve(
    listener: TcpListener,
    routes: impl Into<Served>,
    clock: Arc<dyn Clock>,
    settings: ServerSettings,
    shutdown: impl Future<Output = ()>,
) {
    let routes = routes.into();
    settings.traffic.limit_is(settings.max_connections);
    let room = Arc::new(Semaphore::new(settings.max_connections as usize));
    let mut http = http1::Builder::new();
    http.header_read_timeout(None).max_buf_size(settings.max_head_bytes.max(SMALLEST_HEAD));
    let tls = settings.tls.as_ref().map(Certificates::acceptor);
    let mut connections: Vec<Watched> = Vec::new();
    let mut shutdown = pin!(shutdown);
    let mut sweep = clock.sleep_until(clock.now().after(SWEEP_EVERY));
    loop {
        let ((stream, peer), permit) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = &mut sweep => {
                let now = clock.now();
                connections.retain_mut(|connection| connection.look(now, &settings));
                sweep = clock.sleep_until(now.after(SWEEP_EVERY));
                continue;
            }
            accepted = accept(&listener, &room, &*clock) => accepted,
        };
        // Replies are written whole; waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY can't be set");
        }
        let watched = Watched::new(clock.now());
        let connection = Connection {
            http: http.clone(),
            routes: routes.clone(),
            peer: peer.ip(),
            activity: watched.activity(),
            place: Place::new(permit, Arc::clone(&settings.traffic)),
        };
        tokio::spawn(connection.drive(stream, tls.clone()));
        connections.push(watched);
    }
    drop(listener);
    drain(&connections, &room, &*clock, &settings).await;
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    clock: &dyn Clock,
) -> ((TcpStream, SocketAddr), OwnedSemaphorePermit) {
    let Ok(permit) = Arc::clone(room).acquire_owned().await else {
        // Nobody closes the semaphore.
        return std::future::pending().await;
    };
    (survive(|| listener.accept(), clock).await, permit)
}

/// Tries until it succeeds. A connection that broke before it was accepted is passed over; when the system has no room, the
/// next try waits, for it would fail at once.
async fn survive<T, Accepting>(mut accept: impl FnMut() -> Accepting, clock: &dyn Clock) -> T
where
    Accepting: Future<Output = io::Result<T>>,
{
    loop {
        let error = match accept().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        let broke =
            [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset, io::ErrorKind::Interrupted];
        if !broke.contains(&error.kind()) {
            tracing::error!(%error, "no connection can be accepted; trying again");
            clock.sleep_until(clock.now().after(ACCEPT_AGAIN_AFTER)).await;
        }
    }
}

/// Lets every connection finish its request; cuts off those that don't in time.
async fn drain(connections: &[Watched], room: &Semaphore, clock: &dyn Clock, settings: &ServerSettings) {
    let tell_all = |order| connections.iter().for_each(|connection| connection.tell(order));
    tell_all(Order::Finish);
    let over = clock.sleep_until(clock.now().after(settings.drain_timeout));
    // Each connection gives its permit back when it ends.
    let all_ended = pin!(room.acquire_many(settings.max_connections));
    if let Either::Right((_, all_ended)) = select(all_ended, over).await {
        let left = settings.max_connections as usize - room.available_permits();
        tracing::warn!(connections = left, "requests did not finish in time and are cut off");
        tell_all(Order::Stop);
        let _ = all_ended.await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;
    use std::future::ready;

    use watchword_testkit::deadline::within;
    use watchword_testkit::time::FakeClock;

    use super::*;

    #[tokio::test]
    async fn accepting_survives_broken_connections_and_a_system_without_room() {
        let clock = FakeClock::default();
        let no_descriptor = || io::Error::from_raw_os_error(24);
        let results = Cell::new(VecDeque::from([
            Err(io::ErrorKind::ConnectionAborted.into()),
            Err(io::ErrorKind::ConnectionReset.into()),
            Err(no_descriptor()),
            Err(no_descriptor()),
            Ok(7),
        ]));
        let next = || {
            let mut left = results.take();
            let next = left.pop_front().expect("it stops at the first success");
            results.set(left);
            ready(next)
        };
        let drive_clock = async {
            for _ in 0..2 {
                clock.set(clock.next_wake().await);
            }
            std::future::pending::<()>().await;
        };
        let begin = clock.now();
        let accepted = tokio::select! {
            accepted = within("a connection", survive(next, &clock)) => accepted,
            () = drive_clock => 0,
        };
        assert_eq!((accepted, clock.now()), (7, begin.after(ACCEPT_AGAIN_AFTER * 2)));
    }
}
