//! Whose a password is, and which one a target has.

use serde_json::json;

use crate::harness::{App, TRUE};

async fn target(app: &App, channel: &str, password: &str) -> String {
    let body = json!({ "password": password, "channel": channel }).to_string();
    let reply = app.get("/target", &body).await;
    reply.expect(200, &reply.body);
    let inner = reply.body.strip_prefix(r#"{"status":true,"content":{"target":"#).unwrap();
    inner.strip_suffix("}}").unwrap().to_owned()
}

async fn password(app: &App, target: &str) -> String {
    let reply = app.get("/password", &json!({ "target": target }).to_string()).await;
    reply.expect(200, &reply.body);
    let inner = reply.body.strip_prefix(r#"{"status":true,"content":{"password":"#).unwrap();
    inner.strip_suffix("}}").unwrap().to_owned()
}

#[tokio::test]
async fn the_newest_live_target_that_holds_the_password_on_that_channel() {
    let app = App::new();
    assert_eq!(target(&app, "sms", "1").await, "null");
    for (channel, to) in
        [("sms", "7701"), ("sms", "7702"), ("call", "7703"), ("email", "A@b.c"), ("telegram", "5")]
    {
        app.pass_on(channel, to, "1").await.expect(200, TRUE);
        app.pass(1);
    }
    for (channel, found) in
        [("sms", "\"7702\""), ("call", "\"7703\""), ("email", "\"A@b.c\""), ("telegram", "\"5\"")]
    {
        assert_eq!(target(&app, channel, "1").await, found);
        assert_eq!(target(&app, channel, "2").await, "null");
    }
    app.pass(295);
    assert_eq!(target(&app, "sms", "1").await, "\"7702\"");
    app.pass(1);
    assert_eq!(target(&app, "sms", "1").await, "null");
    assert_eq!(target(&app, "telegram", "1").await, "\"5\"");
}

#[tokio::test]
async fn a_target_comes_back_as_it_was_given() {
    let app = App::new();
    let body = r#"{"phone":77011234567,"password":1234567,"message":"m","lifetime":300}"#;
    app.post("/sms", body).await.expect(200, TRUE);
    assert_eq!(target(&app, "sms", "1234567").await, "\"77011234567\"");
    app.pass_on("email", "Ж\"@пример.рф", "7").await.expect(200, TRUE);
    assert_eq!(target(&app, "email", "7").await, "\"Ж\\\"@пример.рф\"");
}

#[tokio::test]
async fn a_check_does_not_end_a_look_up() {
    let app = App::new();
    app.pass_on("sms", "7701", "1").await.expect(200, TRUE);
    app.check("sms", "7701", "1").await.expect(200, TRUE);
    assert_eq!(target(&app, "sms", "1").await, "\"7701\"");
    assert_eq!(password(&app, "7701").await, "\"1\"");
}

#[tokio::test]
async fn the_newest_live_password_of_a_target_over_all_channels() {
    let app = App::new();
    assert_eq!(password(&app, "7701").await, "null");
    for (channel, code) in [("telegram", "1"), ("email", "2"), ("call", "3"), ("sms", "4")] {
        app.pass_on(channel, "7701", code).await.expect(200, TRUE);
        app.pass(1);
        assert_eq!(password(&app, "7701").await, format!("\"{code}\""));
    }
    app.post("/sms", r#"{"phone":"7701","password":"short","message":"m","lifetime":2}"#)
        .await
        .expect(200, TRUE);
    assert_eq!(password(&app, "7701").await, "\"short\"");
    app.pass(2);
    assert_eq!(password(&app, "7701").await, "\"4\"");
    app.pass(400);
    assert_eq!(password(&app, "7701").await, "null");
    assert_eq!(password(&app, "7702").await, "null");
}

#[tokio::test]
async fn who_searches_through_all_passwords_finds_nothing_for_a_while() {
    let app = App::new();
    app.pass_on("telegram", "5", "1234567").await.expect(200, TRUE);
    for guess in 0..100 {
        assert_eq!(target(&app, "telegram", &format!("0{guess}")).await, "null");
    }
    assert_eq!(target(&app, "telegram", "1234567").await, "null");
    app.pass(10);
    assert_eq!(target(&app, "telegram", "1234567").await, "\"5\"");
}
