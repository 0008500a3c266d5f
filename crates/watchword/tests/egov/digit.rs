//! Stand-ins for egov-user, egov-localization, MDMS and a gateway for messages: one web server that remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use watchword_testkit::deadline::eventually;

use crate::site::client;

pub(crate) const USERS: &str = "/user/_search";
pub(crate) const RESET: &str = "/user/password/nologin/_update";
pub(crate) const LOCALIZATION: &str = "/localization/messages/v1/_search";
pub(crate) const MDMS: &str = "/egov-mdms-service/v1/_search";
/// Where our own providers may hand messages to.
pub(crate) const GATEWAY: &str = "/gateway";

/// A call that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// DIGIT, as far as these services have to do with it.
pub(crate) struct Digit {
    pub(crate) origin: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    users: Mutex<BTreeMap<String, Value>>,
    messages: Mutex<Vec<Value>>,
    asked: Mutex<Vec<Asked>>,
    /// Where egov-user finds egov-otp.
    otp_host: Mutex<String>,
}

impl Digit {
    /// Where nobody has a number yet, and no text is translated.
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let app = Router::new().fallback(async move |request: Request| serving.answer(request).await);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { origin, shared }
    }

    /// From now on this number is somebody's, whose number on record is `on_record`.
    pub(crate) fn knows(&self, number: &str, on_record: &str, email: Option<&str>) {
        let user =
            json!({ "id": 7, "userName": number, "mobileNumber": on_record, "emailId": email, "roles": [] });
        self.shared.users.lock().insert(number.to_owned(), user);
    }

    /// From now on egov-localization has this text, in every locale.
    pub(crate) fn says(&self, code: &str, message: &str) {
        self.shared.messages.lock().push(json!({ "code": code, "message": message }));
    }

    /// Where egov-user validates codes.
    pub(crate) fn validates_at(&self, origin: &str) {
        origin.clone_into(&mut self.shared.otp_host.lock());
    }

    /// What a service was asked, oldest first.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        self.shared.asked.lock().iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// Waits until a service was asked so often.
    pub(crate) async fn wait_for(&self, path: &str, count: usize) -> Vec<Asked> {
        eventually("a call", async || Some(self.asked(path)).filter(|asked| asked.len() >= count)).await
    }
}

impl Shared {
    async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let asked = Asked {
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap(),
        };
        self.asked.lock().push(asked.clone());
        let reply = match asked.path.as_str() {
            USERS => {
                let number = asked.body["mobileNumber"].as_str().unwrap();
                let found: Vec<Value> = self.users.lock().get(number).cloned().into_iter().collect();
                json!({ "responseInfo": { "status": "200 OK" }, "user": found })
            }
            RESET => return self.reset(&asked.body).await,
            LOCALIZATION => json!({ "messages": *self.messages.lock() }),
            MDMS => {
                let india =
                    json!({ "countryCode": "+91", "mobileNumberRegex": "^[6-9][0-9]{9}$", "default": true });
                json!({ "MdmsRes": { "common-masters": { "MobileNumberValidation": [india] } } })
            }
            GATEWAY => json!({}),
            _ => return StatusCode::NOT_FOUND.into_response(),
        };
        axum::Json(reply).into_response()
    }

    /// As egov-user does it: the code is validated, and a refusal's body goes on to the caller as it is.
    async fn reset(&self, body: &Value) -> Response {
        let token = json!({ "RequestInfo": null, "otp": {
            "otp": body["otpReference"], "identity": body["userName"], "tenantId": body["tenantId"], "userType": body["type"]
        } });
        let url = format!("{}/otp/v1/_validate", *self.otp_host.lock());
        let reply = client().post(url).json(&token).send().await.unwrap();
        if reply.status().is_client_error() {
            let refusal = reply.bytes().await.unwrap();
            return (StatusCode::BAD_REQUEST, Body::from(refusal)).into_response();
        }
        assert_eq!(reply.status(), 200);
        axum::Json(json!({ "responseInfo": null, "user": [] })).into_response()
    }
}
