//! What reaches the providers.

use watchword_core::delivery::{BodyFormat, Message};

use crate::harness::{App, TRUE};

async fn only(provider: &watchword_testkit::provider::FakeProvider) -> Message {
    let handed = provider.wait_for_handed(1).await;
    assert_eq!(handed.len(), 1);
    handed[0].message.clone()
}

#[tokio::test]
async fn values_reach_the_provider_as_the_caller_spelled_them() {
    let numbers = r#"{"lifetime":"300","phone": 77011234567,"password":12345,"message":" Ваш \u043a\u043e\u0434 12345 "}"#;
    for (channel, body, given) in [
        ("sms", numbers, r#"{"phone":77011234567,"message":" Ваш \u043a\u043e\u0434 12345 "}"#),
        ("call", numbers, r#"{"phone":77011234567}"#),
        (
            "telegram",
            r#"{"chat_id":-1001234567890,"password":"12345","lifetime":300,"message":12345}"#,
            r#"{"chat_id":-1001234567890,"message":12345}"#,
        ),
        (
            "telegram",
            r#"{"chat_id":"1234567890","password":"12345","lifetime":300,"message":"a\"b"}"#,
            r#"{"chat_id":"1234567890","message":"a\"b"}"#,
        ),
        (
            "email",
            r#"{"email":"a@example.com","password":"1","lifetime":300,"subject":"Hello","text":"1"}"#,
            r#"{"email":"a@example.com","subject":"Hello","text":"1","html":null}"#,
        ),
        (
            "email",
            r#"{"email":"a@example.com","password":"1","lifetime":300,"subject":1.50,"html":"<b>1</b>","text":null}"#,
            r#"{"email":"a@example.com","subject":1.50,"text":null,"html":"<b>1</b>"}"#,
        ),
        (
            "email",
            r#"{"email":"a@example.com","password":"1","lifetime":300,"subject":"s","html":"<b>1</b>","text":false}"#,
            r#"{"email":"a@example.com","subject":"s","text":null,"html":"<b>1</b>"}"#,
        ),
    ] {
        let app = App::new();
        app.post(&format!("/{channel}"), body).await.expect(200, TRUE);
        let provider = match channel {
            "sms" => &app.sms,
            "call" => &app.call,
            "email" => &app.email,
            _ => &app.telegram,
        };
        assert_eq!(only(provider).await.given.as_deref(), Some(given));
    }
}

#[tokio::test]
async fn values_of_a_query_are_texts() {
    let app = App::new();
    app.post("/sms?phone=77011234567&password=1&lifetime=300&message=a+%22b%22", "").await.expect(200, TRUE);
    let message = only(&app.sms).await;
    assert_eq!(message.given.as_deref(), Some(r#"{"phone":"77011234567","message":"a \"b\""}"#));
}

#[tokio::test]
async fn our_own_providers_get_text_ready_to_send() {
    let app = App::new();
    let body = r#"{"phone":" 77011234567 ","chat_id":5,"password":12345,"lifetime":300.9,"message":" It is 12345\n"}"#;
    for channel in ["sms", "call", "telegram"] {
        app.post(&format!("/{channel}"), body).await.expect(200, TRUE);
    }
    for (provider, to, text) in [
        (&app.sms, "77011234567", "It is 12345"),
        (&app.call, "77011234567", "1 2 3 4 5"),
        (&app.telegram, "5", "It is 12345"),
    ] {
        let message = only(provider).await;
        assert_eq!((message.to.as_str(), message.body.as_str()), (to, text));
        assert_eq!((message.subject.as_str(), message.format), ("", BodyFormat::Text));
        assert_eq!((message.passcode.expose(), message.ttl_seconds), ("12345", 300));
    }
}

#[tokio::test]
async fn a_mail_has_the_parts_that_the_caller_brought() {
    for (parts, format, body, plain) in [
        (r#""text":"T""#, BodyFormat::Text, "T", None),
        (r#""html":"<b>H</b>""#, BodyFormat::Html, "<b>H</b>", None),
        (r#""html":"<b>H</b>","text":"T""#, BodyFormat::Html, "<b>H</b>", Some("T")),
        (r#""html":" ","text":"T""#, BodyFormat::Text, "T", None),
        (r#""html":"<b>H</b>","text":"0""#, BodyFormat::Html, "<b>H</b>", None),
    ] {
        let app = App::new();
        let body_of = format!(
            r#"{{"email":"foobar@example.com","password":"1","lifetime":300,"subject":"Hello",{parts}}}"#
        );
        app.post("/email", &body_of).await.expect(200, TRUE);
        let message = only(&app.email).await;
        assert_eq!((message.to.as_str(), message.subject.as_str()), ("foobar@example.com", "Hello"));
        assert_eq!((message.format, message.body.as_str()), (format, body), "{parts}");
        assert_eq!(message.plain.as_deref(), plain, "{parts}");
    }
}

#[tokio::test]
async fn a_call_reads_every_character_out() {
    for (password, spoken) in [("1", "1"), ("007", "0 0 7"), ("a1ü", "a 1 ü")] {
        let app = App::new();
        app.pass_on("call", "77011234567", password).await.expect(200, TRUE);
        assert_eq!(only(&app.call).await.body, spoken);
    }
}
