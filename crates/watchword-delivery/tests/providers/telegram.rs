//! What the Bot API is sent, and settings.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use tokio::sync::mpsc;
use watchword_core::delivery::{BodyFormat, Outcome};
use watchword_core::ports::{Probe, Provider};
use watchword_delivery::registry::{Presentation, ProviderSettings, Registry};
use watchword_delivery::telegram::TelegramSettings;

use crate::raw_server;
use crate::receiver::{Receiver, answer};
use crate::sample::{Sample, clock, provider_id};

/// Its number and its key are looked for in all that is said.
pub(crate) const TOKEN: &str = "4839574:AAFD39kkdpWt3ywyRZergyOLMaJhac60qcK";

pub(crate) fn settings(api_url: &str) -> TelegramSettings {
    TelegramSettings { api_url: Some(api_url.to_owned()), ..TelegramSettings::new(TOKEN) }
}

pub(crate) fn build(settings: TelegramSettings) -> Result<Arc<dyn Provider>, String> {
    Registry::new(clock())
        .build(provider_id("bot"), &ProviderSettings::Telegram(settings))
        .map_err(|error| error.to_string())
}

pub(crate) fn provider(api_url: &str) -> Arc<dyn Provider> {
    build(settings(api_url)).unwrap()
}

/// Answers with this JSON.
pub(crate) fn says(status: u16, json: &str) -> Response<Body> {
    let mut response = answer(status, &[("content-type", "application/json")]);
    *response.body_mut() = json.to_owned().into();
    response
}

pub(crate) fn sample(chat: &str) -> Sample {
    let mut sample = Sample::new();
    chat.clone_into(&mut sample.message.to);
    sample
}

pub(crate) const SENT: &str = r#"{"ok":true,"result":{"message_id":365,"from":{"id":4839574,"is_bot":true,"first_name":"Codes","username":"codes_bot"},"chat":{"id":1234567890,"first_name":"Ann","type":"private"},"date":784111777,"text":"Code: 314159"}}"#;

pub(crate) fn accepted() -> Outcome {
    Outcome::Accepted { message_id: Some("365".to_owned()) }
}

#[tokio::test]
async fn a_request_is_as_documented_to_the_byte() {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let address = raw_server::serve(move |mut connection| {
        let sender = sender.clone();
        async move {
            sender.send(raw_server::read_request(&mut connection).await).unwrap();
            let length = SENT.len();
            let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{SENT}");
            raw_server::write(&mut connection, &reply).await;
        }
    })
    .await;
    let body = r#"{"chat_id":1234567890,"text":"Code: 314159\n<b>&amp;</b>","link_preview_options":{"is_disabled":true}}"#;
    for prefix in ["", "/api/"] {
        let provider = provider(&format!("http://{address}{prefix}"));
        assert_eq!(sample("1234567890").send(&*provider).await, accepted());
        assert_eq!(
            requests.recv().await.unwrap(),
            format!(
                "POST {}/bot{TOKEN}/sendMessage HTTP/1.1\r\ncontent-type: application/json\r\nuser-agent: watchword/{}\r\n\
                 accept: */*\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
                prefix.trim_end_matches('/'),
                env!("CARGO_PKG_VERSION"),
                body.len()
            )
        );
    }
}

#[tokio::test]
async fn a_message_may_come_without_a_sound_and_to_a_group() {
    let receiver = Receiver::start(|_| says(200, SENT)).await;
    let provider = build(TelegramSettings { silent: true, ..settings(&receiver.url("")) }).unwrap();
    assert_eq!(sample("-1001234567890").send(&*provider).await, accepted());
    assert_eq!(
        String::from_utf8(receiver.only().body.to_vec()).unwrap(),
        r#"{"chat_id":-1001234567890,"text":"Code: 314159\n<b>&amp;</b>","link_preview_options":{"is_disabled":true},"disable_notification":true}"#
    );
}

#[tokio::test]
async fn a_body_in_html_is_sent_as_its_text() {
    for (plain, text) in
        [(None, "Code 314159"), (Some("It is 314159"), "It is 314159"), (Some(" "), "Code 314159")]
    {
        let receiver = Receiver::start(|_| says(200, SENT)).await;
        let mut sample = sample("1");
        sample.message.format = BodyFormat::Html;
        "<p>Code <b>314159</b></p>".clone_into(&mut sample.message.body);
        sample.message.plain = plain.map(str::to_owned);
        assert_eq!(sample.send(&*provider(&receiver.url(""))).await, accepted());
        let sent = String::from_utf8(receiver.only().body.to_vec()).unwrap();
        assert!(sent.contains(&format!(r#""text":"{text}""#)), "{sent}");
    }
}

#[tokio::test]
async fn only_numbers_are_chats() {
    let receiver = Receiver::start(|_| says(200, SENT)).await;
    let provider = provider(&receiver.url(""));
    for wrong in
        ["", "@channel", "ann", " 1", "+77011234567", "1.0", "1e3", "9223372036854775808", "0", "--1"]
    {
        let detail = "not sent: the chat id is no number".to_owned();
        assert_eq!(sample(wrong).send(&*provider).await, Outcome::AddressRefused { detail }, "{wrong}");
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_probe_asks_who_the_bot_is() {
    for (status, json, expected) in [
        (
            200,
            r#"{"ok":true,"result":{"id":4839574,"is_bot":true,"first_name":"Codes","username":"codes_bot"}}"#,
            Probe::Good { tried: "the Bot API knows the bot @codes_bot".to_owned() },
        ),
        (
            200,
            r#"{"ok":true,"result":{"username":"\u001b[2J"}}"#,
            Probe::Good { tried: "the Bot API knows the bot".to_owned() },
        ),
        (
            401,
            r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
            Probe::Failed {
                problem: "Telegram does not know this `token`; ask @BotFather for the bot's token".to_owned(),
            },
        ),
        (
            502,
            r#"{"ok":false,"error_code":502,"description":"Bad Gateway"}"#,
            Probe::Failed { problem: "the Bot API refuses: error 502".to_owned() },
        ),
        (
            404,
            "<html>",
            Probe::Failed { problem: "HTTP 404, and no answer of a Bot API; is `api_url` right?".to_owned() },
        ),
    ] {
        let receiver = Receiver::start(move |_| says(status, json)).await;
        assert_eq!(provider(&receiver.url("")).probe().await, expected);
        let request = receiver.only();
        assert_eq!((request.path, request.body.as_ref()), (format!("/bot{TOKEN}/getMe"), &b"{}"[..]));
    }
    let port = watchword_testkit::net::free_port();
    let Probe::Failed { problem } = provider(&format!("http://127.0.0.1:{port}")).probe().await else {
        panic!("nobody is there")
    };
    assert!(problem.starts_with("no connection: ") && !problem.contains("AAFD"), "{problem}");
}

#[test]
fn settings_that_can_not_work_are_refused_with_what_to_mend() {
    let token =
        "`token` must be a bot's token as BotFather gives it, digits, a colon, then letters and digits";
    let with_token = |token: &str| TelegramSettings::new(token);
    let with_url = |url: &str| settings(url);
    let long = format!("1:{}", "a".repeat(79));
    for (settings, problem) in [
        (with_token(""), token),
        (with_token("4839574"), token),
        (with_token("0839574:AAFD39"), token),
        (with_token("4839574:AAFD39/../x"), token),
        (with_token("4839574:AAFD39\n"), token),
        (with_token("bot4839574:AAFD39"), token),
        (with_token(":AAFD39"), token),
        (with_token("4839574:"), token),
        (with_token(&long), token),
        (with_url("api.telegram.org"), "`api_url` is not a URL; write it like https://example.com/otp"),
        (with_url("ftp://a"), "`api_url` must begin with http:// or https://"),
        (with_url("http://u:p@a"), "`api_url` must be scheme, host, port and path only"),
        (TelegramSettings { max_conns: 0, ..settings("http://a") }, "`max_conns` must be 1 to 10000"),
        (
            TelegramSettings { timeout: Some(Duration::from_secs(301)), ..settings("http://a") },
            "`timeout` must be at most 5m",
        ),
    ] {
        assert_eq!(build(settings).map(|_| ()), Err(format!("provider `bot`: {problem}")));
    }
}

#[test]
fn a_token_is_enough() {
    let settings: ProviderSettings =
        serde_json::from_str(&format!(r#"{{"kind":"telegram","token":"{TOKEN}"}}"#)).unwrap();
    assert!(!format!("{settings:?}").contains("AAFD"), "{settings:?}");
    let id = provider_id("bot");
    let provider = Registry::new(clock()).build(id.clone(), &settings).unwrap();
    assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(3), 10));
    assert_eq!(
        settings.presentation(&id),
        Presentation {
            channel: "Telegram",
            address_name: "Chat id",
            max_address_length: None,
            passcode_length: 6
        }
    );
}
