//! Many callers wait on a provider that hangs; nobody else may notice.
//!
//! A test program of its own, for it measures time: other tests at its side would be measured too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "how long a check takes in real time is what is promised here"
)]

#[path = "../promises/app.rs"]
mod app;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures::future::join_all;
use tokio::task::JoinHandle;
use watchword::clock::SystemClock;
use watchword_core::delivery::Outcome;
use watchword_core::ports::{Clock, Store};
use watchword_store::SqliteOptions;
use watchword_testkit::deadline::eventually;
use watchword_testkit::provider::{FakeProvider, Step};

use app::{App, Reply};

const WAITING: usize = 2_000;
const CHECKS: usize = 400;
/// Of each state, this many measurements in turn; the best of each are compared, for a busy moment of the machine makes
/// a measurement worse and never better.
const ROUNDS: usize = 5;

/// The 99th percentile of how long a right check takes.
async fn p99_of_checks(app: &App, round: usize) -> Duration {
    let mut codes = Vec::new();
    for number in 0..CHECKS {
        let id = format!("check-{round}-{number}");
        let code = app.put("working", &id, "").await.unwrap();
        codes.push((id, code));
    }
    let mut took = Vec::new();
    for (id, code) in codes {
        let began = Instant::now();
        let reply = app.check(&id, &code).await;
        took.push(began.elapsed());
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
    }
    took.sort_unstable();
    took[CHECKS * 99 / 100]
}

/// More callers than the node works on at once (1,024): whoever waits for a message does not count. They come in groups, or
/// the limit on requests would rightly turn some away.
async fn wait_on_hung(app: &Arc<App>, round: usize) -> Vec<JoinHandle<Result<String, Reply>>> {
    let mut waiting = Vec::new();
    while waiting.len() < WAITING {
        for _ in 0..WAITING / 10 {
            let (app, id) = (Arc::clone(app), format!("waiting-{round}-{}", waiting.len()));
            waiting.push(tokio::spawn(async move { app.put("hung", &id, "").await }));
        }
        eventually("the callers to wait for their messages", || async {
            (app.store.stats().await.unwrap().outbox >= waiting.len() as u64).then_some(())
        })
        .await;
    }
    waiting
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_callers_on_a_hung_provider_slow_no_check() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let working = Arc::new(FakeProvider::new("working"));
    let hung =
        Arc::new(FakeProvider::new("hung").with_max_concurrent(10).with_timeout(Duration::from_secs(60)));
    hung.always(Step::Hang);
    let app = Arc::new(App::new(SqliteOptions::default(), clock, &[Arc::clone(&working), Arc::clone(&hung)]));

    let (mut normal, mut crowded) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        normal.push(p99_of_checks(&app, 2 * round).await);
        let waiting = wait_on_hung(&app, round).await;
        crowded.push(p99_of_checks(&app, 2 * round + 1).await);
        assert!(
            waiting.iter().any(|caller| !caller.is_finished()),
            "they still waited while checks were measured"
        );
        // At their deadline all of them get the documented answer.
        for reply in join_all(waiting).await {
            let reply = reply.unwrap().expect_err("nothing was sent");
            assert_eq!((reply.status, reply.retry_after), (StatusCode::INTERNAL_SERVER_ERROR, false));
            assert_eq!(reply.body, serde_json::json!({"status": "error", "message": "Error sending OTP."}));
        }
        hung.release(Outcome::Accepted { message_id: None });
    }
    let best = |all: Vec<Duration>| all.into_iter().min().unwrap();
    let (normal, crowded) = (best(normal), best(crowded));
    assert!(
        crowded < normal * 2,
        "p99 of checks: {normal:?} normally, {crowded:?} with {WAITING} callers waiting"
    );
}
