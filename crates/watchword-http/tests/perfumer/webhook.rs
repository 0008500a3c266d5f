//! The Telegram bot: updates of the Bot API, of every kind, repeated, and out of order.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use watchword_core::error::Error;
use watchword_core::ports::StoreError;
use watchword_http::dialects::perfumer::telegram::Handled;
use watchword_http::dialects::perfumer::{ChannelRoutes, PerfumerSettings, WebhookSettings};

use crate::harness::gate::State;
use crate::harness::{App, FALSE, Reply, TRUE, settings};

/// A message of a private chat, with the fields that the Bot API documents.
fn message(update_id: i64, chat: i64) -> Value {
    json!({
        "update_id": update_id,
        "message": {
            "message_id": 1365,
            "from": {
                "id": chat, "is_bot": false, "first_name": "Test", "last_name": "Lastname", "username": "Test",
                "language_code": "en"
            },
            "chat": { "id": chat, "first_name": "Test", "last_name": "Lastname", "username": "Test", "type": "private" },
            "date": 1_441_645_532,
            "text": "/start"
        }
    })
}

async fn post(app: &App, update: &Value) -> Reply {
    app.post("/telegram/webhook", &update.to_string()).await
}

/// Acknowledged, and nothing more.
async fn ignored(app: &App, update: &Value) {
    post(app, update).await.expect(200, TRUE);
    assert_eq!(app.answered.all().last(), Some(&("perfumer", "telegram_webhook", "ignored")), "{update}");
    assert_eq!(app.store.count().await, 0, "{update}");
}

/// The passcodes that went out, and to whom.
async fn sent(app: &App, count: usize) -> Vec<(String, String)> {
    let handed = app.telegram.wait_for_handed(count).await;
    assert_eq!(handed.len(), count);
    handed
        .iter()
        .map(|handed| (handed.message.to.clone(), handed.message.passcode.expose().to_owned()))
        .collect()
}

#[tokio::test]
async fn whoever_writes_to_the_bot_gets_a_passcode_of_seven_digits() {
    let app = App::new();
    post(&app, &message(10_000, 1_111_111)).await.expect(200, TRUE);
    let (to, code) = sent(&app, 1).await.remove(0);
    assert_eq!(to, "1111111");
    assert!(code.len() == 7 && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
    let message = app.telegram.handed()[0].message.clone();
    assert_eq!(message.body, format!("Your code: {code}"));
    assert_eq!(message.ttl_seconds, 300);
    let given = format!(r#"{{"chat_id":1111111,"message":"Your code: {code}"}}"#);
    assert_eq!(message.given.as_deref(), Some(given.as_str()));
    let target = app.get("/target", &json!({ "password": code, "channel": "telegram" }).to_string()).await;
    target.expect(200, r#"{"status":true,"content":{"target":"1111111"}}"#);
    app.check("telegram", "1111111", &code).await.expect(200, TRUE);
    app.pass(299);
    app.check("telegram", "1111111", &code).await.expect(200, TRUE);
    app.pass(1);
    app.check("telegram", "1111111", &code).await.expect(200, FALSE);
}

#[tokio::test]
async fn digits_lifetime_and_text_are_the_operators() {
    let webhook = WebhookSettings {
        digits: 4,
        lifetime: std::time::Duration::from_secs(60),
        text: "{code}, ваш код: {code}".to_owned(),
        ..WebhookSettings::default()
    };
    let app = App::of(PerfumerSettings { webhook, ..settings() });
    post(&app, &message(1, 5)).await.expect(200, TRUE);
    let (_, code) = sent(&app, 1).await.remove(0);
    assert_eq!(code.len(), 4);
    assert_eq!(app.telegram.handed()[0].message.body, format!("{code}, ваш код: {code}"));
    app.pass(60);
    app.check("telegram", "5", &code).await.expect(200, FALSE);
}

#[tokio::test]
async fn no_two_live_passcodes_of_the_bot_are_the_same() {
    let webhook = WebhookSettings { digits: 1, ..WebhookSettings::default() };
    let app = App::of(PerfumerSettings { webhook, ..settings() });
    for update in 1..=10 {
        // Where none of the candidates is free, Telegram asks again.
        for _ in 0..1_000 {
            let reply = post(&app, &message(update, update)).await;
            if reply.status == 200 {
                break;
            }
            reply.expect_refused(503, "No password is free");
        }
    }
    let mut codes: Vec<_> = sent(&app, 10).await.into_iter().map(|(_, code)| code).collect();
    codes.sort_unstable();
    assert_eq!(codes.concat(), "0123456789");
    post(&app, &message(11, 11)).await.expect_refused(503, "No password is free");
    app.pass(300);
    post(&app, &message(11, 11)).await.expect(200, TRUE);
}

#[tokio::test]
async fn every_kind_of_message_of_a_private_chat_is_answered() {
    let mut count = 0;
    let app = App::new();
    for content in [
        json!({ "text": "Bold and italics", "entities": [{ "type": "italic", "offset": 9, "length": 7 }] }),
        json!({ "text": "hi", "forward_date": 1_441_645_550, "forward_from": { "id": 222, "first_name": "F" } }),
        json!({ "text": "hi", "reply_to_message": { "message_id": 1, "date": 0, "chat": { "id": -5, "type": "channel" } } }),
        json!({ "audio": { "file_id": "AwADBAADbXXXXXXXXXXXGBdhD2l6_XX", "duration": 243, "mime_type": "audio/mpeg" } }),
        json!({ "voice": { "file_id": "AwADBAADbXXXXXXXXXXXGBdhD2l6_XX", "duration": 5 } }),
        json!({ "document": { "file_id": "AwADBAADbXXXXXXXXXXXGBdhD2l6_XX", "file_name": "Testfile.pdf" } }),
        json!({ "contact": { "phone_number": "77011234567", "first_name": "Test" } }),
        json!({ "text": "\u{1f600} \\ \" \u{0}" }),
        json!({}),
    ] {
        count += 1;
        let mut update = message(count, 5);
        update["message"].as_object_mut().unwrap().remove("text");
        update["message"].as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        post(&app, &update).await.expect(200, TRUE);
        let sent = sent(&app, usize::try_from(count).unwrap()).await;
        assert_eq!(sent.last().unwrap().0, "5");
    }
    // All of them are live, and all are different.
    let mut codes: Vec<_> = sent(&app, 9).await.into_iter().map(|(_, code)| code).collect();
    for code in &codes {
        app.check("telegram", "5", code).await.expect(200, TRUE);
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), 9);
}

#[tokio::test]
async fn every_other_update_is_acknowledged_and_ignored() {
    let app = App::new();
    let inner = message(1, 5)["message"].clone();
    let user = inner["from"].clone();
    let of_chat = |kind: &str, id: i64| {
        let mut message = inner.clone();
        message["chat"] = json!({ "id": id, "title": "T", "type": kind });
        message
    };
    let member = json!({ "user": user, "status": "kicked", "until_date": 0 });
    let changed = json!({ "chat": inner["chat"], "from": user, "date": 0, "old_chat_member": member, "new_chat_member": member });
    for (kind, content) in [
        ("edited_message", inner.clone()),
        ("channel_post", of_chat("channel", -100_123)),
        ("edited_channel_post", of_chat("channel", -100_123)),
        ("business_message", inner.clone()),
        (
            "business_connection",
            json!({ "id": "x", "user": user, "user_chat_id": 5, "date": 0, "is_enabled": true }),
        ),
        (
            "callback_query",
            json!({ "id": "4382", "from": user, "message": inner, "chat_instance": "1", "data": "press" }),
        ),
        ("inline_query", json!({ "id": "1", "from": user, "query": "q", "offset": "" })),
        ("chosen_inline_result", json!({ "result_id": "12", "from": user, "query": "inline query" })),
        (
            "shipping_query",
            json!({ "id": "1", "from": user, "invoice_payload": "p", "shipping_address": {} }),
        ),
        (
            "pre_checkout_query",
            json!({ "id": "1", "from": user, "currency": "USD", "total_amount": 1, "invoice_payload": "p" }),
        ),
        ("poll", json!({ "id": "1", "question": "?", "options": [], "is_closed": false })),
        ("poll_answer", json!({ "poll_id": "1", "user": user, "option_ids": [0] })),
        ("my_chat_member", changed.clone()),
        ("chat_member", changed),
        ("chat_join_request", json!({ "chat": inner["chat"], "from": user, "user_chat_id": 5, "date": 0 })),
        ("message_reaction", json!({ "chat": inner["chat"], "message_id": 1, "user": user, "date": 0 })),
        ("chat_boost", json!({ "chat": inner["chat"], "boost": {} })),
        ("a_kind_that_comes_later", json!({ "chat": inner["chat"], "message": inner })),
        ("message", of_chat("group", -5)),
        ("message", of_chat("supergroup", -100_123)),
        ("message", of_chat("channel", -100_123)),
        ("message", of_chat("a kind that comes later", 5)),
        ("message", json!(null)),
        ("message", json!("hi")),
        ("message", json!({})),
        ("message", json!({ "chat": {} })),
        ("message", json!({ "chat": { "id": "5", "type": "private" } })),
        ("message", json!({ "chat": { "id": 5.5, "type": "private" } })),
        ("message", json!({ "chat": { "id": 5, "type": ["private"] } })),
    ] {
        ignored(&app, &json!({ "update_id": 1, kind: content })).await;
    }
    for update in [
        json!({}),
        json!({ "update_id": 1 }),
        json!({ "message": inner }),
        json!({ "update_id": "1", "message": inner }),
    ] {
        ignored(&app, &update).await;
    }
    assert!(app.telegram.handed().is_empty());
}

#[tokio::test]
async fn groups_are_answered_where_that_is_wanted_and_channels_never() {
    let webhook = WebhookSettings { groups: true, ..WebhookSettings::default() };
    let app = App::of(PerfumerSettings { webhook, ..settings() });
    let of_chat = |update: i64, kind: &str, id: i64| {
        let mut update = message(update, 5);
        update["message"]["chat"] = json!({ "id": id, "title": "T", "type": kind });
        update
    };
    post(&app, &of_chat(1, "group", -5)).await.expect(200, TRUE);
    post(&app, &of_chat(2, "supergroup", -1_001_234_567_890)).await.expect(200, TRUE);
    post(&app, &of_chat(3, "channel", -1_001_234_567_891)).await.expect(200, TRUE);
    let to: Vec<_> = sent(&app, 2).await.into_iter().map(|(to, _)| to).collect();
    assert_eq!(to, ["-5", "-1001234567890"]);
}

#[tokio::test]
async fn the_same_update_makes_one_passcode_however_often_and_late_it_comes() {
    let app = App::new();
    let (first, second) = (message(10, 5), message(11, 5));
    // Out of order, and repeated.
    for update in [&second, &first, &second, &first, &first] {
        post(&app, update).await.expect(200, TRUE);
    }
    assert_eq!(sent(&app, 2).await.len(), 2);
    app.pass(24 * 3_600 - 1);
    post(&app, &first).await.expect(200, TRUE);
    assert_eq!(app.telegram.handed().len(), 2);
    assert_eq!(app.answered.all().last(), Some(&("perfumer", "telegram_webhook", "duplicate")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_update_32_times_at_once_makes_one_passcode() {
    for update in 0..20 {
        let app = Arc::new(App::new());
        let barrier = Arc::new(Barrier::new(32));
        let posts = (0..32).map(|_| {
            let (app, barrier) = (Arc::clone(&app), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                post(&app, &message(update, 5)).await.expect(200, TRUE);
            })
        });
        for post in posts.collect::<Vec<_>>() {
            post.await.unwrap();
        }
        assert_eq!(app.store.count().await, 1);
        assert_eq!(sent(&app, 1).await.len(), 1);
    }
}

#[tokio::test]
async fn rules_by_target_hold_and_count_and_rules_by_ip_address_do_not() {
    let app = App::new();
    let rules = r#"{"ips":[{"minutes":10,"rate":1}],"chat_ids":[{"minutes":10,"rate":2}]}"#;
    app.post("/limit/telegram", rules).await.expect(200, TRUE);
    for update in 1..=4 {
        post(&app, &message(update, 5)).await.expect(200, TRUE);
    }
    post(&app, &message(5, 6)).await.expect(200, TRUE);
    let to: Vec<_> = sent(&app, 3).await.into_iter().map(|(to, _)| to).collect();
    assert_eq!(to, ["5", "5", "6"]);
    let outcomes: Vec<_> = app.answered.all().into_iter().map(|(_, _, outcome)| outcome).collect();
    assert_eq!(outcomes, ["ok", "ok", "ok", "throttled", "throttled", "ok"]);
    // What the bot sent counts for the application's own sends, too.
    let body = r#"{"chat_id":5,"password":"1","message":"m","lifetime":300,"ip":"1.2.3.4"}"#;
    let limit = r#"{"status":false,"status_code":"email_limit","message":"Email limit has been reached"}"#;
    app.post("/telegram", body).await.expect_limit(limit, 600);
    app.pass(600);
    app.post("/telegram", body).await.expect(200, TRUE);
}

#[tokio::test]
async fn what_can_not_be_helped_by_another_time_is_acknowledged() {
    let app = App::of(PerfumerSettings { routes: ChannelRoutes::default(), ..settings() });
    post(&app, &message(1, 5)).await.expect(200, TRUE);
    assert_eq!(app.answered.all().last(), Some(&("perfumer", "telegram_webhook", "no_route")));
    let app = App::new();
    let mut long = message(1, 5);
    long["message"]["text"] = "x".repeat(70_000).into();
    post(&app, &long).await.expect(200, TRUE);
    assert_eq!(app.answered.all().last(), Some(&("perfumer", "telegram_webhook", "body_too_large")));
    assert_eq!(app.store.count().await, 0);
    let deep = message(1, 5)
        .to_string()
        .replace("\"/start\"", &format!("{}{}", "[".repeat(9_000), "]".repeat(9_000)));
    app.post("/telegram/webhook", &deep).await.expect(200, TRUE);
    sent(&app, 1).await;
}

#[tokio::test]
async fn long_polling_handles_updates_the_same_way() {
    let app = App::new();
    let handle = |update: Value| {
        let updates = app.updates.clone();
        async move { updates.handle(update.to_string().as_bytes()).await }
    };
    app.post("/limit/telegram", r#"{"chat_ids":[{"minutes":10,"rate":1}]}"#).await.expect(200, TRUE);
    for (update, handled) in [
        (message(1, 5), Handled::Answered),
        (message(1, 5), Handled::Repeated),
        (message(2, 5), Handled::OverLimit),
        (json!({ "update_id": 3 }), Handled::Ignored),
        (json!([]), Handled::NotAnObject),
        (json!([1, { "chat": { "id": 5, "type": "private" } }]), Handled::NotAnObject),
    ] {
        assert_eq!(handle(update).await.unwrap(), handled);
        assert!(!handled.to_string().contains('5'), "no chat in a log");
    }
    app.store.set(State::Fails(StoreError::Busy));
    assert!(matches!(handle(message(4, 6)).await, Err(Error::Store(StoreError::Busy))));
}

/// What was logged, for this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn who_waits_in_vain_is_in_the_log_without_a_name() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let app = App::new();
    app.post("/limit/telegram", r#"{"chat_ids":[{"minutes":10,"rate":1}]}"#).await.expect(200, TRUE);
    for update in 1..=2 {
        post(&app, &message(update, 1_111_111)).await.expect(200, TRUE);
    }
    let text = String::from_utf8(log.0.lock().clone()).unwrap();
    let told = "a Telegram update is not answered: the limits have no room for this chat code=\"throttled\"";
    assert!(text.contains("INFO") && text.contains(told), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!text.contains("1111111") && !text.contains("Test"), "{text}");
}
