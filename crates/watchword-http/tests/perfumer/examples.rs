//! The examples of the original's documentation, as they stand there.

use crate::harness::{App, TRUE, compact};

const IP_LIMIT: &str = r#"{
    "status": false,
    "status_code": "ip_limit",
    "message": "IP limit has been reached"
}"#;

const PHONE_LIMIT: &str = r#"{
    "status": false,
    "status_code": "phone_limit",
    "message": "Phone limit has been reached"
}"#;

const EMAIL_LIMIT: &str = r#"{
    "status": false,
    "status_code": "email_limit",
    "message": "Email limit has been reached"
}"#;

const SMS: &str = r#"{
    "ip": "123.123.123.123",
    "phone": "77011234567",
    "password": "12345",
    "lifetime": 300,
    "message": "Your OTP is 12345"
}"#;

const CALL: &str = r#"{
    "ip": "123.123.123.123",
    "phone": "77011234567",
    "password": "12345",
    "lifetime": 300
}"#;

const EMAIL: &str = r#"{
    "ip": "123.123.123.123",
    "email": "foobar@example.com",
    "password": "12345",
    "lifetime": 300,
    "subject": "Hello",
    "text": "Your OTP is 12345"
}"#;

const TELEGRAM: &str = r#"{
    "ip": "123.123.123.123",
    "chat_id": "1234567890",
    "password": "12345",
    "lifetime": 300,
    "message": "Your OTP is 12345"
}"#;

const CHECK_PHONE: &str = r#"{
    "phone": "77011234567",
    "password": "12345"
}"#;

const CHECK_EMAIL: &str = r#"{
    "email": "foobar@example.com",
    "password": "12345"
}"#;

const CHECK_TELEGRAM: &str = r#"{
    "chat_id": "1234567890",
    "password": "12345"
}"#;

/// The rules of the documentation, those by target under their name.
fn rules(by_target: &str) -> String {
    r#"{
    "ips": [
        {
            "minutes": 10,
            "rate": 3
        },
        {
            "minutes": 60,
            "rate": 10
        }
    ],
    "phones": [
        {
            "minutes": 10,
            "rate": 3
        }
    ]
}"#
    .replace("phones", by_target)
}

/// Each channel: its send, its check, the name of its rules by target, and what they refuse with.
const CHANNELS: [(&str, &str, &str, &str, &str); 4] = [
    ("sms", SMS, CHECK_PHONE, "phones", PHONE_LIMIT),
    ("call", CALL, CHECK_PHONE, "phones", PHONE_LIMIT),
    ("email", EMAIL, CHECK_EMAIL, "emails", EMAIL_LIMIT),
    ("telegram", TELEGRAM, CHECK_TELEGRAM, "chat_ids", EMAIL_LIMIT),
];

#[tokio::test]
async fn what_is_sent_is_checked() {
    let app = App::new();
    for (channel, send, check, ..) in CHANNELS {
        app.post(&format!("/{channel}"), send).await.expect(200, TRUE);
        app.get(&format!("/{channel}/check"), check).await.expect(200, TRUE);
    }
    let outcomes = app.answered.all().into_iter().map(|(dialect, call, outcome)| {
        assert_eq!((dialect, outcome), ("perfumer", "ok"));
        call
    });
    let calls: Vec<_> = outcomes.collect();
    assert_eq!(
        calls,
        ["sms", "sms_check", "call", "call_check", "email", "email_check", "telegram", "telegram_check"]
    );
}

#[tokio::test]
async fn without_an_ip_address_as_the_shorter_examples_have_it() {
    let app = App::new();
    for (channel, send, check, ..) in CHANNELS {
        let send = send.replace("\"ip\": \"123.123.123.123\",", "");
        app.post(&format!("/{channel}"), &send).await.expect(200, TRUE);
        app.get(&format!("/{channel}/check"), check).await.expect(200, TRUE);
    }
}

#[tokio::test]
async fn limits_refuse_in_the_documented_words_and_say_when_to_come_again() {
    for (channel, send, _, by_target, target_limit) in CHANNELS {
        let app = App::new();
        let (path, limit) = (format!("/{channel}"), format!("/limit/{channel}"));
        app.post(&limit, &rules(by_target)).await.expect(200, TRUE);
        for _ in 0..3 {
            app.post(&path, send).await.expect(200, TRUE);
            app.pass(60);
        }
        // Rules by IP address are looked at first.
        app.post(&path, send).await.expect_limit(&compact(IP_LIMIT), 420);
        let elsewhere = send.replace("123.123.123.123", "2001:db8::1");
        app.post(&path, &elsewhere).await.expect_limit(&compact(target_limit), 420);
        app.pass(420);
        app.post(&path, &elsewhere).await.expect(200, TRUE);
    }
}

#[tokio::test]
async fn the_bot_is_asked_for_a_passcode_and_the_application_asks_whose_it_is() {
    let app = App::new();
    let send = TELEGRAM.replace("12345\",", "1234567\",");
    app.post("/telegram", &send).await.expect(200, TRUE);
    let asked = r#"{
    "password": "1234567",
    "channel": "telegram"
}"#;
    let answer = r#"{
    "status": true,
    "content": {
        "target": "1234567890"
    }
}"#;
    app.get("/target", asked).await.expect(200, &compact(answer));
}

#[tokio::test]
async fn the_newest_password_of_a_target_is_given_back() {
    let app = App::new();
    app.post("/sms", &SMS.replace("\"12345\"", "\"123456\"")).await.expect(200, TRUE);
    let asked = r#"{
    "target": "77011234567"
}"#;
    let answer = r#"{
    "status": true,
    "content": {
        "password": "123456"
    }
}"#;
    app.get("/password", asked).await.expect(200, &compact(answer));
}
