//! A store that is away, too much work, and mistakes of ours.

use std::sync::Arc;

use watchword_core::ports::StoreError;
use watchword_http::front::Limits;
use watchword_testkit::provider::Step;

use crate::harness::gate::State;
use crate::harness::{App, TRUE, Wishes, sending};

const UPDATE: &str =
    r#"{"update_id":1,"message":{"message_id":1,"date":0,"chat":{"id":5,"type":"private"},"text":"hi"}}"#;

/// Every call that needs the store.
fn calls() -> [(&'static str, &'static str, String); 9] {
    let check = r#"{"phone":"7701","email":"7701","chat_id":"7701","password":"1"}"#.to_owned();
    [
        ("POST", "/sms", sending("sms", "7701", "1", None)),
        ("POST", "/email", sending("email", "7701", "1", None)),
        ("GET", "/call/check", check.clone()),
        ("GET", "/telegram/check", check),
        ("POST", "/limit/sms", "{}".to_owned()),
        ("GET", "/limit/sms", String::new()),
        ("GET", "/target", r#"{"password":"1","channel":"sms"}"#.to_owned()),
        ("GET", "/password", r#"{"target":"7701"}"#.to_owned()),
        ("POST", "/telegram/webhook", UPDATE.to_owned()),
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
        for (method, path, body) in calls() {
            let reply = app.call(method, path, &body).await;
            reply.expect_refused(503, "Unable to reach store");
            assert_eq!(reply.header("retry-after"), "1");
        }
        app.store.set(State::Open);
        // Telegram repeats what was not acknowledged.
        app.post("/telegram/webhook", UPDATE).await.expect(200, TRUE);
        assert_eq!(app.telegram.wait_for_handed(1).await.len(), 1);
        assert!(app.sms.handed().is_empty(), "what was refused was not sent");
    }
}

#[tokio::test]
async fn a_mistake_of_ours_is_a_500_in_the_same_shape() {
    let app = App::new();
    app.store.set(State::Panics);
    app.check("sms", "7701", "1").await.expect_refused(500, "Internal error");
}

#[tokio::test]
async fn more_work_than_there_is_room_for_is_refused_at_once() {
    let limits = Limits { max_concurrent: 1, ..Limits::default() };
    let app = Arc::new(App::with(Wishes { limits, ..Wishes::default() }));
    app.store.set(State::Hangs);
    let hanging = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.check("sms", "7701", "1").await }
    });
    // It waits, so it has the only place.
    app.clock.next_wake().await;
    app.check("sms", "7702", "1").await.expect_refused(503, "Too many requests at once");
    // The request's time passes.
    app.clock.set(app.clock.next_wake().await);
    hanging.await.unwrap().expect_refused(503, "Unable to reach store");
}

#[tokio::test]
async fn the_reply_does_not_wait_for_the_message() {
    let app = App::new();
    app.sms.always(Step::Hang);
    app.pass_on("sms", "7701", "1").await.expect(200, TRUE);
    app.sms.wait_for_handed(1).await;
    app.check("sms", "7701", "1").await.expect(200, TRUE);
    app.call.always(Step::refuse_address());
    app.pass_on("call", "7701", "2").await.expect(200, TRUE);
    app.call.wait_for_handed(1).await;
    app.check("call", "7701", "2").await.expect(200, TRUE);
}
