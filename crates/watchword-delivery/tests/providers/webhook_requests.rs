//! What a webhook's receiver is sent.

use tokio::sync::mpsc;
use watchword_core::delivery::Outcome;
use watchword_core::verification::{Attributes, Limits, State};
use watchword_delivery::webhook::WebhookSettings;

use crate::raw_server;
use crate::receiver::{Receiver, answer, webhook, webhook_at};
use crate::sample::Sample;

const ACCEPTED: Outcome = Outcome::Accepted { message_id: None };

#[tokio::test]
async fn the_request_is_the_documented_one_to_the_byte() {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let address = raw_server::serve(move |mut connection| {
        let sender = sender.clone();
        async move {
            sender.send(raw_server::read_request(&mut connection).await).unwrap();
            raw_server::write(&mut connection, "HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    })
    .await;
    let settings = WebhookSettings {
        username: Some("hook".to_owned()),
        password: Some("hunter2".into()),
        ..WebhookSettings::new(format!("http://{address}/secret-path/otp?token=x"))
    };

    let sample = Sample::new();
    assert_eq!(sample.send(&*webhook(settings)).await, ACCEPTED);

    let body = concat!(
        r#"{"otp":{"namespace":"myAppName","id":"user/42","to":"+7 701 123 45 67","#,
        r#""channel_description":"We send \"it\" by SMS","address_description":"Your number","#,
        r#""extra":{"b":1.0,"a":1e5,"a":2},"provider":"my_webhook","otp":"314159","#,
        r#""max_attempts":5,"attempts":2,"generate":1,"max_generate":3,"closed":false,"ttl":300},"#,
        r#""subject":"Код / Code","body":"Code: 314159\n<b>&amp;</b>"}"#
    );
    let head = [
        "POST /secret-path/otp?token=x HTTP/1.1",
        "content-type: application/json",
        "user-agent: otpgateway",
        &format!("idempotency-key: {}", sample.delivery.id),
        "authorization: Basic aG9vazpodW50ZXIy",
        "accept: */*",
        &format!("host: {address}"),
        &format!("content-length: {}", body.len()),
    ]
    .join("\r\n");
    assert_eq!(requests.recv().await.unwrap(), format!("{head}\r\n\r\n{body}"));
}

#[tokio::test]
async fn what_a_verification_lacks_has_its_place_in_the_request_all_the_same() {
    let receiver = Receiver::answering(200).await;
    let mut sample = Sample::new();
    sample.verification.external_id = None;
    sample.verification.attributes = Attributes::default();
    sample.verification.limits = Limits::default();
    sample.verification.state = State::Approved;
    sample.message.subject.clear();

    assert_eq!(sample.send(&*webhook_at(receiver.url("/"))).await, ACCEPTED);

    let expected = format!(
        concat!(
            r#"{{"otp":{{"namespace":"myAppName","id":"{}","to":"+7 701 123 45 67","#,
            r#""channel_description":"","address_description":"","extra":{{}},"provider":"my_webhook","#,
            r#""otp":"314159","max_attempts":0,"attempts":2,"generate":1,"max_generate":0,"#,
            r#""closed":true,"ttl":300}},"subject":"","body":"Code: 314159\n<b>&amp;</b>"}}"#
        ),
        sample.verification.vid
    );
    assert_eq!(String::from_utf8_lossy(&receiver.only().body), expected);
}

#[tokio::test]
async fn extra_is_passed_on_untouched() {
    let receiver = Receiver::answering(200).await;
    let provider = webhook_at(receiver.url("/"));
    let all = [
        "{}",
        "null",
        "[]",
        "\"text\"",
        "-0",
        "1.0",
        "1e5",
        "123456789012345678901234567890.5",
        r#"{"b":1.0,"a":1e5,"a":2}"#,
        r#"{"\u0061":"\/\ud83d\udd11","é":"🔑"}"#,
        &format!("{}1{}", "[".repeat(32), "]".repeat(32)),
    ];
    for extra in all {
        let mut sample = Sample::new();
        sample.verification.attributes.extra = Some(extra.into());
        assert_eq!(sample.send(&*provider).await, ACCEPTED);
    }
    for (extra, request) in all.iter().zip(receiver.received()) {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        assert!(body.contains(&format!("\"extra\":{extra},\"provider\"")), "{body}");
    }
}

#[tokio::test]
async fn an_extra_that_is_no_json_is_not_sent() {
    let receiver = Receiver::answering(200).await;
    let mut sample = Sample::new();
    sample.verification.attributes.extra = Some(r#"{"a":"701 hunter2"#.into());
    let outcome = sample.send(&*webhook_at(receiver.url("/"))).await;
    assert_eq!(outcome, Outcome::Transient { detail: "`extra` is not JSON".to_owned() });
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn credentials_are_sent_when_there_are_both_of_them() {
    // hook:hunter2, hook:p@ss, hook:
    let (own, in_url, no_password) = ("Basic aG9vazpodW50ZXIy", "Basic aG9vazpwQHNz", "Basic aG9vazo=");
    for (user_info, username, password, expected) in [
        ("", Some("hook"), Some("hunter2"), Some(own)),
        ("", Some("hook"), None, None),
        ("", None, Some("hunter2"), None),
        ("", Some("hook"), Some(""), None),
        ("", Some(""), Some("hunter2"), None),
        ("", None, None, None),
        ("hook:p%40ss@", None, None, Some(in_url)),
        ("hook@", None, None, Some(no_password)),
        ("hook:p%40ss@", Some("hook"), Some("hunter2"), Some(own)),
        ("hook:p%40ss@", Some("hook"), None, Some(in_url)),
    ] {
        let receiver = Receiver::answering(200).await;
        let settings = WebhookSettings {
            username: username.map(str::to_owned),
            password: password.map(Into::into),
            ..WebhookSettings::new(receiver.url("/").replace("//", &format!("//{user_info}")))
        };
        assert_eq!(Sample::new().send(&*webhook(settings)).await, ACCEPTED);
        let request = receiver.only();
        assert_eq!(request.header("authorization"), expected, "{user_info} {username:?} {password:?}");
        assert!(request.header("host").unwrap().starts_with("127.0.0.1:"));
    }
}

#[tokio::test]
async fn every_try_of_a_delivery_carries_its_id() {
    let receiver = Receiver::answering(503).await;
    let provider = webhook_at(receiver.url("/"));
    let (first, second) = (Sample::numbered(1), Sample::numbered(2));
    for sample in [&first, &first, &second] {
        sample.send(&*provider).await;
    }
    let keys: Vec<_> = receiver
        .received()
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys, [&first, &first, &second].map(|sample| sample.delivery.id.to_string()));
}

#[tokio::test]
async fn one_connection_serves_message_after_message() {
    let receiver = Receiver::start(|request| {
        let mut response = answer(if request.path == "/ok" { 200 } else { 500 }, &[]);
        *response.body_mut() = "x".repeat(60_000).into();
        response
    })
    .await;
    let registry = watchword_delivery::registry::Registry::new(crate::sample::clock());
    for path in ["/ok", "/no", "/ok"] {
        // Not even another provider needs another one.
        let settings =
            watchword_delivery::registry::ProviderSettings::Webhook(WebhookSettings::new(receiver.url(path)));
        let provider = registry.build(crate::sample::provider_id(path), &settings).unwrap();
        Sample::new().send(&*provider).await;
    }
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|request| request.peer == received[0].peer), "{received:?}");
}
