//! Overload, slow and large requests, a store that is away, mistakes: what every request passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::future::{join, join_all};
use futures::{StreamExt, stream};
use http::Request;
use http::header::CONTENT_TYPE;
use watchword_core::delivery::Outcome;
use watchword_core::ports::StoreError;
use watchword_http::front::Limits;
use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::provider::{FakeProvider, Step};

use crate::harness::gate::State;
use crate::harness::{App, FORM, Gate, Otp, Reply, Wishes, request};

const UNREACHABLE: &str = r#"{"status":"error","message":"Unable to reach store."}"#;
const TOO_MANY: &str = r#"{"status":"error","message":"Too many requests at once. Please retry."}"#;

/// Makes all calls that need the store. Each is refused in these words, and metrics are told this code.
async fn all_are_refused(app: &App, body: &str, code: &'static str) {
    let told_before = app.answered.all().len();
    app.put("uniqueID", "").await.expect_later(503, 1, body);
    app.check("uniqueID", "123456").await.expect_later(503, 1, body);
    app.status("uniqueID").await.expect_later(503, 1, body);
    app.call("DELETE", "/api/otp/uniqueID/status", "").await.expect_later(503, 1, body);
    let expected = ["start", "check", "status", "delete"].map(|call| ("otpgateway", call, code));
    assert_eq!(app.answered.all()[told_before..], expected);
}

#[tokio::test]
async fn a_store_that_is_away_is_told_so_and_nothing_of_its_words_leaks() {
    for (error, code) in [
        (StoreError::Busy, "store_busy"),
        (StoreError::unavailable("disk I/O error on /var/lib/secret"), "store_unavailable"),
        (StoreError::outcome_unknown("connection reset by 10.0.0.7"), "store_outcome_unknown"),
    ] {
        let app = App::new();
        app.store.set(State::Fails(error));
        all_are_refused(&app, UNREACHABLE, code).await;
        app.call("GET", "/api/health", "").await.expect_later(503, 1, UNREACHABLE);
        assert_eq!(app.call("GET", "/api/providers", "").await.status, 200);
        app.store.set(State::Open);
        app.put("uniqueID", "").await.expect(200, &Otp::default().started());
        assert_eq!(app.smtp.handed().len(), 1, "what was refused was not sent");
    }
}

#[tokio::test]
async fn a_store_that_hangs_is_given_up_when_the_requests_time_is_over() {
    let app = Arc::new(App::new());
    app.store.set(State::Hangs);
    let calling = tokio::spawn({
        let app = Arc::clone(&app);
        async move { join(app.check("uniqueID", "123456"), app.call("GET", "/api/health", "")).await }
    });
    let begin = app.now();
    assert_eq!(app.clock.next_wake().await, begin.after(Duration::from_secs(5)));
    app.pass(5);
    let (checked, health) = within("the replies", calling).await.unwrap();
    for reply in [checked, health] {
        reply.expect_later(503, 1, UNREACHABLE);
    }
}

#[tokio::test]
async fn a_row_under_a_lost_key_is_never_a_wrong_code() {
    let store = Arc::new(Gate::new());
    let before = App::with(Wishes { store: Arc::clone(&store), ..Wishes::default() });
    before.put("uniqueID", "&skip_delete=true").await;
    before.check("uniqueID", "123456").await;
    let after = App::with(Wishes { store, keys: vec![[8; 32]], ..Wishes::default() });
    after.check("uniqueID", "123456").await.expect_later(503, 1, UNREACHABLE);
    after.check("uniqueID", "000000").await.expect_later(503, 1, UNREACHABLE);
    after.status("uniqueID").await.expect_later(503, 1, UNREACHABLE);
    assert!(after.answered.all().iter().all(|(_, _, outcome)| *outcome == "unknown_key"));
    // Nothing was counted.
    let verified = Otp { attempts: 3, closed: true, ..Otp::default() };
    before.check("uniqueID", "123456").await.expect(200, &verified.success());
}

#[tokio::test]
async fn a_mistake_of_ours_is_a_500_and_the_next_request_is_answered() {
    let app = App::new();
    app.put("uniqueID", "").await;
    app.store.set(State::Panics);
    app.check("uniqueID", "123456").await.expect_error(500, "Internal error.");
    assert_eq!(*app.answered.all().last().unwrap(), ("otpgateway", "check", "panicked"));
    app.store.set(State::Open);
    assert_eq!(app.check("uniqueID", "123456").await.status, 200);
}

#[tokio::test]
async fn more_work_than_there_is_room_for_is_refused_at_once() {
    let limits = Limits { max_concurrent: 2, ..Limits::default() };
    let app = Arc::new(App::with(Wishes { limits, ..Wishes::default() }));
    app.put("uniqueID", "").await;
    app.store.set(State::Hangs);
    let stuck = tokio::spawn({
        let app = Arc::clone(&app);
        async move { join_all([app.check("uniqueID", "1"), app.check("uniqueID", "2")]).await }
    });
    // Both wait for the store: each has its timer.
    eventually("two stuck requests", async || (app.clock.sleepers().len() >= 2).then_some(())).await;
    all_are_refused(&app, TOO_MANY, "overloaded").await;
    // What needs no room is still answered, and the others are once there is room.
    app.call("GET", "/api/providers", "")
        .await
        .expect(200, r#"{"status":"success","data":["hook","sms","smtp"]}"#);
    app.call("GET", "/api/nope", "").await.expect_error(404, "Not found.");
    stuck.abort();
    app.store.set(State::Open);
    let room = async || (app.status("uniqueID").await.status == 400).then_some(());
    eventually("room again", room).await;
    assert_eq!(app.check("uniqueID", "123456").await.status, 200);
}

#[tokio::test]
async fn two_thousand_callers_of_a_hung_provider_take_no_room_from_a_check() {
    const CALLERS: usize = 2_000;
    // One place, so that a single waiting caller that kept it would be seen.
    let limits = Limits { max_concurrent: 1, ..Limits::default() };
    let hook = FakeProvider::new("hook").with_max_concurrent(16);
    let app = Arc::new(App::with(Wishes { limits, hook, ..Wishes::default() }));
    app.put("uniqueID", "").await;
    app.hook.always(Step::Hang);
    let mut callers = Vec::with_capacity(CALLERS);
    for number in 0..CALLERS {
        let caller = Arc::clone(&app);
        callers.push(tokio::spawn(async move {
            let path = format!("/api/otp/caller-{number}");
            caller.call("PUT", &path, "provider=hook&to=x&otp=1").await
        }));
        // The next one comes once this one only waits.
        let stored = async {
            while app.store.count().await < number as u64 + 2 {
                tokio::task::yield_now().await;
            }
        };
        within("the PUT to be stored", stored).await;
    }
    assert!(callers.iter().all(|caller| !caller.is_finished()));
    app.hook.wait_for_handed(16).await;
    let wrong = Otp { attempts: 2, ..Otp::default() };
    app.check("uniqueID", "000000").await.expect(400, &wrong.failure("Incorrect OTP"));
    let verified = Otp { attempts: 3, closed: true, ..Otp::default() };
    app.check("uniqueID", "123456").await.expect(200, &verified.success());
    app.pass(5);
    for reply in within("all replies", join_all(callers)).await {
        reply.unwrap().expect_error(500, "Error sending OTP.");
    }
    app.hook.release(Outcome::Accepted { message_id: None });
}

fn with_body(body: Body) -> Request<Body> {
    let (mut parts, _) = request("PUT", "/api/otp/uniqueID", "").into_parts();
    parts.headers.insert(CONTENT_TYPE, FORM.parse().unwrap());
    Request::from_parts(parts, body)
}

fn pieces(size: usize, count: usize) -> Body {
    let piece = Bytes::from(vec![b'&'; size]);
    Body::from_stream(stream::iter(std::iter::repeat_n(piece, count).map(Ok::<_, std::io::Error>)))
}

#[tokio::test]
async fn a_body_may_have_64_kib_and_not_a_byte_more() {
    let app = App::new();
    let form = "provider=smtp&to=john@doe.com&otp=123456";
    let filled = |length: usize| Body::from(format!("{form}{}", "&".repeat(length - form.len())));
    app.send(with_body(filled(64 * 1_024))).await.expect(200, &Otp::default().started());
    for body in [
        filled(64 * 1_024 + 1),
        filled(300_000),
        Body::from("&".repeat(10_000_000)),
        // Without saying its length.
        pieces(1_024, 65),
        pieces(65_537, 1),
        pieces(1_000_000, 1_000),
    ] {
        app.send(with_body(body)).await.expect_error(413, "The request body is too large.");
    }
    let in_pieces =
        form.as_bytes().chunks(7).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
    let body = Body::from_stream(stream::iter(in_pieces.collect::<Vec<_>>()));
    let again = Otp { attempts: 2, generate: 2, ..Otp::default() };
    app.send(with_body(body)).await.expect(200, &again.started());
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let app = App::new();
    let read = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&read);
    let pieces = std::iter::repeat_with(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'&'; 1_024]))
    });
    let body = Body::from_stream(stream::iter(pieces.take(1_000_000)));
    app.send(with_body(body)).await.expect_error(413, "The request body is too large.");
    // Eight times the limit, and the piece that is too much.
    assert_eq!(read.load(Ordering::Relaxed), 8 * 64 + 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = Arc::new(App::new());
    let never = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"provider=smtp")) })
        .chain(stream::pending());
    let sending = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.send(with_body(Body::from_stream(never))).await }
    });
    app.clock.next_wake().await;
    app.pass(5);
    let reply = within("the reply", sending).await.unwrap();
    reply.expect_error(408, "The request body took too long to arrive.");
    assert_eq!(app.answered.all(), [("otpgateway", "start", "body_too_slow")]);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let app = App::new();
    let broken = stream::iter([
        Ok(Bytes::from_static(b"provider=smtp&to=john@doe.com")),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ]);
    let reply = app.send(with_body(Body::from_stream(broken))).await;
    reply.expect_error(400, "The request body broke off.");
    assert_eq!(app.store.count().await, 0);
}

#[tokio::test]
async fn every_reply_names_its_request() {
    let app = App::new();
    let id = |reply: &Reply| reply.header("x-request-id").to_owned();
    let mut named = request("GET", "/api/providers", "");
    named.headers_mut().insert("x-request-id", "from-the-caller-7".parse().unwrap());
    assert_eq!(id(&app.send(named).await), "from-the-caller-7");
    let mut made = Vec::new();
    for path in ["/api/providers", "/api/health", "/nope", "/api/otp"] {
        made.push(id(&app.call("GET", path, "").await));
    }
    assert!(made.iter().all(|id| id.len() == 16), "{made:?}");
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), 4);
}

#[tokio::test]
async fn metrics_are_told_each_call_and_what_came_of_it() {
    let app = App::new();
    app.put("uniqueID", "&max_attempts=3").await;
    app.put("uniqueID", "&ttl=0").await;
    app.check("uniqueID", "0").await;
    app.status("uniqueID").await;
    app.check("uniqueID", "0").await;
    app.put("uniqueID", "&max_attempts=3").await;
    app.status("unknown").await;
    app.call("GET", "/api/otp", "").await;
    app.call("GET", "/nope", "").await;
    app.call("GET", "/", "").await;
    app.send(crate::harness::bare_request("GET", "/api/providers").body(Body::empty()).unwrap()).await;
    let expected = [
        ("start", "ok"),
        ("start", "invalid_input"),
        ("check", "wrong"),
        ("status", "not_approved"),
        ("check", "wrong"),
        ("start", "locked"),
        ("status", "gone"),
        ("method_not_allowed", "method_not_allowed"),
        ("not_found", "not_found"),
        ("root", "ok"),
        ("providers", "unauthorized"),
    ];
    let told: Vec<_> = app.answered.all().into_iter().map(|(_, call, outcome)| (call, outcome)).collect();
    assert_eq!(told, expected);
}
