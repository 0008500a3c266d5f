//! Both services over the reference store, fake providers, stand-ins for DIGIT's services, and a clock that only the test moves.

#[path = "../../http/harness/gate.rs"]
pub(crate) mod gate;

pub(crate) mod digit;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tower::ServiceExt;
use watchword_core::delivery::{Message, NodeId};
use watchword_core::dispatcher::{Carrier, Dispatcher, Route, Routes};
use watchword_core::engine::{Engine, EngineSettings};
use watchword_core::guess::GuessRule;
use watchword_core::keyring::Keyring;
use watchword_core::parts::Parts;
use watchword_core::ports::{Clock, Observer, Provider};
use watchword_core::verification::RouteName;
use watchword_http::dialects::egov::{self, Clients, EgovSettings};
use watchword_http::front::{Front, FrontSettings, Limits};
use watchword_testkit::deadline::within;
use watchword_testkit::provider::FakeProvider;
use watchword_testkit::random::SeededRandom;
use watchword_testkit::tasks::TokioTasks;
use watchword_testkit::time::FakeClock;

pub(crate) use digit::Digit;
pub(crate) use gate::Gate;

/// Where things are.
pub(crate) const SEND: &str = "/user-otp/v1/_send";
pub(crate) const CREATE: &str = "/otp/v1/_create";
pub(crate) const VALIDATE: &str = "/otp/v1/_validate";
pub(crate) const SEARCH: &str = "/otp/v1/_search";

/// The reply to a `_send` that went well.
pub(crate) const SENT: &str = r#"{"responseInfo":null,"isSuccessful":true}"#;
/// The reply to every check that was not right.
pub(crate) const WRONG: &str = r#"{"responseInfo":null,"error":{"code":400,"message":"OTP validation unsuccessful","description":null,"fields":[{"code":"OTP.VALIDATION_UNSUCCESSFUL","message":"OTP validation unsuccessful","field":"otp.otp"}]}}"#;
/// The reply to a look-up that finds nothing.
pub(crate) const NO_TOKEN: &str = r#"{"responseInfo":null,"otp":null}"#;

/// Both services, with a provider each for SMS and mails.
pub(crate) struct App {
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) store: Arc<Gate>,
    pub(crate) answered: Arc<Answered>,
    pub(crate) router: Router,
    pub(crate) sms: Arc<FakeProvider>,
    pub(crate) email: Arc<FakeProvider>,
    /// Whether its paths are those of the OpenAPI document.
    is_documented: bool,
}

/// What a test may want otherwise.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) settings: Option<EgovSettings>,
    pub(crate) limits: Limits,
    pub(crate) guess: GuessRule,
}

/// Without any of DIGIT's services.
pub(crate) fn alone() -> EgovSettings {
    EgovSettings {
        sms_route: Some(RouteName::new("sms").unwrap()),
        email_route: Some(RouteName::new("email").unwrap()),
        ..EgovSettings::default()
    }
}

impl App {
    /// Beside all of DIGIT's services.
    pub(crate) fn beside(digit: &Digit) -> Self {
        Self::of(digit.settings())
    }

    /// Without any of DIGIT's services: registrations only.
    pub(crate) fn new() -> Self {
        Self::of(alone())
    }

    pub(crate) fn of(settings: EgovSettings) -> Self {
        Self::with(Wishes { settings: Some(settings), ..Wishes::default() })
    }

    /// As the test wishes.
    pub(crate) fn with(wishes: Wishes) -> Self {
        let Wishes { settings, limits, guess } = wishes;
        let clock = Arc::new(FakeClock::default());
        let store = Arc::new(Gate::new());
        let answered = Arc::new(Answered::default());
        let random = Arc::new(SeededRandom::new(1));
        let parts = Parts {
            store: Arc::clone(&store) as _,
            clock: Arc::clone(&clock) as _,
            random: Arc::clone(&random) as _,
            tasks: Arc::new(TokioTasks::new()),
            observer: Arc::clone(&answered) as _,
            keyring: Arc::new(Keyring::new(&[[7; 32]]).unwrap()),
        };
        let [sms, email] = ["sms", "email"].map(|name| Arc::new(FakeProvider::new(name)));
        let routes = [&sms, &email].map(|provider| {
            let carrier = Carrier::new(Arc::clone(provider) as Arc<dyn Provider>);
            (RouteName::new(provider.id().as_str()).unwrap(), Route::new(vec![carrier]))
        });
        let routes = routes.into_iter().collect::<Routes>();
        let dispatcher = Dispatcher::new(parts.clone(), NodeId::new("node").unwrap(), routes);
        let engine = Engine::new(parts, dispatcher, EngineSettings { guess, ..EngineSettings::default() });
        let front = Front::new(
            Arc::clone(&clock) as Arc<dyn Clock>,
            &*random,
            Arc::clone(&answered) as Arc<dyn Observer>,
            FrontSettings::from(limits),
        );
        let settings = Arc::new(settings.unwrap_or_else(alone));
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let clients = Clients::new(&settings, &time, random).unwrap();
        let default = EgovSettings::default();
        let is_documented = settings.user_otp_path == default.user_otp_path
            && settings.management_path == default.management_path;
        let router = egov::router(engine, settings, Arc::new(clients), front);
        Self { clock, store, answered, router, sms, email, is_documented }
    }

    /// Sends a request as it is. Every reply must be one that the OpenAPI document knows.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let response = within("a reply", self.router.clone().oneshot(request)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let reply = Reply { status: parts.status, headers: parts.headers, body };
        if self.is_documented {
            crate::openapi::check(&method, &path, &reply);
        }
        reply
    }

    /// Posts a text as JSON.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send(posting(path).body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Asks for an OTP.
    pub(crate) async fn ask(&self, purpose: &str, number: &str) -> Reply {
        self.post(SEND, &asking(purpose, number).to_string()).await
    }

    /// Makes a token and gives back its code and its UUID.
    pub(crate) async fn create(&self, identity: &str, tenant: &str) -> (String, String) {
        let body = json!({ "otp": { "identity": identity, "tenantId": tenant } }).to_string();
        let reply = self.post(CREATE, &body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let token: Value = serde_json::from_str(&reply.body).unwrap();
        let text = |name: &str| token["otp"][name].as_str().unwrap().to_owned();
        (text("otp"), text("UUID"))
    }

    /// Validates a code.
    pub(crate) async fn validate(&self, identity: &str, tenant: &str, otp: &str) -> Reply {
        let body = json!({ "otp": { "otp": otp, "identity": identity, "tenantId": tenant } });
        self.post(VALIDATE, &body.to_string()).await
    }

    pub(crate) async fn search(&self, uuid: &str) -> Reply {
        self.post(SEARCH, &json!({ "otp": { "uuid": uuid } }).to_string()).await
    }

    /// The only SMS.
    pub(crate) async fn only_sms(&self) -> Message {
        only(&self.sms).await
    }

    /// Passes time.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// The only message that a provider was handed.
pub(crate) async fn only(provider: &FakeProvider) -> Message {
    let handed = provider.wait_for_handed(1).await;
    assert_eq!(handed.len(), 1);
    handed[0].message.clone()
}

/// What a message's provider is told of it.
pub(crate) fn given(message: &Message) -> &str {
    message.given.as_deref().unwrap()
}

/// A good body for `_send`, of a citizen of Amritsar.
pub(crate) fn asking(purpose: &str, number: &str) -> Value {
    json!({
        "RequestInfo": { "apiId": "Rainmaker", "msgId": "20170310130900|en_IN", "authToken": "token", "ts": 1 },
        "otp": { "mobileNumber": number, "tenantId": "pb.amritsar", "type": purpose, "userType": "CITIZEN" }
    })
}

/// A token as egov-otp shows it; `otp` is JSON.
pub(crate) fn token(otp: &str, identity: &str, tenant: &str, uuid: &str, validated: bool) -> String {
    format!(
        r#"{{"responseInfo":null,"otp":{{"otp":{otp},"identity":"{identity}","tenantId":"{tenant}","UUID":"{uuid}","isValidationSuccessful":{validated}}}}}"#
    )
}

/// A refusal in the platform's shape.
pub(crate) fn platform(code: &str, message: &str) -> String {
    let message = serde_json::to_string(message).unwrap();
    format!(
        r#"{{"ResponseInfo":null,"Errors":[{{"id":null,"parentId":null,"code":"{code}","message":{message},"description":null,"params":null}}]}}"#
    )
}

/// A refusal in the two services' own shape.
pub(crate) fn refused(message: &str, fields: &[(&str, &str, &str)]) -> String {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let fields: Vec<_> = fields
        .iter()
        .map(|(code, message, field)| {
            format!(r#"{{"code":"{code}","message":{},"field":"{field}"}}"#, quoted(message))
        })
        .collect();
    format!(
        r#"{{"responseInfo":null,"error":{{"code":400,"message":{},"description":null,"fields":[{}]}}}}"#,
        quoted(message),
        fields.join(",")
    )
}

/// A POST that is said to be JSON.
pub(crate) fn posting(path: &str) -> http::request::Builder {
    Request::post(path).header(CONTENT_TYPE, "application/json")
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
        assert_eq!(self.header(CONTENT_TYPE), "application/json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert!(self.headers.contains_key("x-request-id"));
        let is_down = body == r#"{"status":"DOWN"}"#;
        assert_eq!(self.headers.contains_key(RETRY_AFTER), status == 503 && !is_down, "{self:?}");
        assert_eq!(self.headers.contains_key(ALLOW), status == 405, "{self:?}");
    }

    /// As [`Self::expect`], for what is not there.
    #[track_caller]
    pub(crate) fn expect_unavailable(&self, message: &str) {
        self.expect(503, &platform("SERVICE_UNAVAILABLE", message));
        assert_eq!(self.header(RETRY_AFTER), "1");
    }
}

/// Remembers how calls were answered.
#[derive(Debug, Default)]
pub(crate) struct Answered(Mutex<Vec<(&'static str, &'static str, &'static str)>>);

impl Answered {
    /// Dialect, call and outcome of the last one.
    pub(crate) fn last(&self) -> Option<(&'static str, &'static str, &'static str)> {
        self.0.lock().last().copied()
    }
}

impl Observer for Answered {
    fn answered(&self, dialect: &'static str, call: &'static str, outcome: &'static str, _took: Duration) {
        self.0.lock().push((dialect, call, outcome));
    }
}
