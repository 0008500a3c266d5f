//! The dialect over the reference store, fake providers, and a clock that only the test moves.

pub(crate) mod gate;
pub(crate) mod page;
pub(crate) mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use ipnet::IpNet;
use parking_lot::Mutex;
use serde_json::Value;
use tower::ServiceExt;
use watchword_core::address::Channel;
use watchword_core::delivery::NodeId;
use watchword_core::dispatcher::{Carrier, Dispatcher, Route, Routes};
use watchword_core::engine::{Engine, EngineSettings};
use watchword_core::guess::GuessRule;
use watchword_core::keyring::Keyring;
use watchword_core::namespace::Namespace;
use watchword_core::parts::Parts;
use watchword_core::ports::{Clock, Observer, Provider};
use watchword_core::time::Timestamp;
use watchword_core::verification::RouteName;
use watchword_http::dialects::otpgateway::{self, Access, AddressRule, OtpgatewaySettings, ProviderProfile};
use watchword_http::front::{Front, FrontSettings, Limits};
use watchword_testkit::deadline::within;
use watchword_testkit::provider::FakeProvider;
use watchword_testkit::random::SeededRandom;
use watchword_testkit::tasks::TokioTasks;
use watchword_testkit::time::FakeClock;

pub(crate) use gate::Gate;

/// The type of every reply of the API.
pub(crate) const JSON: &str = "application/json; charset=utf-8";
/// The type of what a client posts.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A running dialect. Namespaces `app` (secret `secret`) and `other` (secret `hidden`); providers `smtp`, `sms` and `hook`.
pub(crate) struct App {
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) store: Arc<Gate>,
    pub(crate) tasks: Arc<TokioTasks>,
    pub(crate) answered: Arc<Answered>,
    pub(crate) engine: Engine,
    pub(crate) router: Router,
    pub(crate) smtp: Arc<FakeProvider>,
    pub(crate) sms: Arc<FakeProvider>,
    pub(crate) hook: Arc<FakeProvider>,
}

/// What a test may want otherwise.
pub(crate) struct Wishes {
    pub(crate) limits: Limits,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) settings: OtpgatewaySettings,
    pub(crate) guess: GuessRule,
    pub(crate) keys: Vec<[u8; 32]>,
    pub(crate) store: Arc<Gate>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) hook: FakeProvider,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            trusted_proxies: Vec::new(),
            settings: settings(),
            guess: GuessRule::default(),
            keys: vec![[7; 32]],
            store: Arc::new(Gate::new()),
            clock: Arc::new(FakeClock::default()),
            hook: FakeProvider::new("hook"),
        }
    }
}

pub(crate) fn settings() -> OtpgatewaySettings {
    let access = |namespace, secret: &str| Access {
        namespace: Namespace::new(namespace).unwrap(),
        secret: secret.to_owned(),
    };
    let profile = |id, channel, rule| {
        ProviderProfile::new(RouteName::new(id).unwrap(), Channel::new(channel).unwrap(), rule)
    };
    OtpgatewaySettings {
        root_url: "http://otp.example.com/".to_owned(),
        namespaces: vec![access("app", "secret"), access("other", "hidden")],
        providers: vec![
            profile("smtp", "E-mail", AddressRule::Email),
            profile("sms", "SMS", AddressRule::Phone),
            ProviderProfile { passcode_length: 9, ..profile("hook", "Bank", AddressRule::Any) },
        ],
        ..OtpgatewaySettings::default()
    }
}

impl App {
    /// With everything as usual.
    pub(crate) fn new() -> Self {
        Self::with(Wishes::default())
    }

    /// As the test wishes.
    pub(crate) fn with(wishes: Wishes) -> Self {
        let Wishes { limits, trusted_proxies, settings, guess, keys, store, clock, hook } = wishes;
        let tasks = Arc::new(TokioTasks::new());
        let answered = Arc::new(Answered::default());
        let random = Arc::new(SeededRandom::new(1));
        let parts = Parts {
            store: Arc::clone(&store) as _,
            clock: Arc::clone(&clock) as _,
            random: Arc::clone(&random) as _,
            tasks: Arc::clone(&tasks) as _,
            observer: Arc::clone(&answered) as _,
            keyring: Arc::new(Keyring::new(&keys).unwrap()),
        };
        let [smtp, sms, hook] = [FakeProvider::new("smtp"), FakeProvider::new("sms"), hook].map(Arc::new);
        let route = |name, provider: &Arc<FakeProvider>| {
            let carrier = Carrier::new(Arc::clone(provider) as Arc<dyn Provider>);
            (RouteName::new(name).unwrap(), Route::new(vec![carrier]))
        };
        let routes = Routes::from_iter([route("smtp", &smtp), route("sms", &sms), route("hook", &hook)]);
        let dispatcher = Dispatcher::new(parts.clone(), NodeId::new("node").unwrap(), routes);
        let engine = Engine::new(parts, dispatcher, EngineSettings { guess, ..EngineSettings::default() });
        let front = Front::new(
            Arc::clone(&clock) as Arc<dyn Clock>,
            &*random,
            Arc::clone(&answered) as Arc<dyn Observer>,
            FrontSettings { limits, trusted_proxies, adopt_trace: None },
        );
        let router = otpgateway::router(engine.clone(), Arc::new(settings), front);
        Self { clock, store, tasks, answered, engine, router, smtp, sms, hook }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = within("a reply", self.router.clone().oneshot(request)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Calls as the namespace `app`, with a form where it is not empty.
    pub(crate) async fn call(&self, method: &str, path: &str, form: &str) -> Reply {
        self.send(request(method, path, form)).await
    }

    /// Begins a verification by mail, with the code `123456`.
    pub(crate) async fn put(&self, id: &str, more: &str) -> Reply {
        let form = format!("provider=smtp&to=john@doe.com&otp=123456{more}");
        self.call("PUT", &format!("/api/otp/{id}"), &form).await
    }

    /// Checks a code.
    pub(crate) async fn check(&self, id: &str, otp: &str) -> Reply {
        self.call("POST", &format!("/api/otp/{id}"), &format!("otp={otp}")).await
    }

    /// Asks whether it is verified.
    pub(crate) async fn status(&self, id: &str) -> Reply {
        self.call("POST", &format!("/api/otp/{id}/status"), "").await
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Passes time.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// Lets every task go on as far as it can, on the test's own thread.
pub(crate) async fn all_runs() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// A request of the namespace `app`.
pub(crate) fn request(method: &str, path: &str, form: &str) -> Request<Body> {
    let request = bare_request(method, path).header(AUTHORIZATION, basic("app:secret"));
    if form.is_empty() {
        return request.body(Body::empty()).unwrap();
    }
    request.header(CONTENT_TYPE, FORM).body(Body::from(form.to_owned())).unwrap()
}

/// A request of nobody.
pub(crate) fn bare_request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

/// BasicAuth.
pub(crate) fn basic(credentials: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(credentials))
}

/// A whole reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    /// A header's text; `""`: it is not there.
    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Compares status, content type and body, byte for byte, and sees that no other header came along than those that belong.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16, body: &str) {
        assert_eq!((self.status.as_u16(), self.body.as_str()), (status, body));
        assert_eq!(self.header(CONTENT_TYPE), JSON);
        let on = |name, statuses: &[u16]| {
            assert_eq!(self.headers.contains_key(&name), statuses.contains(&status), "{name} on {status}");
        };
        on(RETRY_AFTER, &[429, 503]);
        on(ALLOW, &[405]);
        on(WWW_AUTHENTICATE, &[401]);
    }

    /// As [`Self::expect`], for an error without data.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, message: &str) {
        let message = serde_json::to_string(message).unwrap();
        self.expect(status, &format!(r#"{{"status":"error","message":{message}}}"#));
    }

    /// As [`Self::expect`], for a 429 or 503 that says when to come back.
    #[track_caller]
    pub(crate) fn expect_later(&self, status: u16, seconds: u64, body: &str) {
        self.expect(status, body);
        assert_eq!(self.header(RETRY_AFTER), seconds.to_string());
    }

    /// A field of `data`.
    pub(crate) fn data(&self, field: &str) -> Value {
        let envelope: Value = serde_json::from_str(&self.body).unwrap();
        envelope["data"][field].clone()
    }

    /// `attempts` and `generate`.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let count = |field| self.data(field).as_u64().unwrap();
        (count("attempts"), count("generate"))
    }
}

/// The OTP object of `app`'s `uniqueID`, as [`App::put`] begins it.
#[derive(Clone)]
pub(crate) struct Otp<'a> {
    pub(crate) id: &'a str,
    pub(crate) to: &'a str,
    pub(crate) channel_description: &'a str,
    pub(crate) address_description: &'a str,
    pub(crate) extra: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) otp: &'a str,
    pub(crate) max_attempts: u32,
    pub(crate) attempts: u32,
    pub(crate) generate: u32,
    pub(crate) max_generate: u32,
    pub(crate) closed: bool,
    pub(crate) ttl: u32,
}

impl Default for Otp<'_> {
    fn default() -> Self {
        Self {
            id: "uniqueID",
            to: "john@doe.com",
            channel_description: "",
            address_description: "",
            extra: "{}",
            provider: "smtp",
            otp: "123456",
            max_attempts: 5,
            attempts: 1,
            generate: 1,
            max_generate: 3,
            closed: false,
            ttl: 300,
        }
    }
}

impl Otp<'_> {
    /// On the wire.
    fn json(&self) -> String {
        let Self { id, to, channel_description, address_description, extra, provider, otp, .. } = self;
        let Self { max_attempts, attempts, generate, max_generate, closed, ttl, .. } = self;
        format!(
            r#"{{"namespace":"app","id":"{id}","to":"{to}","channel_description":"{channel_description}","address_description":"{address_description}","extra":{extra},"provider":"{provider}","otp":"{otp}","max_attempts":{max_attempts},"attempts":{attempts},"generate":{generate},"max_generate":{max_generate},"closed":{closed},"ttl":{ttl}}}"#
        )
    }

    /// In a good reply.
    pub(crate) fn success(&self) -> String {
        format!(r#"{{"status":"success","data":{}}}"#, self.json())
    }

    /// In the good reply to a PUT.
    pub(crate) fn started(&self) -> String {
        let json = self.json();
        let id = self.id;
        let open = json.strip_suffix('}').unwrap();
        format!(r#"{{"status":"success","data":{open},"url":"http://otp.example.com/otp/app/{id}"}}}}"#)
    }

    /// In the reply to a failed check.
    pub(crate) fn failure(&self, message: &str) -> String {
        let hidden = Self { otp: "", ..self.clone() };
        format!(r#"{{"status":"error","message":"{message}","data":{}}}"#, hidden.json())
    }
}

/// Remembers how calls were answered.
#[derive(Debug, Default)]
pub(crate) struct Answered(Mutex<Vec<(&'static str, &'static str, &'static str)>>);

impl Answered {
    /// Dialect, call and outcome of each, oldest first.
    pub(crate) fn all(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        self.0.lock().clone()
    }
}

impl Observer for Answered {
    fn answered(&self, dialect: &'static str, call: &'static str, outcome: &'static str, _took: Duration) {
        self.0.lock().push((dialect, call, outcome));
    }
}
