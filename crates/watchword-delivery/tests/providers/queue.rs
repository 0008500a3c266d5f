//! What Queue is sent, and what its answers mean.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use tokio::sync::mpsc;
use watchword_core::delivery::{BodyFormat, Outcome};
use watchword_core::passcode::Passcode;
use watchword_core::ports::Provider;
use watchword_delivery::queue::{QueueSettings, Sends};
use watchword_delivery::registry::{Presentation, ProviderSettings, Registry};

use crate::raw_server;
use crate::receiver::{Receiver, answer};
use crate::sample::{Sample, clock, provider_id};

const ACCEPTED: Outcome = Outcome::Accepted { message_id: None };

fn build(settings: QueueSettings) -> Result<Arc<dyn Provider>, String> {
    Registry::new(clock())
        .build(provider_id("queued"), &ProviderSettings::Queue(settings))
        .map_err(|error| error.to_string())
}

/// The service that each kind has by default in the original's environment.
fn settings(url: &str, sends: Sends) -> QueueSettings {
    let (service, worker) = match sends {
        Sends::Sms | Sends::Call => ("http://sms", "sms"),
        Sends::Email => ("http://email", "email"),
        Sends::Telegram => ("http://telegram:8080", "telegram"),
    };
    let app_token = (sends == Sends::Telegram).then(|| "hunter2".into());
    QueueSettings { app_token, ..QueueSettings::new(url, service, worker, sends) }
}

/// Sends a message; the request's body.
async fn task(sends: Sends, change: impl FnOnce(&mut Sample)) -> String {
    let receiver = Receiver::answering(200).await;
    let mut sample = Sample::new();
    sample.message.to = "77011234567".to_owned();
    change(&mut sample);
    let provider = build(settings(&receiver.url(""), sends)).unwrap();
    assert_eq!(sample.send(&*provider).await, ACCEPTED);
    let request = receiver.only();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/task"));
    String::from_utf8(request.body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_request_is_the_original_s_to_the_byte() {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let address = raw_server::serve(move |mut connection| {
        let sender = sender.clone();
        async move {
            sender.send(raw_server::read_request(&mut connection).await).unwrap();
            raw_server::write(&mut connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    })
    .await;
    let mut sample = Sample::new();
    sample.message.given = Some(
        r#"{"phone":"77011234567","password":"12345","lifetime":300,"message":"Your OTP is 12345"}"#.into(),
    );
    let provider = build(settings(&format!("http://me:hunter2@{address}/"), Sends::Sms)).unwrap();
    assert_eq!(sample.send(&*provider).await, ACCEPTED);
    let body = r#"{"url":"http://sms/sms","method":"post","worker":"sms","json":{"phones":"77011234567","message":"Your OTP is 12345","force":true}}"#;
    assert_eq!(
        requests.recv().await.unwrap(),
        format!(
            "POST /task HTTP/1.1\r\ncontent-type: application/json\r\nuser-agent: watchword/{}\r\n\
             authorization: Basic bWU6aHVudGVyMg==\r\naccept: */*\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
            env!("CARGO_PKG_VERSION"),
            body.len()
        )
    );
}

#[tokio::test]
async fn values_go_as_the_caller_spelled_them() {
    for (sends, given, expected) in [
        (
            Sends::Sms,
            r#"{"message":12345,"phone":77011234567}"#,
            r#"{"url":"http://sms/sms","method":"post","worker":"sms","json":{"phones":77011234567,"message":12345,"force":true}}"#,
        ),
        (
            Sends::Sms,
            r#"{"phone":" 7701\u0031234567","message":"\u043a\u043e\u0434 / \"1\" \/ 1.50"}"#,
            r#"{"url":"http://sms/sms","method":"post","worker":"sms","json":{"phones":" 7701\u0031234567","message":"\u043a\u043e\u0434 / \"1\" \/ 1.50","force":true}}"#,
        ),
        (
            Sends::Call,
            r#"{"phone":"77011234567","password":"314159"}"#,
            r#"{"url":"http://sms/call","method":"post","worker":"sms","json":{"phones":"77011234567","message":"3 1 4 1 5 9","force":true}}"#,
        ),
        (
            Sends::Email,
            r#"{"email":"foobar@example.com","subject":"Hello","text":"Your OTP is 12345"}"#,
            r#"{"url":"http://email/smtp","method":"post","worker":"email","json":{"to":"foobar@example.com","subject":"Hello","text":"Your OTP is 12345","html":null,"force":true}}"#,
        ),
        (
            Sends::Email,
            r#"{"email":"foobar@example.com","subject":7.0,"text":null,"html":"<b>1</b>"}"#,
            r#"{"url":"http://email/smtp","method":"post","worker":"email","json":{"to":"foobar@example.com","subject":7.0,"text":null,"html":"<b>1</b>","force":true}}"#,
        ),
        (
            Sends::Email,
            r#"{"email":"foobar@example.com","subject":"Hello","text":"1","html":"<b>1</b>"}"#,
            r#"{"url":"http://email/smtp","method":"post","worker":"email","json":{"to":"foobar@example.com","subject":"Hello","text":"1","html":"<b>1</b>","force":true}}"#,
        ),
        (
            Sends::Telegram,
            r#"{"chat_id":"77011234567","message":"Your OTP is 12345"}"#,
            r#"{"url":"http://telegram:8080/msg","method":"post","worker":"telegram","headers":{"X-Auth-Token":"hunter2"},"json":{"to":77011234567,"message":"Your OTP is 12345","silent":false}}"#,
        ),
    ] {
        let sent = task(sends, |sample| sample.message.given = Some(given.into())).await;
        assert_eq!(sent, expected, "{given}");
    }
}

#[tokio::test]
async fn a_message_of_another_dialect_goes_by_its_own_words() {
    for (sends, expected) in [
        (
            Sends::Sms,
            r#"{"url":"http://sms/sms","method":"post","worker":"sms","json":{"phones":"77011234567","message":"Code: 314159\n<b>&amp;</b>","force":true}}"#,
        ),
        (
            Sends::Call,
            r#"{"url":"http://sms/call","method":"post","worker":"sms","json":{"phones":"77011234567","message":"3 1 4 1 5 9","force":true}}"#,
        ),
        (
            Sends::Email,
            r#"{"url":"http://email/smtp","method":"post","worker":"email","json":{"to":"77011234567","subject":"Код / Code","text":"Code: 314159\n<b>&amp;</b>","html":null,"force":true}}"#,
        ),
        (
            Sends::Telegram,
            r#"{"url":"http://telegram:8080/msg","method":"post","worker":"telegram","headers":{"X-Auth-Token":"hunter2"},"json":{"to":77011234567,"message":"Code: 314159\n<b>&amp;</b>","silent":false}}"#,
        ),
    ] {
        // What is no JSON object with texts or numbers is as if nothing were given.
        for given in [
            None,
            Some("{}"),
            Some("no JSON"),
            Some(r#"{"phone":["1"],"message":{},"text":true,"email":null}"#),
        ] {
            let sent = task(sends, |sample| sample.message.given = given.map(Into::into)).await;
            assert_eq!(sent, expected, "{sends:?} {given:?}");
        }
    }
}

#[tokio::test]
async fn mail_in_html_has_its_text_beside_it() {
    let html = |sample: &mut Sample| {
        sample.message.format = BodyFormat::Html;
        "<p>Code: <b>314159</b></p>".clone_into(&mut sample.message.body);
    };
    let expected = |text: &str| {
        format!(
            r#"{{"url":"http://email/smtp","method":"post","worker":"email","json":{{"to":"77011234567","subject":"Код / Code","text":{text},"html":"<p>Code: <b>314159</b></p>","force":true}}}}"#
        )
    };
    assert_eq!(task(Sends::Email, html).await, expected(r#""Code: 314159\n""#));
    let brought = |sample: &mut Sample| {
        html(sample);
        sample.message.plain = Some("It is 314159".to_owned());
    };
    assert_eq!(task(Sends::Email, brought).await, expected(r#""It is 314159""#));
}

#[tokio::test]
async fn a_robot_is_given_each_character_on_its_own() {
    for (passcode, spoken) in [("12345", "1 2 3 4 5"), ("7", "7"), ("a1 ё", "a 1   ё"), ("\"\\", "\\\" \\\\")]
    {
        let sent =
            task(Sends::Call, |sample| sample.message.passcode = Passcode::new(passcode).unwrap()).await;
        assert!(sent.contains(&format!(r#""message":"{spoken}","force":true"#)), "{sent}");
    }
}

#[tokio::test]
async fn a_chat_id_that_is_no_number_is_refused_without_a_request() {
    let receiver = Receiver::answering(200).await;
    let provider = build(settings(&receiver.url(""), Sends::Telegram)).unwrap();
    for wrong in ["", "@ann", "12 3", "+123", "1.5", "1e3", "99999999999999999999", "0", "-"] {
        let mut sample = Sample::new();
        wrong.clone_into(&mut sample.message.to);
        let detail = "not sent: the chat id is no number".to_owned();
        assert_eq!(sample.send(&*provider).await, Outcome::AddressRefused { detail }, "{wrong}");
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn each_answer_has_its_meaning() {
    let transient = |detail: &str| Outcome::Transient { detail: detail.to_owned() };
    for (status, body, expected) in [
        (200, r#"{"status":true}"#, ACCEPTED),
        (200, "", ACCEPTED),
        (204, "", ACCEPTED),
        (200, "<html>", ACCEPTED),
        (200, r#"{"status":false,"message":"no"}"#, transient("HTTP 200, and `status` is false")),
        (500, r#"{"status":false,"message":"there is no such queue"}"#, transient("HTTP 500")),
        (502, "<html>", transient("HTTP 502")),
        (404, r#"{"status":false}"#, transient("HTTP 404")),
        (403, "", Outcome::ProviderRefused { detail: "HTTP 403".to_owned() }),
        (301, "", Outcome::ProviderRefused { detail: "HTTP 301".to_owned() }),
        (429, "", Outcome::Throttled { after: None }),
        (400, "", transient("HTTP 400")),
        (422, "", transient("HTTP 422")),
    ] {
        let receiver = Receiver::start(move |_| -> Response<Body> {
            let mut response = answer(status, &[]);
            *response.body_mut() = body.into();
            response
        })
        .await;
        let provider = build(settings(&receiver.url(""), Sends::Sms)).unwrap();
        assert_eq!(Sample::new().send(&*provider).await, expected, "{status} {body}");
    }
}

#[test]
fn people_are_shown_what_the_service_sends() {
    for (sends, channel, address_name) in [
        (Sends::Sms, "SMS", "Mobile number"),
        (Sends::Call, "Call", "Phone number"),
        (Sends::Email, "E-mail", "E-mail address"),
        (Sends::Telegram, "Telegram", "Chat id"),
    ] {
        let id = provider_id("queued");
        assert_eq!(
            ProviderSettings::Queue(settings("http://queue", sends)).presentation(&id),
            Presentation { channel, address_name, max_address_length: None, passcode_length: 6 }
        );
    }
}

#[test]
fn settings_that_can_not_work_are_refused_with_what_to_mend() {
    let good = || settings("http://queue", Sends::Sms);
    for (settings, problem) in [
        (
            QueueSettings { url: "queue".into(), ..good() },
            "`url` is not a URL; write it like https://example.com/otp",
        ),
        (QueueSettings { url: "ftp://queue".into(), ..good() }, "`url` must begin with http:// or https://"),
        (
            QueueSettings { url: "http://queue?a=hunter2".into(), ..good() },
            "`url` must end with its path; remove what follows `?` or `#`",
        ),
        (
            QueueSettings { service_url: "".into(), ..good() },
            "`service_url` is not a URL; write it like https://example.com/otp",
        ),
        (
            QueueSettings { service_url: "http://sms/#x".into(), ..good() },
            "`service_url` must end with its path; remove what follows `?` or `#`",
        ),
        (QueueSettings { worker: String::new(), ..good() }, "`worker` must not be empty"),
        (
            QueueSettings { app_token: Some("a\nb".into()), ..good() },
            "`app_token` must be one line of printable ASCII",
        ),
        (QueueSettings { max_conns: 0, ..good() }, "`max_conns` must be 1 to 10000"),
        (QueueSettings { timeout: Some(Duration::from_secs(301)), ..good() }, "`timeout` must be at most 5m"),
    ] {
        assert_eq!(build(settings).map(|_| ()), Err(format!("provider `queued`: {problem}")));
    }
    let unknown = serde_json::from_str::<ProviderSettings>(
        r#"{"kind":"queue","url":"http://q","service_url":"http://s","worker":"w","sends":"fax"}"#,
    );
    assert!(unknown.unwrap_err().to_string().contains("expected one of `sms`, `call`, `email`, `telegram`"));
}

#[tokio::test]
async fn a_service_s_url_is_passed_on_as_it_is_spelled() {
    for (service, endpoint) in [
        ("http://sms", "http://sms/sms"),
        ("http://sms/", "http://sms/sms"),
        ("http://me:hunter2@SMS:80/v1", "http://me:hunter2@SMS:80/v1/sms"),
    ] {
        let receiver = Receiver::answering(200).await;
        let settings =
            QueueSettings { service_url: service.into(), ..settings(&receiver.url(""), Sends::Sms) };
        assert!(!format!("{settings:?}").contains("hunter2"), "{settings:?}");
        assert_eq!(Sample::new().send(&*build(settings).unwrap()).await, ACCEPTED);
        let task = String::from_utf8(receiver.only().body.to_vec()).unwrap();
        assert!(task.starts_with(&format!(r#"{{"url":"{endpoint}","method":"post","#)), "{task}");
    }
}

#[test]
fn a_missing_token_is_told() {
    for (token, told) in [(None, true), (Some(""), true), (Some("hunter2"), false)] {
        let registry = Registry::new(clock());
        let settings =
            QueueSettings { app_token: token.map(Into::into), ..settings("http://queue", Sends::Telegram) };
        registry.build(provider_id("queued"), &ProviderSettings::Queue(settings)).unwrap();
        assert_eq!(!registry.take_warnings().is_empty(), told, "{token:?}");
    }
}
