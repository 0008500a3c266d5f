//! The dialect over the reference store, fake providers, and a clock that only the test moves.

#[path = "../../http/harness/gate.rs"]
pub(crate) mod gate;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::json;
use tower::ServiceExt;
use watchword_core::delivery::NodeId;
use watchword_core::dispatcher::{Carrier, Dispatcher, Route, Routes};
use watchword_core::engine::{Engine, EngineSettings};
use watchword_core::guess::{GuessRule, LookupRule};
use watchword_core::keyring::Keyring;
use watchword_core::parts::Parts;
use watchword_core::ports::{Clock, Observer, Provider, Store};
use watchword_core::verification::RouteName;
use watchword_http::dialects::perfumer::telegram::Updates;
use watchword_http::dialects::perfumer::{self, ChannelRoutes, PerfumerSettings};
use watchword_http::front::{Front, FrontSettings, Limits};
use watchword_testkit::deadline::within;
use watchword_testkit::provider::FakeProvider;
use watchword_testkit::random::SeededRandom;
use watchword_testkit::tasks::TokioTasks;
use watchword_testkit::time::FakeClock;

pub(crate) use gate::Gate;

/// The type of every reply.
pub(crate) const JSON: &str = "application/json";
/// The reply to everything that went well and has nothing to say.
pub(crate) const TRUE: &str = r#"{"status":true}"#;
/// The reply to a check that was not right.
pub(crate) const FALSE: &str = r#"{"status":false}"#;

/// A running dialect, with a provider a channel.
pub(crate) struct App {
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) store: Arc<Gate>,
    pub(crate) answered: Arc<Answered>,
    pub(crate) router: Router,
    pub(crate) updates: Updates,
    pub(crate) sms: Arc<FakeProvider>,
    pub(crate) call: Arc<FakeProvider>,
    pub(crate) email: Arc<FakeProvider>,
    pub(crate) telegram: Arc<FakeProvider>,
}

/// What a test may want otherwise.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) settings: Option<PerfumerSettings>,
    pub(crate) limits: Limits,
    pub(crate) guess: GuessRule,
    pub(crate) lookup: LookupRule,
    /// In place of the reference store.
    pub(crate) store: Option<Arc<dyn Store>>,
}

pub(crate) fn settings() -> PerfumerSettings {
    let route = |name| Some(RouteName::new(name).unwrap());
    PerfumerSettings {
        routes: ChannelRoutes {
            sms: route("sms"),
            call: route("call"),
            email: route("email"),
            telegram: route("telegram"),
        },
        ..PerfumerSettings::default()
    }
}

impl App {
    /// With everything as usual.
    pub(crate) fn new() -> Self {
        Self::with(Wishes::default())
    }

    /// With these settings.
    pub(crate) fn of(settings: PerfumerSettings) -> Self {
        Self::with(Wishes { settings: Some(settings), ..Wishes::default() })
    }

    /// As the test wishes.
    pub(crate) fn with(wishes: Wishes) -> Self {
        let Wishes { settings: wished, limits, guess, lookup, store: other_store } = wishes;
        let clock = Arc::new(FakeClock::default());
        let store = Arc::new(Gate::new());
        let answered = Arc::new(Answered::default());
        let random = Arc::new(SeededRandom::new(1));
        let parts = Parts {
            store: other_store.unwrap_or_else(|| Arc::clone(&store) as _),
            clock: Arc::clone(&clock) as _,
            random: Arc::clone(&random) as _,
            tasks: Arc::new(TokioTasks::new()),
            observer: Arc::clone(&answered) as _,
            keyring: Arc::new(Keyring::new(&[[7; 32]]).unwrap()),
        };
        let providers = ["sms", "call", "email", "telegram"].map(|name| Arc::new(FakeProvider::new(name)));
        let routes = providers.iter().map(|provider| {
            let carrier = Carrier::new(Arc::clone(provider) as Arc<dyn Provider>);
            (RouteName::new(provider.id().as_str()).unwrap(), Route::new(vec![carrier]))
        });
        let dispatcher =
            Dispatcher::new(parts.clone(), NodeId::new("node").unwrap(), routes.collect::<Routes>());
        let engine = Engine::new(parts, dispatcher, EngineSettings { guess, lookup });
        let front = Front::new(
            Arc::clone(&clock) as Arc<dyn Clock>,
            &*random,
            Arc::clone(&answered) as Arc<dyn Observer>,
            FrontSettings::from(limits),
        );
        let settings = Arc::new(wished.unwrap_or_else(settings));
        let router = perfumer::router(engine.clone(), Arc::clone(&settings), front);
        let updates = Updates::new(engine, settings);
        let [sms, call, email, telegram] = providers;
        Self { clock, store, answered, router, updates, sms, call, email, telegram }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = within("a reply", self.router.clone().oneshot(request)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Calls with a body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        self.send(request(method, path).body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.call("POST", path, body).await
    }

    pub(crate) async fn get(&self, path: &str, body: &str) -> Reply {
        self.call("GET", path, body).await
    }

    /// Sends a passcode on a channel for 300 s.
    pub(crate) async fn pass_on(&self, channel: &str, to: &str, password: &str) -> Reply {
        self.post(&format!("/{channel}"), &sending(channel, to, password, None)).await
    }

    /// Checks a passcode.
    pub(crate) async fn check(&self, channel: &str, to: &str, password: &str) -> Reply {
        let body = json!({ (target_name(channel)): to, "password": password }).to_string();
        self.get(&format!("/{channel}/check"), &body).await
    }

    /// Passes time.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// The parameter that says where a channel's messages go.
pub(crate) fn target_name(channel: &str) -> &'static str {
    match channel {
        "email" => "email",
        "telegram" => "chat_id",
        _ => "phone",
    }
}

/// A good body for a channel's `POST`, for 300 s.
pub(crate) fn sending(channel: &str, to: &str, password: &str, ip: Option<&str>) -> String {
    let mut body = json!({ (target_name(channel)): to, "password": password, "lifetime": 300 });
    match channel {
        "email" => {
            body["subject"] = "Hello".into();
            body["text"] = format!("Your OTP is {password}").into();
        }
        "call" => {}
        _ => body["message"] = format!("Your OTP is {password}").into(),
    }
    if let Some(ip) = ip {
        body["ip"] = ip.into();
    }
    body.to_string()
}

pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
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
        assert_eq!(self.header("cache-control"), "no-store");
        assert!(self.headers.contains_key("x-request-id"));
        let on =
            |name, belongs: bool| assert_eq!(self.headers.contains_key(&name), belongs, "{name}: {self:?}");
        on(RETRY_AFTER, status == 503 || self.body.contains("\"status_code\""));
        on(ALLOW, status == 405);
        on(WWW_AUTHENTICATE, status == 401);
    }

    /// As [`Self::expect`], for a refusal without a code.
    #[track_caller]
    pub(crate) fn expect_refused(&self, status: u16, message: &str) {
        let message = serde_json::to_string(message).unwrap();
        self.expect(status, &format!(r#"{{"status":false,"message":{message}}}"#));
    }

    /// As [`Self::expect`], for a limit that has no room for so many seconds.
    #[track_caller]
    pub(crate) fn expect_limit(&self, body: &str, seconds: u64) {
        self.expect(400, body);
        assert_eq!(self.header(RETRY_AFTER), seconds.to_string());
    }
}

/// JSON without the space between its tokens, its keys in the order they have.
pub(crate) fn compact(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |character: &char| {
        if in_string {
            in_string = *character != '"' || escaped;
            escaped = *character == '\\' && !escaped;
            return true;
        }
        in_string = *character == '"';
        !character.is_ascii_whitespace()
    };
    text.chars().filter(keep).collect()
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
