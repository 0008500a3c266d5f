//! What operators and their machines ask: on the admin listener, never on the public one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::{BoxFuture, Either, select};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tokio_util::sync::CancellationToken;
use watchword_core::engine::Engine;
use watchword_core::ports::Clock;

/// How long the store may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Makes the text of `/metrics`.
pub type Metrics = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

/// What the probes look at.
#[derive(Clone)]
pub struct Probes {
    /// Asked whether its store is ready.
    pub engine: Engine,
    /// Ends the wait for the store.
    pub clock: Arc<dyn Clock>,
    /// Canceled once the server is going down: whoever sends it requests should stop before it does.
    pub draining: CancellationToken,
    /// The metrics in the OpenMetrics text format.
    pub metrics: Metrics,
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes").field("draining", &self.draining.is_cancelled()).finish_non_exhaustive()
    }
}

/// `/health` (the process answers), `/ready` (it should get requests) and `/metrics`.
pub fn router(probes: Probes) -> Router {
    Router::new()
        .route("/health", get(async || text(StatusCode::OK, "ok\n")))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes)
}

async fn ready(State(probes): State<Probes>) -> Response {
    if probes.draining.is_cancelled() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    let asked = std::pin::pin!(probes.engine.ready());
    let late = probes.clock.sleep_until(probes.clock.now().after(READY_WITHIN));
    match select(asked, late).await {
        Either::Left((Ok(()), _)) => text(StatusCode::OK, "ready\n"),
        Either::Left((Err(error), _)) => {
            tracing::warn!(%error, "not ready");
            text(StatusCode::SERVICE_UNAVAILABLE, "the store can't be used; see the log\n")
        }
        Either::Right(_) => {
            tracing::warn!("not ready: the store does not answer");
            text(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; see the log\n")
        }
    }
}

async fn metrics(State(probes): State<Probes>) -> Response {
    let body = (probes.metrics)().await;
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, open_metrics)], body).into_response()
}

fn text(status: StatusCode, body: &'static str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], body).into_response()
}
