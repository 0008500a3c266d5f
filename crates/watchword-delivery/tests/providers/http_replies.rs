//! What replies mean to a provider of the kind `http`.

use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use tokio::io::AsyncReadExt as _;
use watchword_core::delivery::Outcome;

use crate::http_provider::provider;
use crate::raw_server;
use crate::receiver::{Receiver, answer};
use crate::sample::Sample;

async fn outcome(toml: &str, status: u16, body: impl Into<Body> + Clone + Send + Sync + 'static) -> Outcome {
    outcome_of(toml, status, &[], body).await
}

async fn outcome_of(
    toml: &str,
    status: u16,
    headers: &'static [(&str, &str)],
    body: impl Into<Body> + Clone + Send + Sync + 'static,
) -> Outcome {
    let receiver = Receiver::start(move |_| -> Response<Body> {
        let mut response = answer(status, headers);
        *response.body_mut() = body.clone().into();
        response
    })
    .await;
    let outcome = Sample::new().send(&*provider(&receiver.url("/secret-path"), toml)).await;
    assert_eq!(receiver.received().len(), 1, "one try is one request");
    outcome
}

fn accepted(id: Option<&str>) -> Outcome {
    Outcome::Accepted { message_id: id.map(str::to_owned) }
}

fn address_refused(detail: &str) -> Outcome {
    Outcome::AddressRefused { detail: detail.to_owned() }
}

fn provider_refused(detail: &str) -> Outcome {
    Outcome::ProviderRefused { detail: detail.to_owned() }
}

fn transient(detail: &str) -> Outcome {
    Outcome::Transient { detail: detail.to_owned() }
}

fn throttled(seconds: Option<u64>) -> Outcome {
    Outcome::Throttled { after: seconds.map(Duration::from_secs) }
}

#[tokio::test]
async fn without_rules_the_status_says_it_all() {
    for (status, expected) in [
        (200, accepted(None)),
        (204, accepted(None)),
        (302, provider_refused("HTTP 302")),
        (307, provider_refused("HTTP 307")),
        (400, address_refused("HTTP 400")),
        (401, provider_refused("HTTP 401")),
        (404, transient("HTTP 404")),
        (422, address_refused("HTTP 422")),
        (429, throttled(None)),
        (500, transient("HTTP 500")),
    ] {
        assert_eq!(outcome_of("", status, &[("location", "/elsewhere")], "").await, expected, "{status}");
    }
}

#[tokio::test]
async fn the_first_rule_that_fits_counts() {
    let toml = r#"
        error_field = "error.code"
        message_id = "ids.0"
        [success]
        field = "ok"
        equals = true
        [[reply]]
        status = 409
        outcome = "accepted"
        [[reply]]
        field = "error.code"
        equals = [7, "8"]
        outcome = "address_refused"
        [[reply]]
        status = ["200-299", 418]
        field = "error"
        exists = true
        outcome = "provider_refused"
        [[reply]]
        status = 503
        contains = ["slow down", "SLOW DOWN"]
        outcome = "throttled"
        [[reply]]
        field = "later"
        exists = true
        outcome = "transient"
    "#;
    for (status, body, expected) in [
        (200, r#"{"ok":true,"ids":["m1"]}"#, accepted(Some("m1"))),
        (200, r#"{"ok":"true"}"#, accepted(None)),
        (200, r#"{"ok":false}"#, transient("HTTP 200, not a success")),
        (202, "", transient("HTTP 202, not a success")),
        (200, "<html>", transient("HTTP 200, not a success")),
        (409, r#"{"ids":["m1"],"error":{"code":7}}"#, accepted(Some("m1"))),
        (200, r#"{"ok":true,"error":{"code":7}}"#, address_refused("HTTP 200, error 7")),
        (500, r#"{"error":{"code":"8"}}"#, address_refused("HTTP 500, error 8")),
        (200, r#"{"ok":true,"error":{"code":"9"}}"#, provider_refused("HTTP 200, error 9")),
        (418, r#"{"error":{"code":"NO_CREDIT"}}"#, provider_refused("HTTP 418, error NO_CREDIT")),
        (400, r#"{"error":{"code":"9"}}"#, address_refused("HTTP 400, error 9")),
        (401, r#"{"error":{"code":"9"}}"#, provider_refused("HTTP 401, error 9")),
        (200, r#"{"ok":true,"error":null}"#, accepted(None)),
        (503, "please slow down!", throttled(None)),
        (503, "SLOW DOWN", throttled(None)),
        (503, "Slow Down", transient("HTTP 503")),
        (302, r#"{"later":0}"#, transient("HTTP 302")),
        (400, r#"{"later":[]}"#, transient("HTTP 400")),
    ] {
        assert_eq!(outcome(toml, status, body).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_rule_can_say_what_a_text_means() {
    let toml = r#"
        [success]
        contains = "OK"
        [[reply]]
        contains = "ERROR = 3"
        outcome = "provider_refused"
        [[reply]]
        status = 200
        outcome = "address_refused"
    "#;
    assert_eq!(outcome(toml, 200, "ERROR = 3 (no money)").await, provider_refused("HTTP 200"));
    assert_eq!(outcome(toml, 200, "ERROR = 7").await, address_refused("HTTP 200"));
    assert_eq!(outcome(toml, 201, "OK - 1 SMS, ID - 1234").await, accepted(None));
}

#[tokio::test]
async fn a_service_says_how_long_to_wait_by_any_status() {
    let toml = "[[reply]]\nfield = \"code\"\nequals = 1\noutcome = \"throttled\"";
    assert_eq!(outcome_of(toml, 200, &[("retry-after", "7")], r#"{"code":1}"#).await, throttled(Some(7)));
    assert_eq!(outcome_of(toml, 200, &[("retry-after", "0")], r#"{"code":1}"#).await, throttled(Some(1)));
    assert_eq!(outcome_of("", 429, &[("retry-after", "86400")], "").await, throttled(Some(3_600)));
}

#[tokio::test]
async fn details_hold_nothing_of_a_reply_but_a_code() {
    let toml = r#"error_field = "error""#;
    for (error, shown) in [
        ("21211", ", error 21211"),
        ("E.12_a-b", ", error E.12_a-b"),
        // The passcode, a number, a sentence, a line of its own, too much.
        ("314159", ""),
        ("x314159x", ""),
        ("77011234567", ""),
        ("to 7701 is bad", ""),
        ("a\\nb", ""),
        (&*"a".repeat(65), ""),
    ] {
        let body = format!(r#"{{"error":"{error}","message":"+7 701 123 45 67 314159 hunter2"}}"#);
        assert_eq!(outcome(toml, 400, body).await, address_refused(&format!("HTTP 400{shown}")), "{error}");
    }
}

const NEEDS_BODY: &str = r#"
    message_id = "id"
    [[reply]]
    status = "200-299"
    field = "error"
    exists = true
    outcome = "provider_refused"
"#;

#[tokio::test]
async fn only_the_beginning_of_a_long_reply_is_read() {
    let padded = |length: usize| format!(r#"{{"error":1,"pad":"{}"}}"#, "x".repeat(length));
    assert_eq!(outcome(NEEDS_BODY, 200, padded(65_000)).await, provider_refused("HTTP 200"));
    // What is cut is no JSON any more, and has no field.
    assert_eq!(outcome(NEEDS_BODY, 200, padded(70_000)).await, accepted(None));
    let by_text = "[[reply]]\ncontains = \"error\"\noutcome = \"transient\"";
    assert_eq!(outcome(by_text, 200, padded(70_000)).await, transient("HTTP 200"));
}

/// Answers with this, and then hangs until it is hung up on, or breaks off.
async fn beginning(text: &'static str, hangs: bool) -> String {
    let address = raw_server::serve(move |mut connection| async move {
        raw_server::read_request(&mut connection).await;
        raw_server::write(&mut connection, text).await;
        if hangs {
            let mut bytes = [0; 1_024];
            while matches!(connection.read(&mut bytes).await, Ok(1..)) {}
        }
    })
    .await;
    format!("http://{address}/secret-path")
}

#[tokio::test]
async fn a_reply_whose_body_does_not_come_is_judged_by_what_is_there() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"error\":";
    let no = "HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\n{\"error\":";
    let by_error = format!("timeout = \"1s\"\ntext = \"x\"\nerror_field = \"error\"\n{NEEDS_BODY}");
    let for_id = "timeout = \"1s\"\ntext = \"x\"\nmessage_id = \"id\"";
    for hangs in [true, false] {
        let unknown = Outcome::Unknown { detail: "HTTP 200, and its body did not come".to_owned() };
        for (toml, text, expected) in [
            (&*by_error, ok, unknown),
            (&*by_error, no, provider_refused("HTTP 401")),
            (for_id, ok, accepted(None)),
            ("timeout = \"1s\"\ntext = \"x\"", ok, accepted(None)),
        ] {
            let provider = provider(&beginning(text, hangs).await, toml);
            assert_eq!(Sample::new().send(&*provider).await, expected, "{toml} {text} {hangs}");
        }
    }
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up_in_time() {
    let provider = provider(&beginning("", true).await, "timeout = \"1s\"\ntext = \"x\"");
    assert_eq!(provider.timeout(), Duration::from_secs(1));
    // `send` of the sample sees to it that this comes within the timeout.
    let outcome = Sample::new().send(&*provider).await;
    assert_eq!(outcome, Outcome::Unknown { detail: "no answer in time".to_owned() });
}

#[tokio::test]
async fn a_service_that_is_not_there_was_sent_nothing() {
    let port = watchword_testkit::net::free_port();
    let provider = provider(&format!("http://127.0.0.1:{port}/secret-path"), "");
    assert_eq!(Sample::new().send(&*provider).await.name(), "transient");
}

#[tokio::test]
async fn one_connection_serves_message_after_message() {
    let receiver = Receiver::start(|_| {
        let mut response = answer(200, &[]);
        *response.body_mut() = format!(r#"{{"id":"m1","pad":"{}"}}"#, "x".repeat(60_000)).into();
        response
    })
    .await;
    let (reading, not_reading) =
        (provider(&receiver.url("/"), "message_id = \"id\""), provider(&receiver.url("/"), ""));
    for (provider, id) in [(reading, Some("m1")), (not_reading, None)] {
        let first = receiver.received().len();
        for _ in 0..3 {
            assert_eq!(Sample::new().send(&*provider).await, accepted(id));
        }
        let received = receiver.received();
        assert!(received[first..].iter().all(|request| request.peer == received[first].peer));
    }
}
