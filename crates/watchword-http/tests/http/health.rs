//! What the admin listener tells.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use watchword_core::ports::{Clock, StoreError};
use watchword_http::health::{Probes, router};
use watchword_testkit::deadline::within;

use crate::harness::gate::State;
use crate::harness::{App, bare_request};

fn probes(app: &App) -> Probes {
    Probes {
        engine: app.engine.clone(),
        clock: Arc::clone(&app.clock) as Arc<dyn Clock>,
        draining: CancellationToken::new(),
        metrics: Arc::new(|| Box::pin(async { "watchword_up 1\n# EOF\n".to_owned() })),
    }
}

async fn get(probes: &Probes, path: &str) -> (u16, String, String) {
    let request = bare_request("GET", path).body(Body::empty()).unwrap();
    let response = router(probes.clone()).oneshot(request).await.unwrap();
    let content_type = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, content_type, String::from_utf8(body.to_vec()).unwrap())
}

const TEXT: &str = "text/plain; charset=utf-8";

fn plain(status: u16, body: &str) -> (u16, String, String) {
    (status, TEXT.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_process_is_alive_whatever_its_store_does_and_ready_only_with_it() {
    let app = App::new();
    let probes = probes(&app);
    assert_eq!(get(&probes, "/health").await, plain(200, "ok\n"));
    assert_eq!(get(&probes, "/ready").await, plain(200, "ready\n"));
    app.store.set(State::Fails(StoreError::unavailable("disk I/O error on /var/lib/secret")));
    app.pass(1);
    assert_eq!(get(&probes, "/health").await, plain(200, "ok\n"));
    assert_eq!(get(&probes, "/ready").await, plain(503, "the store can't be used; see the log\n"));
    app.store.set(State::Open);
    app.pass(1);
    assert_eq!(get(&probes, "/ready").await, plain(200, "ready\n"));
    probes.draining.cancel();
    assert_eq!(get(&probes, "/health").await, plain(200, "ok\n"));
    assert_eq!(get(&probes, "/ready").await, plain(503, "draining\n"));
}

#[tokio::test]
async fn a_flood_of_probes_asks_the_store_once_a_second() {
    let app = App::new();
    let probes = probes(&app);
    let ok = r#"{"status":"success","data":"OK"}"#;
    for _ in 0..20 {
        app.call("GET", "/api/health", "").await.expect(200, ok);
        assert_eq!(get(&probes, "/ready").await, plain(200, "ready\n"));
    }
    // Nobody asked it since: it is not known yet that it is away.
    app.store.set(State::Fails(StoreError::unavailable("away")));
    app.clock.advance(Duration::from_millis(999));
    app.call("GET", "/api/health", "").await.expect(200, ok);
    app.clock.advance(Duration::from_millis(1));
    let refused = app.call("GET", "/api/health", "").await;
    assert_eq!(refused.status, 503);
    // That it is away is not asked for more often either.
    app.store.set(State::Open);
    assert_eq!(app.call("GET", "/api/health", "").await.status, 503);
    app.pass(1);
    app.call("GET", "/api/health", "").await.expect(200, ok);
}

#[tokio::test]
async fn a_store_that_hangs_is_not_ready_after_two_seconds() {
    let app = App::new();
    app.store.set(State::Hangs);
    let probes = probes(&app);
    let asking = tokio::spawn(async move { get(&probes, "/ready").await });
    let begin = app.now();
    assert_eq!(app.clock.next_wake().await, begin.after(Duration::from_secs(2)));
    app.pass(2);
    let answer = within("the answer", asking).await.unwrap();
    assert_eq!(answer, plain(503, "the store does not answer; see the log\n"));
}

#[tokio::test]
async fn metrics_are_in_the_open_metrics_format() {
    let app = App::new();
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let expected = (200, open_metrics.to_owned(), "watchword_up 1\n# EOF\n".to_owned());
    assert_eq!(get(&probes(&app), "/metrics").await, expected);
}
