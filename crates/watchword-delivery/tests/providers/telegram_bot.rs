//! What sets a bot up, and polls it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use watchword_delivery::telegram::{Bot, BotError, Poll, Update, Webhook};

use crate::raw_server;
use crate::receiver::{Received, Receiver};
use crate::sample::{clock, provider_id};
use crate::telegram::{TOKEN, says, settings};

fn bot(url: &str) -> Bot {
    Bot::new(&provider_id("bot"), &settings(url), clock()).unwrap()
}

fn sent(request: &Received) -> (String, String) {
    (
        request.path.strip_prefix(&format!("/bot{TOKEN}/")).unwrap().to_owned(),
        String::from_utf8(request.body.to_vec()).unwrap(),
    )
}

const TRUE: &str = r#"{"ok":true,"result":true,"description":"Webhook was set"}"#;

fn webhook(url: &str, secret: Option<&str>) -> Webhook {
    Webhook { url: url.to_owned(), secret: secret.map(Into::into), drop_pending: false }
}

#[tokio::test]
async fn a_webhook_is_set_and_deleted() {
    let receiver = Receiver::start(|_| says(200, TRUE)).await;
    let bot = bot(&receiver.url(""));
    bot.set_webhook(&webhook("https://otp.example.com/telegram/webhook", Some("S3cret_-"))).await.unwrap();
    let all = Webhook { drop_pending: true, ..webhook("https://otp.example.com:8443/", None) };
    bot.set_webhook(&all).await.unwrap();
    bot.delete_webhook(false).await.unwrap();
    bot.delete_webhook(true).await.unwrap();
    let requests: Vec<_> = receiver.received().iter().map(sent).collect();
    let expected = [
        (
            "setWebhook",
            r#"{"url":"https://otp.example.com/telegram/webhook","allowed_updates":["message"],"secret_token":"S3cret_-"}"#,
        ),
        (
            "setWebhook",
            r#"{"url":"https://otp.example.com:8443/","allowed_updates":["message"],"drop_pending_updates":true}"#,
        ),
        ("deleteWebhook", "{}"),
        ("deleteWebhook", r#"{"drop_pending_updates":true}"#),
    ];
    assert_eq!(requests, expected.map(|(method, body)| (method.to_owned(), body.to_owned())));
}

#[tokio::test]
async fn a_webhook_that_telegram_would_refuse_is_refused_without_a_request() {
    let receiver = Receiver::start(|_| says(200, TRUE)).await;
    let bot = bot(&receiver.url(""));
    let url = "the webhook's URL must begin with https://; Telegram sends to no other";
    let secret =
        "the webhook's secret must be 1 to 256 letters, digits, `_` and `-`; Telegram takes no other";
    let long = "x".repeat(257);
    for (webhook, problem) in [
        (webhook("http://otp.example.com/", None), url),
        (webhook("", None), url),
        (webhook("https://a/", Some("")), secret),
        (webhook("https://a/", Some("a b")), secret),
        (webhook("https://a/", Some("é")), secret),
        (webhook("https://a/", Some(&long)), secret),
    ] {
        assert_eq!(bot.set_webhook(&webhook).await.unwrap_err().to_string(), problem);
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_bot_says_its_name() {
    let me =
        r#"{"ok":true,"result":{"id":4839574,"is_bot":true,"first_name":"Codes","username":"codes_bot"}}"#;
    let receiver = Receiver::start(move |_| says(200, me)).await;
    assert_eq!(bot(&receiver.url("")).name().await.unwrap().as_deref(), Some("codes_bot"));
    assert_eq!(sent(&receiver.only()), ("getMe".to_owned(), "{}".to_owned()));
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_whether_it_passes() {
    let wait = Some(Duration::ZERO);
    for (status, json, text, passes) in [
        (
            401,
            r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
            "Telegram does not know this `token`; ask @BotFather for the bot's token",
            None,
        ),
        (
            409,
            r#"{"ok":false,"error_code":409,"description":"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}"#,
            "the bot has a webhook, and Telegram sends its updates there; delete the webhook to poll",
            None,
        ),
        (
            409,
            r#"{"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"}"#,
            "another process polls this bot; stop it, or use a webhook",
            wait,
        ),
        (
            429,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
            "the Bot API asks to wait for 7 s",
            Some(Duration::from_secs(7)),
        ),
        (
            400,
            r#"{"ok":false,"error_code":400,"description":"Bad Request: bad webhook:\n 4839574:AAFD39kkdpWt3ywyRZergyOLMaJhac60qcK"}"#,
            "the Bot API refuses: error 400, Bad Request: bad webhook:  …",
            None,
        ),
        (
            502,
            r#"{"ok":false,"error_code":502,"description":"Bad Gateway"}"#,
            "the Bot API refuses: error 502, Bad Gateway",
            wait,
        ),
        (200, "<html>", "HTTP 200, and no answer of a Bot API; is `api_url` right?", wait),
        (200, r#"{"ok":true,"result":7}"#, "HTTP 200, and no answer of a Bot API; is `api_url` right?", wait),
    ] {
        let receiver = Receiver::start(move |_| says(status, json)).await;
        let error = Poll::new(bot(&receiver.url(""))).next().await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.passes_after()), (text, passes), "{json}");
        assert!(!format!("{error:?}").contains("AAFD"), "{error:?}");
    }
    let port = watchword_testkit::net::free_port();
    let error = bot(&format!("http://127.0.0.1:{port}")).name().await.unwrap_err();
    assert!(matches!(error, BotError::Unreachable { .. }), "{error}");
    assert_eq!(error.passes_after(), wait);
}

/// Telegram's side of polling: keeps updates until they are confirmed.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<i64>>>);

impl Kept {
    fn add(&self, ids: &[i64]) {
        self.0.lock().extend(ids);
    }

    /// Two at a time.
    fn answer(&self, request: &Received) -> String {
        let (method, body) = sent(request);
        assert_eq!(method, "getUpdates");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&body["limit"], &body["allowed_updates"]), (&20.into(), &serde_json::json!(["message"])));
        let mut kept = self.0.lock();
        if let Some(offset) = body["offset"].as_i64() {
            kept.retain(|id| *id >= offset);
        }
        let updates: Vec<String> = kept
            .iter()
            .take(2)
            .map(|id| format!(r#"{{"update_id":{id},"message":{{"text":"\u043a {id}"}}}}"#))
            .collect();
        format!(r#"{{"ok":true,"result":[{}]}}"#, updates.join(","))
    }
}

fn ids(updates: &[Update]) -> Vec<i64> {
    updates.iter().map(|update| update.id).collect()
}

#[tokio::test]
async fn an_update_comes_again_until_it_was_handled() {
    let telegram = Kept::default();
    telegram.add(&[10, 11, 12]);
    let kept = telegram.clone();
    let receiver = Receiver::start(move |request| says(200, &kept.answer(request))).await;
    let mut poll = Poll::new(bot(&receiver.url(""))).waiting(Duration::ZERO);

    let updates = poll.next().await.unwrap();
    assert_eq!(ids(&updates), [10, 11]);
    assert_eq!(updates[0].json, r#"{"update_id":10,"message":{"text":"\u043a 10"}}"#);
    assert!(!format!("{updates:?}").contains("text"), "{updates:?}");
    // The process died: whoever polls next is told again.
    let mut poll = Poll::new(bot(&receiver.url(""))).waiting(Duration::ZERO);
    assert_eq!(ids(&poll.next().await.unwrap()), [10, 11]);
    poll.handled(&updates[0]);
    assert_eq!(ids(&poll.next().await.unwrap()), [11, 12]);
    let rest = poll.next().await.unwrap();
    for update in &rest {
        poll.handled(update);
    }
    assert_eq!(telegram.0.lock().as_slice(), [11, 12], "handled, and Telegram does not know yet");
    poll.confirm().await.unwrap();
    assert_eq!(telegram.0.lock().as_slice(), [0_i64; 0]);

    // After a quiet week Telegram's numbers begin anywhere.
    assert_eq!(ids(&poll.next().await.unwrap()), [0_i64; 0]);
    telegram.add(&[3]);
    assert_eq!(ids(&poll.next().await.unwrap()), [3]);
}

#[tokio::test]
async fn numbers_that_begin_again_lower_are_not_missed() {
    let telegram = Kept::default();
    telegram.add(&[10]);
    let kept = telegram.clone();
    let receiver = Receiver::start(move |request| says(200, &kept.answer(request))).await;
    let mut poll = Poll::new(bot(&receiver.url(""))).waiting(Duration::ZERO);
    let updates = poll.next().await.unwrap();
    poll.handled(&updates[0]);
    assert_eq!(ids(&poll.next().await.unwrap()), [0_i64; 0]);
    telegram.add(&[3]);
    assert_eq!(ids(&poll.next().await.unwrap()), [3]);
}

#[tokio::test]
async fn polling_waits_as_long_as_it_says() {
    let receiver = Receiver::start(|_| says(200, r#"{"ok":true,"result":[]}"#)).await;
    Poll::new(bot(&receiver.url(""))).next().await.unwrap();
    assert_eq!(
        sent(&receiver.only()),
        ("getUpdates".to_owned(), r#"{"limit":20,"timeout":50,"allowed_updates":["message"]}"#.to_owned())
    );
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let address = raw_server::serve(|mut connection| async move {
        use tokio::io::AsyncWriteExt as _;
        raw_server::read_request(&mut connection).await;
        raw_server::write(&mut connection, "HTTP/1.1 200 OK\r\n\r\n").await;
        let much = vec![b'['; 64 * 1_024];
        while connection.write_all(&much).await.is_ok() {}
    })
    .await;
    let url = format!("http://{address}");
    for error in [
        bot(&url).name().await.unwrap_err(),
        Poll::new(bot(&url)).waiting(Duration::ZERO).next().await.unwrap_err(),
    ] {
        assert!(matches!(error, BotError::NotUnderstood { status: 200 }), "{error}");
    }
}

#[test]
fn a_bot_shows_no_token() {
    let bot = bot("http://127.0.0.1:1");
    assert_eq!(format!("{bot:?}"), "Bot(…)");
    assert!(!format!("{:?}", Poll::new(bot)).contains("AAFD"));
    let wrong = Bot::new(&provider_id("bot"), &settings("ftp://a"), clock()).map(|_| ());
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "provider `bot`: `api_url` must begin with http:// or https://"
    );
}
