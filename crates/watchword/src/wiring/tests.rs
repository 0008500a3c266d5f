use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use watchword_core::keyring::Keyring;
use watchword_core::ports::Retention;
use watchword_delivery::inbox::Inbox;
use watchword_delivery::registry::Registry;
use watchword_store::Memory;
use watchword_testkit::random::SeededRandom;
use watchword_testkit::tasks::TokioTasks;
use watchword_testkit::time::FakeClock;

use super::*;
use crate::config::{self, Flag, Sources};
use crate::dev::PRESET;

/// A server with the inbox of `dev`, over the reference store and a clock that a test drives.
struct Bench {
    clock: Arc<FakeClock>,
    inbox: Inbox,
    public: Router,
    admin: Router,
}

impl Bench {
    fn new(flags: Vec<Flag>) -> Self {
        let clock = Arc::new(FakeClock::default());
        let inbox = Inbox::new(Arc::clone(&clock) as _, 10);
        let registry = Registry::new(Arc::clone(&clock) as _).with_inbox(inbox.clone());
        let sources = Sources { preset: Some(PRESET), no_usual_file: true, flags, ..Sources::default() };
        let config = config::load(sources, &registry).unwrap();
        let metrics = Arc::new(Metrics::new(config.providers.keys()));
        let parts = Parts {
            store: Arc::new(Memory::new(Retention::default())),
            clock: Arc::clone(&clock) as _,
            random: Arc::new(SeededRandom::new(1)),
            tasks: Arc::new(TokioTasks::new()),
            observer: Arc::clone(&metrics) as _,
            keyring: Arc::new(Keyring::new([&[7; 32]]).unwrap()),
        };
        let app = App::new(&config, &parts, metrics, "0.0.0.0:9100".parse().unwrap()).unwrap();
        let dispatcher = app.dispatcher.clone();
        tokio::spawn(async move { dispatcher.run().await });
        Self { clock, inbox, public: app.public, admin: app.admin }
    }

    async fn call(&self, method: &str, path: &str, form: &str) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Authorization", "Basic ZGV2OmRldg==")
            .header("Content-Type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let (status, body) = text(&self.public, request).await;
        (status, serde_json::from_str(&body).unwrap())
    }
}

async fn text(router: &Router, request: Request<Body>) -> (StatusCode, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn flag(key: &'static str, value: &str) -> Flag {
    Flag { flag: "--test", key, value: value.to_owned() }
}

#[tokio::test]
async fn the_parts_of_a_server_follow_one_clock_and_one_configuration() {
    let bench =
        Bench::new(vec![flag("otp.ttl", "90s"), flag("otp.max_attempts", "3"), flag("guess.burst", "1")]);
    let put = "provider=inbox&to=ann@example.com";
    let (status, reply) = bench.call("PUT", "/api/otp/johns-id", put).await;
    assert_eq!(
        (status, &reply["data"]["ttl"], &reply["data"]["max_attempts"]),
        (StatusCode::OK, &json!(90), &json!(3))
    );
    assert_eq!(reply["data"]["url"], "http://127.0.0.1:9100/otp/dev/johns-id");
    let [message] = &bench.inbox.recent()[..] else { panic!() };
    assert_eq!(message.passcode.expose(), reply["data"]["otp"]);

    // The guess limits refuse already after the first wrong one, for a minute.
    let wrong = bench.call("POST", "/api/otp/johns-id", "otp=wrong").await;
    assert_eq!(wrong.0, StatusCode::BAD_REQUEST);
    let right = format!("otp={}", message.passcode.expose());
    assert_eq!(bench.call("POST", "/api/otp/johns-id", &right).await.0, StatusCode::TOO_MANY_REQUESTS);
    bench.clock.advance(Duration::from_secs(61));
    assert_eq!(bench.call("POST", "/api/otp/johns-id", &right).await.0, StatusCode::OK);

    bench.call("PUT", "/api/otp/janes-id", put).await;
    bench.clock.advance(Duration::from_secs(90));
    let late = format!("otp={}", bench.inbox.recent()[0].passcode.expose());
    let (_, reply) = bench.call("POST", "/api/otp/janes-id", &late).await;
    assert_eq!(reply["message"], "the OTP does not exist");

    let metrics = Request::get("/metrics").body(Body::empty()).unwrap();
    let (_, metrics) = text(&bench.admin, metrics).await;
    for line in [
        "watchword_checks_total{result=\"approved\"} 1",
        "watchword_checks_total{result=\"refused\"} 1",
        "watchword_delivery_attempts_total{provider=\"inbox\",outcome=\"accepted\"} 2",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[test]
fn a_server_that_listens_everywhere_is_reached_at_this_machine() {
    for (listen, expected) in [
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:80", "http://[::1]:80"),
        ("192.168.1.7:80", "http://192.168.1.7:80"),
    ] {
        assert_eq!(origin(listen.parse().unwrap()), expected);
    }
}

#[test]
fn a_start_waits_for_ever_where_the_real_host_is_named() {
    for (url, is_for_ever) in [
        ("postgres://otp:secret@pooler:6432/otp?real_host=db", true),
        ("postgres://otp:secret@db/otp", false),
    ] {
        assert_eq!(patience(&PostgresUrl::parse(url).unwrap()).is_none(), is_for_ever, "{url}");
    }
}
