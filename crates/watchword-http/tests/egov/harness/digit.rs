//! Stand-ins for egov-user, egov-localization and MDMS: one web server that does what a test tells it to and remembers what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request};
use http::{HeaderMap, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use watchword_http::dialects::egov::{EgovSettings, LocalizationSettings, MdmsSettings};
use watchword_testkit::deadline::eventually;

use super::alone;

/// The services, by their paths.
pub(crate) const USERS: &str = "/user/_search";
pub(crate) const LOCALIZATION: &str = "/localization/messages/v1/_search";
pub(crate) const MDMS: &str = "/egov-mdms-service/v1/_search";

/// What a service does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers.
    Says(u16, String),
    /// Nothing, for ever.
    Hangs,
}

/// A call that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The other end's address: the same one means the same connection.
    pub(crate) peer: SocketAddr,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// DIGIT, as far as user-otp asks it.
pub(crate) struct Digit {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    does: Mutex<BTreeMap<&'static str, Does>>,
    asked: Mutex<Vec<Asked>>,
}

impl Digit {
    /// Where nobody has a number, no text is translated, and MDMS has no patterns.
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let handle = async move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
            serving.answer(peer, request).await
        };
        let app = Router::new().fallback(handle).into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let digit = Self { address, shared };
        digit.says(USERS, &users(&[]));
        digit.says(LOCALIZATION, r#"{"messages":[]}"#);
        digit.says(MDMS, r#"{"MdmsRes":{}}"#);
        digit
    }

    /// Where this user has every number.
    pub(crate) async fn with_user(user: &Value) -> Self {
        let digit = Self::start().await;
        digit.says(USERS, &users(std::slice::from_ref(user)));
        digit
    }

    pub(crate) fn does(&self, service: &'static str, does: Does) {
        self.shared.does.lock().insert(service, does);
    }

    /// From now on the service answers well.
    pub(crate) fn says(&self, service: &'static str, body: &str) {
        self.does(service, Does::Says(200, body.to_owned()));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All of its services.
    pub(crate) fn settings(&self) -> EgovSettings {
        let url = |path| Some(self.url(path).parse().unwrap());
        EgovSettings {
            user_url: url(USERS),
            localization: LocalizationSettings { url: url(LOCALIZATION), ..Default::default() },
            mdms: MdmsSettings { url: url(MDMS), ..Default::default() },
            ..alone()
        }
    }

    /// egov-user alone.
    pub(crate) fn users_only(&self) -> EgovSettings {
        EgovSettings { user_url: self.settings().user_url, ..alone() }
    }

    /// What a service was asked, oldest first.
    pub(crate) fn asked(&self, service: &str) -> Vec<Asked> {
        self.shared.asked.lock().iter().filter(|asked| asked.path == service).cloned().collect()
    }

    /// How often all of them were asked.
    pub(crate) fn count(&self) -> usize {
        self.shared.asked.lock().len()
    }

    /// Waits until a service was asked so often.
    pub(crate) async fn wait_for(&self, service: &'static str, count: usize) {
        eventually("a call", || async { (self.asked(service).len() >= count).then_some(()) }).await;
    }
}

impl Shared {
    async fn answer(&self, peer: SocketAddr, request: Request) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body: Bytes = to_bytes(body, 1 << 20).await.unwrap();
        let asked = Asked {
            peer,
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        let does = self.does.lock().get(asked.path.as_str()).cloned();
        self.asked.lock().push(asked);
        match does {
            Some(Does::Says(status, body)) => Response::builder().status(status).body(body.into()).unwrap(),
            Some(Does::Hangs) => std::future::pending().await,
            None => Response::builder().status(404).body(Body::empty()).unwrap(),
        }
    }
}

/// egov-user's answer.
pub(crate) fn users(users: &[Value]) -> String {
    json!({ "responseInfo": { "status": "200 OK" }, "user": users }).to_string()
}

/// A user as egov-user tells of one.
pub(crate) fn user(number: impl Into<Value>, email: impl Into<Value>) -> Value {
    let (number, email) = (number.into(), email.into());
    json!({ "id": 1, "uuid": "x", "userName": "9876543210", "mobileNumber": number, "emailId": email, "roles": [] })
}

/// egov-localization's answer.
pub(crate) fn messages(messages: &[(&str, &str)]) -> String {
    let message = |(code, message): &(&str, &str)| json!({ "code": code, "message": message, "module": "egov-user", "locale": "en_IN" });
    json!({ "messages": messages.iter().map(message).collect::<Vec<_>>() }).to_string()
}

/// MDMS's answer: country codes, their patterns, and which is the default one.
pub(crate) fn patterns(entries: &[(&str, &str, bool)]) -> String {
    let entry = |(code, pattern, default): &(&str, &str, bool)| json!({ "countryCode": code, "mobileNumberRegex": pattern, "default": default });
    let entries: Vec<_> = entries.iter().map(entry).collect();
    json!({ "ResponseInfo": null, "MdmsRes": { "common-masters": { "MobileNumberValidation": entries } } })
        .to_string()
}
