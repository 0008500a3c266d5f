//! Stand-ins for the services behind Queue: perfumerlabs/sms, perfumerlabs/email and 1flx/http-telegram-notify.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::deadline::within;

/// A request that a service took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Which endpoint, such as `/sms`.
    pub path: String,
    /// The body, to the byte.
    pub body: String,
}

/// All services on one port: `/sms`, `/call`, `/smtp` and `/msg`. They run until the test ends.
#[derive(Debug)]
pub struct Services {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    app_token: String,
    served: watch::Sender<Vec<Served>>,
}

impl Services {
    /// They are up; the one for Telegram wants this token.
    pub async fn start(app_token: &str) -> Self {
        let shared = Arc::new(Shared { app_token: app_token.to_owned(), served: watch::Sender::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let app = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    /// Where they are, as `OTP_SMS_URL` and its like have it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What they took, in order.
    pub fn served(&self) -> Vec<Served> {
        self.shared.served.borrow().clone()
    }

    /// Waits until they took so many requests.
    ///
    /// # Panics
    /// They did not by the [`DEADLINE`](crate::deadline::DEADLINE).
    pub async fn wait_for(&self, count: usize) -> Vec<Served> {
        let mut served = self.shared.served.subscribe();
        let served =
            within("requests to the services", served.wait_for(|served| served.len() >= count)).await;
        served.expect("borrowed").clone()
    }
}

/// What each answers. The one for Telegram says 500 whether or not Telegram took the message.
async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> (StatusCode, String) {
    const MISSING: (StatusCode, &str) = (StatusCode::BAD_REQUEST, r#"{"status":false}"#);
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = to_bytes(body, 1 << 20).await.expect("a request's body");
    let body = String::from_utf8(body.to_vec()).expect("JSON is UTF-8");
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let has = |name: &str| !json[name].is_null();
    let (status, answer) = match path.as_str() {
        _ if head.method != Method::POST => (StatusCode::METHOD_NOT_ALLOWED, ""),
        "/sms" | "/call" if has("phones") && has("message") => (StatusCode::OK, r#"{"status":true}"#),
        "/smtp" if has("to") && (has("text") || has("html")) => (StatusCode::OK, r#"{"status":true}"#),
        "/sms" | "/call" | "/smtp" => MISSING,
        "/msg" if head.headers.get("X-Auth-Token").is_none_or(|token| token != shared.app_token.as_str()) => {
            (StatusCode::UNAUTHORIZED, "401 - Missing or invalid auth token in header X-Auth-Token")
        }
        "/msg" if json["to"].is_i64() => (StatusCode::INTERNAL_SERVER_ERROR, "Sent message"),
        _ => (StatusCode::NOT_FOUND, ""),
    };
    if status == StatusCode::OK || answer == "Sent message" {
        shared.served.send_modify(|all| all.push(Served { path, body }));
    }
    (status, answer.to_owned())
}
