//! A stand-in for Telegram's Bot API.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use watchword_testkit::deadline::within;

pub(crate) const TOKEN: &str = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11";

/// What it knows and was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    webhook: Option<String>,
    updates: Vec<Value>,
    /// Method and parameters, in the order in which they came.
    pub(crate) calls: Vec<(String, Value)>,
}

impl Known {
    /// The parameters of the calls of one method.
    pub(crate) fn of(&self, method: &str) -> Vec<Value> {
        let calls = self.calls.iter().filter(|(called, _)| called == method);
        calls.map(|(_, parameters)| parameters.clone()).collect()
    }
}

/// It runs until it is dropped.
pub(crate) struct BotApi {
    pub(crate) url: String,
    known: Arc<watch::Sender<Known>>,
    serving: JoinHandle<()>,
}

impl BotApi {
    pub(crate) async fn start() -> Self {
        let known = Arc::new(watch::Sender::new(Known::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/{bot}/{method}", post(answer)).with_state(Arc::clone(&known));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, known, serving }
    }

    /// Somebody writes to the bot in a private chat.
    pub(crate) fn hears(&self, update_id: i64, chat: i64) {
        let update = json!({
            "update_id": update_id,
            "message": {
                "message_id": 1365, "date": 1_441_645_532, "text": "/start",
                "from": { "id": chat, "is_bot": false, "first_name": "Test" },
                "chat": { "id": chat, "first_name": "Test", "type": "private" },
            },
        });
        self.known.send_modify(|known| known.updates.push(update));
    }

    pub(crate) fn known(&self) -> Known {
        self.known.borrow().clone()
    }

    /// Waits until so many calls of a method came, and gives back their parameters.
    pub(crate) async fn called(&self, method: &str, times: usize) -> Vec<Value> {
        let mut changes = self.known.subscribe();
        let came = changes.wait_for(|known| known.of(method).len() >= times);
        within(&format!("{times} calls of {method}"), came).await.unwrap().of(method)
    }

    /// Waits until so many messages were sent: the chat of each, and its code.
    pub(crate) async fn messages(&self, count: usize) -> Vec<(i64, String)> {
        let code = |text: &str| text.strip_prefix("Your code: ").unwrap().to_owned();
        let sent = self.called("sendMessage", count).await;
        sent.iter().map(|it| (it["chat_id"].as_i64().unwrap(), code(it["text"].as_str().unwrap()))).collect()
    }
}

impl Drop for BotApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn says(status: u16, reply: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), reply.to_string()).into_response()
}

fn fine(result: &Value) -> Response {
    says(200, &json!({ "ok": true, "result": result }))
}

async fn answer(
    State(known): State<Arc<watch::Sender<Known>>>,
    Path((bot, method)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    if bot != format!("bot{TOKEN}") {
        return says(401, &json!({ "ok": false, "error_code": 401, "description": "Unauthorized" }));
    }
    let parameters: Value = if body.is_empty() { json!({}) } else { serde_json::from_slice(&body).unwrap() };
    known.send_modify(|known| known.calls.push((method.clone(), parameters.clone())));
    match method.as_str() {
        "getMe" => {
            fine(&json!({ "id": 123_456, "is_bot": true, "first_name": "Codes", "username": "codes_bot" }))
        }
        "setWebhook" => {
            known.send_modify(|known| known.webhook = parameters["url"].as_str().map(str::to_owned));
            fine(&json!(true))
        }
        "deleteWebhook" => {
            known.send_modify(|known| known.webhook = None);
            fine(&json!(true))
        }
        "sendMessage" => fine(&json!({ "message_id": 7 })),
        "getUpdates" => updates(&known, &parameters).await,
        other => panic!("nobody should call {other}"),
    }
}

/// Waits for one as long as it is asked to.
async fn updates(known: &watch::Sender<Known>, parameters: &Value) -> Response {
    if known.borrow().webhook.is_some() {
        let description = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
        return says(409, &json!({ "ok": false, "error_code": 409, "description": description }));
    }
    if let Some(offset) = parameters["offset"].as_i64() {
        known
            .send_modify(|known| known.updates.retain(|update| update["update_id"].as_i64() >= Some(offset)));
    }
    let wait = Duration::from_secs(parameters["timeout"].as_u64().unwrap());
    let mut changes = known.subscribe();
    let _ = tokio::time::timeout(wait, changes.wait_for(|known| !known.updates.is_empty())).await;
    fine(&json!(known.borrow().updates))
}
