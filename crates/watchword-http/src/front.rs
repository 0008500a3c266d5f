//! What every request passes: its name, its time limit, the limit on how many are worked on at once, the log, the metrics.
//!
//! A dialect's handler calls `Front::enter` and gets two things: the `Entry`, which turns the handler's `Answer` into the
//! reply, and the `Exchange`, through which the handler reads the body and calls the engine within the limits.

mod body;
mod client;
mod rate;
mod request_id;

use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use futures::future::{BoxFuture, Either, select};
use futures::{FutureExt, poll};
use http::HeaderMap;
use http::request::Parts;
use ipnet::IpNet;
use tokio::sync::Semaphore;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use watchword_core::error::Error;
use watchword_core::ports::{Clock, Observer, Random, StoreError};
use watchword_core::time::Timestamp;

pub(crate) use body::BodyError;
pub(crate) use client::Peer;
use client::Sender;
use rate::Rates;
use request_id::{RequestId, RequestIds, X_REQUEST_ID};

/// How much one node takes on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests that the engine and the store work on at once; one more is answered 503 with `Retry-After`. A caller that
    /// waits for its message to go out is not one of them, so that a provider that hangs slows nobody else.
    pub max_concurrent: usize,
    /// Bytes of a request's body; a longer one is answered 413.
    pub max_body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_concurrent: 1_024, max_body_bytes: 64 * 1_024 }
    }
}

/// The target of spans that are for traces. They are at level debug.
pub const TRACE_TARGET: &str = "watchword::trace";

/// Makes the span of a request part of the trace that its caller began, if its headers say so.
pub type AdoptTrace = fn(&Span, &HeaderMap);

/// How a front works.
#[derive(Clone, Debug, Default)]
pub struct FrontSettings {
    /// How much it takes on.
    pub limits: Limits,
    /// Whose word about the client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// For requests that are traced; `None`: every trace begins here.
    pub adopt_trace: Option<AdoptTrace>,
}

impl From<Limits> for FrontSettings {
    fn from(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

/// What all dialects of a node share. Cheap to clone.
#[derive(Clone)]
pub struct Front(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    settings: FrontSettings,
    permits: Semaphore,
    ids: RequestIds,
    in_hand: AtomicUsize,
    rates: Rates,
    /// Whether it was told that a proxy's clients are not limited.
    told_of_proxy: AtomicBool,
    /// Whether it was told that a trusted proxy's headers contradict each other.
    told_of_dispute: AtomicBool,
}

impl Front {
    /// A front with these settings. `random` names requests that come without a name.
    pub fn new(
        clock: Arc<dyn Clock>,
        random: &dyn Random,
        observer: Arc<dyn Observer>,
        settings: impl Into<FrontSettings>,
    ) -> Self {
        let settings = settings.into();
        let permits = Semaphore::new(settings.limits.max_concurrent.min(Semaphore::MAX_PERMITS));
        let (ids, in_hand) = (RequestIds::new(random), AtomicUsize::new(0));
        Self(Arc::new(Shared {
            clock,
            observer,
            settings,
            permits,
            ids,
            in_hand,
            rates: Rates::default(),
            told_of_proxy: AtomicBool::new(false),
            told_of_dispute: AtomicBool::new(false),
        }))
    }

    /// Requests that came and have no answer yet, those that wait for their message to go out included.
    pub fn in_hand(&self) -> usize {
        self.0.in_hand.load(Ordering::Relaxed)
    }

    /// Lets a request in. Within `patience` it has its answer.
    pub(crate) fn enter(
        &self,
        call: Call,
        patience: Duration,
        request: &Request,
    ) -> (Entry<'_>, Exchange<'_>) {
        let Shared { clock, settings, ids, .. } = &*self.0;
        let arrived = clock.now();
        let id = ids.name(request.headers());
        let sender = client::sender(request, &settings.trusted_proxies);
        if let Some(Sender { address, is_disputed: true }) = sender {
            self.0.tell_of_dispute(address);
        }
        let client = sender.map(|sender| sender.address);
        let span = tracing::debug_span!(
            target: TRACE_TARGET, "request", %id, dialect = call.dialect, call = call.name, outcome = Empty,
            http.response.status_code = Empty, otel.name = %format_args!("{} {}", call.dialect, call.name),
            otel.kind = "server", otel.status_code = Empty
        );
        if let Some(adopt) = settings.adopt_trace.filter(|_| !span.is_disabled()) {
            adopt(&span, request.headers());
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "metrics want to know how long an answer took, finer than the clock; nothing is decided by it"
        )]
        let began = Instant::now();
        let in_hand = InHand::new(&self.0.in_hand);
        let entry = Entry { front: &self.0, call, id, client, began, span, _in_hand: in_hand };
        let exchange =
            Exchange { front: &self.0, client, arrived, ends_at: arrived.after(patience), end: None };
        (entry, exchange)
    }
}

impl Shared {
    /// Once: the next request says the same.
    fn tell_of_dispute(&self, proxy: IpAddr) {
        if !self.told_of_dispute.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %proxy,
                "this trusted proxy sends X-Forwarded-For and Forwarded, and they name different clients; neither is believed. Have it \
                 remove the one that it does not write itself"
            );
        }
    }
}

/// One request more in hand, until it is dropped: clients may hang up at any time.
struct InHand<'a>(&'a AtomicUsize);

impl<'a> InHand<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// Which call of which dialect a request is.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// The dialect's name, in metrics and logs.
    pub(crate) dialect: &'static str,
    /// The call's name, in metrics and logs.
    pub(crate) name: &'static str,
    /// What the dialect answers when its own code fails.
    pub(crate) broken: fn() -> Response,
}

/// What a dialect answers.
pub(crate) struct Answer {
    /// The reply.
    pub(crate) response: Response,
    /// `ok`, the code of the domain's error, or the dialect's own name for a refusal.
    pub(crate) outcome: &'static str,
    /// Why, for the log; never for the client.
    pub(crate) cause: Option<Error>,
}

/// A request that was let in and has no answer yet.
pub(crate) struct Entry<'a> {
    front: &'a Shared,
    call: Call,
    id: RequestId,
    client: Option<IpAddr>,
    began: Instant,
    span: Span,
    _in_hand: InHand<'a>,
}

impl Entry<'_> {
    /// Does the work and makes the reply of its answer: named, counted, logged. A panic is the dialect's 500.
    pub(crate) async fn answer(self, work: impl Future<Output = Answer>) -> Response {
        let Self { front, call, id, client, began, span, _in_hand } = self;
        // What the panic left half done is dropped with the work; what is shared is in the store.
        let worked = AssertUnwindSafe(work).catch_unwind().instrument(span.clone()).await;
        let panicked = worked.is_err();
        let Answer { mut response, outcome, cause } =
            worked.unwrap_or_else(|_| Answer { response: (call.broken)(), outcome: "panicked", cause: None });
        let took = began.elapsed();
        let status = response.status();
        span.record("outcome", outcome).record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
        if panicked {
            tracing::error!(%id, dialect = call.dialect, call = call.name, "the handler panicked; this is a mistake in Watchword");
        } else if let Some(cause) = cause.filter(|_| status.is_server_error()) {
            log_failure(&id, call, status.as_u16(), &cause);
        }
        tracing::debug!(%id, dialect = call.dialect, call = call.name, status = status.as_u16(), outcome, ?took, client = client.map(tracing::field::display), "answered");
        front.observer.answered(call.dialect, call.name, outcome, took);
        response.headers_mut().insert(X_REQUEST_ID, id.into_header());
        response
    }
}

/// Too much work is a warning: it passes. The rest needs somebody.
fn log_failure(id: &RequestId, call: Call, status: u16, cause: &Error) {
    let (dialect, call, code) = (call.dialect, call.name, cause.code());
    match cause {
        Error::Overloaded | Error::NotSent(_) | Error::Store(StoreError::Busy) => {
            tracing::warn!(%id, dialect, call, status, code, %cause, "the request failed");
        }
        _ => tracing::error!(%id, dialect, call, status, code, %cause, "the request failed"),
    }
}

/// A handler's way to what takes time. All of it together has the request's time limit.
pub(crate) struct Exchange<'a> {
    front: &'a Shared,
    client: Option<IpAddr>,
    arrived: Timestamp,
    ends_at: Timestamp,
    /// Made when something first has to wait, and used for all that follows.
    end: Option<BoxFuture<'static, ()>>,
}

impl Exchange<'_> {
    /// When the request came.
    pub(crate) fn arrived(&self) -> Timestamp {
        self.arrived
    }

    /// Who sent the request, as far as the proxies in front are trusted. `None`: it did not come over a connection.
    #[allow(dead_code, reason = "for dialects whose limits count by it")]
    pub(crate) fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Counts the request against its client's `per_minute`; 0: there is no limit. Clients behind a proxy that nobody told us of
    /// can't be told apart, and are not counted.
    ///
    /// # Errors
    /// It is one too many; how long until the next is let in.
    pub(crate) fn take_turn(&self, parts: &Parts, per_minute: u32) -> Result<(), Duration> {
        let (Some(client), 1..) = (self.client, per_minute) else { return Ok(()) };
        let Shared { settings, rates, told_of_proxy, .. } = self.front;
        let peer = parts.extensions.get().map_or(client, |Peer(peer)| *peer);
        if client::is_unknown_proxy(peer, &parts.headers, &settings.trusted_proxies) {
            if !told_of_proxy.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    proxy = %peer,
                    "pages are not limited for clients behind this proxy, for they can't be told apart; name it in server.trusted_proxies"
                );
            }
            return Ok(());
        }
        rates.take(client, per_minute, self.arrived)
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.front.clock.now()
    }

    /// Calls the engine, if this node has room for one more call. Only the call itself takes the room.
    ///
    /// # Errors
    /// Those of the engine; [`Error::Overloaded`] without room; [`StoreError::OutcomeUnknown`] when the time is over.
    pub(crate) async fn work<T>(&mut self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Ok(_permit) = self.front.permits.try_acquire() else { return Err(Error::Overloaded) };
        self.attend(work).await
    }

    /// As [`Self::work`], for calls that are so small that they need no room.
    ///
    /// # Errors
    /// Those of the engine; [`StoreError::OutcomeUnknown`] when the time is over.
    pub(crate) async fn attend<T>(
        &mut self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let late = || Err(StoreError::outcome_unknown("no answer in the request's time").into());
        self.in_time(work).await.unwrap_or_else(late)
    }

    /// Waits for what takes no room. `None`: the time is over.
    pub(crate) async fn in_time<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        // What needs no waiting needs no timer.
        if let std::task::Poll::Ready(done) = poll!(work.as_mut()) {
            return Some(done);
        }
        let end = self.end.get_or_insert_with(|| self.front.clock.sleep_until(self.ends_at));
        match select(work, end).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }
}
