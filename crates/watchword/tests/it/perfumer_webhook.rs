//! The Telegram bot: who writes to it gets a code.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use watchword_testkit::deadline::within;

use crate::support::{Perfumer, PerfumerSite, TRUE, postgres};

const TOKEN: &str = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11";

/// A stand-in for Telegram's Bot API that takes every message.
struct BotApi {
    url: String,
    /// Each call's path, and its parameters.
    calls: watch::Sender<Vec<(String, Value)>>,
}

impl BotApi {
    async fn start() -> Self {
        let calls = watch::Sender::new(Vec::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(take).with_state(calls.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, calls }
    }

    /// Waits for so many messages.
    async fn messages(&self, count: usize) -> Vec<(String, Value)> {
        let mut calls = self.calls.subscribe();
        let came = within("messages to chats", calls.wait_for(|calls| calls.len() >= count)).await;
        came.unwrap().clone()
    }
}

async fn take(
    State(calls): State<watch::Sender<Vec<(String, Value)>>>,
    uri: Uri,
    body: Bytes,
) -> &'static str {
    let call = (uri.path().to_owned(), serde_json::from_slice(&body).unwrap());
    calls.send_modify(|calls| calls.push(call));
    r#"{"ok":true,"result":{"message_id":7}}"#
}

/// A message to the bot in a private chat (Telegram Bot API, `Update`).
fn update(update_id: i64, chat: i64) -> String {
    json!({
        "update_id": update_id,
        "message": {
            "message_id": 1365, "date": 1_441_645_532, "text": "/start",
            "from": { "id": chat, "is_bot": false, "first_name": "Test" },
            "chat": { "id": chat, "first_name": "Test", "type": "private" },
        },
    })
    .to_string()
}

/// The code in a text of the bot.
fn code(text: &Value) -> String {
    let code = text.as_str().unwrap().strip_prefix("Your code: ").unwrap();
    assert!(code.len() == 7 && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
    code.to_owned()
}

/// Whose that code is, as an application asks.
async fn owner(server: &Perfumer, code: &str) -> String {
    let asked = json!({ "password": code, "channel": "telegram" }).to_string();
    server.get("/target", &asked).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_to_the_bot_gets_a_code_through_queue() {
    let postgres = postgres();
    let site = PerfumerSite::new(postgres.port).await;
    let server = site.serve(&[]);
    for repeated in [update(1, 1_111_111), update(1, 1_111_111), update(2, 2_222_222)] {
        server.post("/telegram/webhook", &repeated).await.expect(200, TRUE);
    }
    let served = site.services.wait_for(2).await;
    server.sends_all().await;
    assert_eq!(site.queue.tasks().len(), 2, "an update that comes again makes no second code");
    for served in served {
        let message: Value = serde_json::from_str(&served.body).unwrap();
        let expected = format!(r#"{{"status":true,"content":{{"target":"{}"}}}}"#, message["to"]);
        assert_eq!(owner(&server, &code(&message["message"])).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_queue_messages_go_to_telegram_itself_which_proves_itself() {
    let postgres = postgres();
    let bot_api = BotApi::start().await;
    let mut site = PerfumerSite::new(postgres.port).await;
    site.set(&[
        ("OTP_QUEUE_URL", ""),
        ("WATCHWORD_PROVIDERS__TELEGRAM__KIND", "telegram"),
        ("WATCHWORD_PROVIDERS__TELEGRAM__TOKEN", TOKEN),
        ("WATCHWORD_PROVIDERS__TELEGRAM__API_URL", &bot_api.url),
        ("WATCHWORD_PERFUMER__WEBHOOK__SECRET", "a-secret-token"),
        ("HTTP_AUTH_USERNAME", "app"),
        ("HTTP_AUTH_PASSWORD", "s3cret"),
    ]);
    let server = site.serve(&[]);
    let webhook = async |secret: &str, update: String| {
        let request = server.request(Method::POST, "/telegram/webhook").body(update);
        let reply = request.header("X-Telegram-Bot-Api-Secret-Token", secret).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    assert_eq!(webhook("a-secret-tokem", update(1, 3_333_333)).await.0, 403);
    let acknowledged = (200, TRUE.to_owned());
    assert_eq!(webhook("a-secret-token", update(1, 1_111_111)).await, acknowledged);
    let by_us = r#"{"chat_id":"1234567890","password":"12345","lifetime":300,"message":"Your OTP is 12345"}"#;
    bot_api.messages(1).await;
    let known = |method, path, body: String| {
        server.request(method, path).basic_auth("app", Some("s3cret")).body(body).send()
    };
    let sent = known(Method::POST, "/telegram", by_us.to_owned()).await.unwrap();
    assert_eq!(sent.text().await.unwrap(), TRUE);

    let messages = bot_api.messages(2).await;
    let [(path, answer), (_, message)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(path, &format!("/bot{TOKEN}/sendMessage"));
    assert_eq!((&answer["chat_id"], &message["chat_id"]), (&json!(1_111_111), &json!(1_234_567_890)));
    assert_eq!(message["text"], "Your OTP is 12345");
    let asked = json!({ "chat_id": 1_111_111, "password": code(&answer["text"]) }).to_string();
    let right = known(Method::GET, "/telegram/check", asked).await.unwrap();
    assert_eq!(right.text().await.unwrap(), TRUE);

    // There is nobody who would carry an SMS.
    let sms = crate::support::sms("77011234567", "12345", 300);
    let refused = known(Method::POST, "/sms", sms).await.unwrap();
    assert_eq!(refused.status(), 400);
    server.sends_all().await;
    assert_eq!(bot_api.messages(2).await.len(), 2);
    let log = server.terminate().await;
    assert!(!log.iter().any(|line| line.contains(TOKEN) || line.contains("a-secret-token")), "{log:#?}");
}
