//! Many at once on one verification, through HTTP handlers and the embedded store, on several threads.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use futures::future::join_all;
use tokio::sync::Barrier;
use watchword_core::ports::Clock;
use watchword_store::SqliteOptions;
use watchword_testkit::provider::FakeProvider;
use watchword_testkit::time::FakeClock;

use crate::app::{App, Reply};

const ROUNDS: usize = 500;

fn app() -> Arc<App> {
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::default());
    Arc::new(App::new(SqliteOptions::default(), clock, &[Arc::new(FakeProvider::new("sms"))]))
}

/// Checks these codes at once: nobody begins before all are ready.
async fn check_at_once(app: &Arc<App>, id: &str, codes: Vec<String>) -> Vec<Reply> {
    let barrier = Arc::new(Barrier::new(codes.len()));
    let checks = codes.into_iter().map(|code| {
        let (app, barrier, id) = (Arc::clone(app), Arc::clone(&barrier), id.to_owned());
        tokio::spawn(async move {
            barrier.wait().await;
            app.check(&id, &code).await
        })
    });
    join_all(checks).await.into_iter().map(Result::unwrap).collect()
}

fn by_answer(replies: &[Reply]) -> BTreeMap<(StatusCode, String), usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        let message = reply.body["message"].as_str().unwrap_or("").to_owned();
        *counts.entry((reply.status, message)).or_default() += 1;
    }
    counts
}

fn wrong_for(code: &str) -> String {
    // Another last digit.
    let last = code.bytes().last().unwrap();
    format!("{}{}", &code[..code.len() - 1], if last == b'0' { '1' } else { '0' })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_right_checks_at_once_exactly_one_wins() {
    let app = app();
    for round in 0..ROUNDS {
        let id = format!("person-{round}");
        let code = app.put("sms", &id, "&max_attempts=100").await.unwrap();
        let replies = check_at_once(&app, &id, vec![code; 16]).await;
        let expected = BTreeMap::from([
            ((StatusCode::OK, String::new()), 1),
            ((StatusCode::BAD_REQUEST, "the OTP does not exist".to_owned()), 15),
        ]);
        assert_eq!(by_answer(&replies), expected, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_wrong_checks_at_once_never_pass_the_limit_and_then_the_right_one_is_refused() {
    let app = app();
    for round in 0..20 {
        let id = format!("person-{round}");
        let code = app.put("sms", &id, "").await.unwrap();
        let replies = check_at_once(&app, &id, vec![wrong_for(&code); 64]).await;
        let looked_at = replies.iter().filter(|reply| reply.status == StatusCode::BAD_REQUEST).count();
        let locked = replies.iter().filter(|reply| reply.status == StatusCode::TOO_MANY_REQUESTS).count();
        assert_eq!(
            (looked_at, locked),
            (4, 60),
            "round {round}: max_attempts is 5, and the PUT is one of them"
        );
        let right = app.check(&id, &code).await;
        assert_eq!((right.status, right.retry_after), (StatusCode::TOO_MANY_REQUESTS, true), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_puts_at_once_one_is_first_and_the_other_replaces_it() {
    let app = app();
    for round in 0..100 {
        let id = format!("person-{round}");
        let barrier = Arc::new(Barrier::new(2));
        let puts = (0..2).map(|_| {
            let (app, barrier, id) = (Arc::clone(&app), Arc::clone(&barrier), id.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                app.call(axum::http::Method::PUT, &format!("/api/otp/{id}"), "provider=sms&to=a@b.example")
                    .await
            })
        });
        let mut replies: Vec<Reply> = join_all(puts).await.into_iter().map(Result::unwrap).collect();
        replies.sort_by_key(|reply| reply.body["data"]["generate"].as_u64());
        let counts: Vec<_> = replies.iter().map(|reply| reply.body["data"]["generate"].as_u64()).collect();
        assert_eq!(counts, [Some(1), Some(2)], "round {round}");
        let code = |reply: &Reply| reply.body["data"]["otp"].as_str().unwrap().to_owned();
        let (first, second) = (code(&replies[0]), code(&replies[1]));
        if first != second {
            assert_eq!(
                app.check(&id, &first).await.status,
                StatusCode::BAD_REQUEST,
                "round {round}: replaced"
            );
        }
        assert_eq!(app.check(&id, &second).await.status, StatusCode::OK, "round {round}");
    }
}
