//! One connection: what it does, and who may end it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures::task::AtomicWaker;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tower::Service;
use watchword_core::time::Timestamp;

use super::{Served, ServerSettings, Traffic};
use crate::front::Peer;

/// What a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Order {
    /// Answer what is under way, then end.
    Finish = 1,
    /// End now.
    Stop = 2,
}

/// What a connection shows of itself, and hears.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Grows with every request whose head is there, and with every write that the client made room for. Reading alone is
    /// nothing: a client may send its head byte by byte.
    progress: AtomicU64,
    /// Whether a handler is at work.
    busy: AtomicBool,
    /// 0, or an [`Order`].
    order: AtomicU8,
    /// Wakes the connection so that it looks at its order.
    waker: AtomicWaker,
}

impl Activity {
    fn moved(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    fn is_told(&self, order: Order) -> bool {
        self.order.load(Ordering::Acquire) >= order as u8
    }
}

/// A connection as the listener sees it.
#[derive(Debug)]
pub(super) struct Watched {
    activity: Arc<Activity>,
    seen: u64,
    quiet_since: Timestamp,
}

impl Watched {
    /// A connection that was accepted just now.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { activity: Arc::default(), seen: 0, quiet_since: now }
    }

    /// For the connection's own task.
    pub(super) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    pub(super) fn tell(&self, order: Order) {
        self.activity.order.fetch_max(order as u8, Ordering::AcqRel);
        self.activity.waker.wake();
    }

    /// Ends the connection if it is quiet for too long. `false`: it has ended, or will now.
    pub(super) fn look(&mut self, now: Timestamp, settings: &ServerSettings) -> bool {
        if Arc::strong_count(&self.activity) == 1 {
            return false;
        }
        let progress = self.activity.progress.load(Ordering::Relaxed);
        if progress != self.seen || self.activity.busy.load(Ordering::Relaxed) {
            (self.seen, self.quiet_since) = (progress, now);
            return true;
        }
        let patience = if progress == 0 { settings.header_timeout } else { settings.idle_timeout };
        if self.quiet_since.until(now) < patience {
            return true;
        }
        self.tell(Order::Stop);
        false
    }
}

/// A connection's place among those that are held at once. It is given back when this is dropped.
pub(super) struct Place {
    traffic: Arc<Traffic>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(super) fn new(permit: OwnedSemaphorePermit, traffic: Arc<Traffic>) -> Self {
        traffic.count_accepted();
        Self { traffic, _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.traffic.count_ended();
    }
}

/// A connection, and what it serves.
pub(super) struct Connection {
    pub(super) http: http1::Builder,
    pub(super) routes: Served,
    pub(super) peer: IpAddr,
    pub(super) activity: Arc<Activity>,
    pub(super) place: Place,
}

impl Connection {
    /// Answers requests until the connection ends. With `tls`, that is agreed on first.
    pub(super) async fn drive(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        match tls {
            None => self.serve(stream).await,
            // In a place of its own, so that connections without TLS don't carry the room for it.
            Some(tls) => Box::pin(self.agree_and_serve(stream, tls)).await,
        }
    }

    async fn agree_and_serve(self, stream: TcpStream, tls: TlsAcceptor) {
        let mut handshake = pin!(tls.accept(stream));
        let agreed = poll_fn(|context| {
            self.activity.waker.register(context.waker());
            // Nothing is under way yet that could be finished.
            if self.activity.is_told(Order::Finish) {
                return Poll::Ready(None);
            }
            handshake.as_mut().poll(context).map(Some)
        });
        match agreed.await {
            Some(Ok(stream)) => return self.serve(stream).await,
            Some(Err(error)) => tracing::debug!(%error, "a connection ended before TLS was agreed on"),
            None => tracing::debug!("a connection took too long to agree on TLS, or the server stops"),
        }
        self.place.traffic.count_failed_handshake();
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Self { http, routes, peer, activity, place } = self;
        let service = service_fn(|request| attend(routes.current(), peer, &activity, request));
        let stream = Stream { inner: TokioIo::new(stream), activity: &activity };
        let mut connection = http.serve_connection(stream, service);
        let mut finishing = false;
        let ended = poll_fn(|context| {
            activity.waker.register(context.waker());
            if activity.is_told(Order::Stop) {
                return Poll::Ready(Ok(()));
            }
            if activity.is_told(Order::Finish) && !finishing {
                finishing = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            Pin::new(&mut connection).poll(context)
        });
        if let Err(error) = ended.await {
            // Clients go away all the time.
            tracing::debug!(%error, "a connection ended early");
        }
        drop(connection);
        drop(place);
    }
}

/// Answers one request. The connection is busy until then.
async fn attend(
    mut router: Router,
    peer: IpAddr,
    activity: &Activity,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    struct Busy<'a>(&'a Activity);
    impl Drop for Busy<'_> {
        fn drop(&mut self) {
            self.0.busy.store(false, Ordering::Relaxed);
        }
    }
    activity.moved();
    activity.busy.store(true, Ordering::Relaxed);
    let _busy = Busy(activity);
    request.extensions_mut().insert(Peer(peer));
    // A router is always ready.
    router.call(request).await
}

/// The socket, or TLS on it. It notes what the client takes.
struct Stream<'a, S> {
    inner: TokioIo<S>,
    activity: &'a Activity,
}

impl<S: Unpin> Stream<'_, S> {
    fn inner(self: Pin<&mut Self>) -> Pin<&mut TokioIo<S>> {
        Pin::new(&mut self.get_mut().inner)
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(bytes)) if bytes > 0) {
            self.activity.moved();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> Read for Stream<'_, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> Write for Stream<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().inner().poll_write(context, bytes);
        self.note(written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().inner().poll_write_vectored(context, slices);
        self.note(written)
    }
}
