//! A store that is away, too much work, mistakes of ours, and health.

use std::sync::Arc;

use serde_json::json;
use watchword_core::ports::StoreError;
use watchword_http::dialects::egov::EgovSettings;
use watchword_http::front::Limits;

use crate::harness::gate::State;
use crate::harness::{App, CREATE, SEARCH, SEND, SENT, VALIDATE, Wishes, alone, asking, platform};

const UP: &str = r#"{"status":"UP"}"#;
const DOWN: &str = r#"{"status":"DOWN"}"#;
const HEALTH: [&str; 4] =
    ["/otp/health", "/user-otp/health", "/otp/actuator/health", "/user-otp/actuator/health"];

/// Every call that needs the store.
fn calls() -> [(&'static str, String); 4] {
    let otp = json!({ "otp": {
        "identity": "i", "tenantId": "pb", "otp": "1", "uuid": "0196b0c4-5f00-8000-8000-000000000000"
    } });
    [
        (SEND, asking("register", "9876543210").to_string()),
        (CREATE, otp.to_string()),
        (VALIDATE, otp.to_string()),
        (SEARCH, otp.to_string()),
    ]
}

#[tokio::test]
async fn a_store_that_is_away_is_told_so_and_nothing_of_its_words_leaks() {
    for error in [
        StoreError::Busy,
        StoreError::unavailable("disk I/O error on /var/lib/secret"),
        StoreError::outcome_unknown("connection reset by 10.0.0.7"),
    ] {
        let app = App::new();
        app.store.set(State::Fails(error));
        for (path, body) in calls() {
            app.post(path, &body).await.expect_unavailable("The store of OTPs is not available");
        }
        for path in HEALTH {
            app.get(path).await.expect(503, DOWN);
        }
        app.store.set(State::Open);
        // What was found holds for a second.
        app.clock.advance(std::time::Duration::from_secs(1));
        for path in HEALTH {
            app.get(path).await.expect(200, UP);
        }
        assert!(app.sms.handed().is_empty(), "what was refused was not sent");
    }
}

#[tokio::test]
async fn paths_are_where_the_settings_say() {
    for (user_otp_path, management_path, send, health) in [
        ("/", "/", "/v1/_send", vec!["/health", "/otp/health"]),
        ("otp/", "", "/otp/v1/_send", vec!["/otp/health"]),
        (
            "/a/b/",
            "/manage/",
            "/a/b/v1/_send",
            vec!["/a/b/health", "/otp/health", "/a/b/manage/health", "/otp/manage/health"],
        ),
        ("/:a", "*", "/:a/v1/_send", vec!["/:a/*/health", "/otp/*/health"]),
    ] {
        let app = App::of(EgovSettings {
            user_otp_path: user_otp_path.to_owned(),
            management_path: management_path.to_owned(),
            ..alone()
        });
        for path in health {
            app.get(path).await.expect(200, UP);
        }
        app.post(send, &asking("register", "9876543210").to_string()).await.expect(201, SENT);
        // egov-otp stays where it is.
        app.create("i", "pb").await;
    }
    // Nothing in a path is a place holder.
    let app = App::of(EgovSettings { user_otp_path: "/{x}".to_owned(), ..alone() });
    app.post("/y/v1/_send", "{}").await.expect(404, &platform("NOT_FOUND", "No such path"));
}

#[tokio::test]
async fn a_mistake_of_ours_is_a_500_in_the_platforms_shape() {
    let app = App::new();
    app.store.set(State::Panics);
    for (path, body) in calls() {
        app.post(path, &body).await.expect(500, &platform("INTERNAL_SERVER_ERROR", "Internal error"));
    }
}

#[tokio::test]
async fn more_work_than_there_is_room_for_is_refused_at_once() {
    let limits = Limits { max_concurrent: 1, ..Limits::default() };
    let app = Arc::new(App::with(Wishes { limits, ..Wishes::default() }));
    app.store.set(State::Hangs);
    let hanging = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.validate("i", "pb", "1").await }
    });
    // It waits, so it has the only place.
    app.clock.next_wake().await;
    app.validate("j", "pb", "1").await.expect_unavailable("Too many requests at once");
    // The request's time passes.
    app.clock.set(app.clock.next_wake().await);
    hanging.await.unwrap().expect_unavailable("The store of OTPs is not available");
}
