//! Who may call: BasicAuth, and Telegram's token.

use axum::body::Body;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use watchword_http::dialects::perfumer::{BasicAuth, PerfumerSettings, WebhookSettings};

use crate::harness::{App, Reply, TRUE, basic, request, sending, settings};

const UPDATE: &str =
    r#"{"update_id":1,"message":{"message_id":1,"date":0,"chat":{"id":5,"type":"private"},"text":"hi"}}"#;

fn guarded(secret: Option<&str>) -> App {
    let basic_auth = Some(BasicAuth { username: "otp".to_owned(), password: "s3cret:too".to_owned() });
    let webhook = WebhookSettings { secret: secret.map(str::to_owned), ..WebhookSettings::default() };
    App::of(PerfumerSettings { basic_auth, webhook, ..settings() })
}

async fn call(app: &App, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let request =
        headers.iter().fold(request(method, path), |request, (name, value)| request.header(*name, *value));
    app.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn basic_auth_comes_before_everything() {
    let app = guarded(None);
    let send = sending("sms", "7701", "1", None);
    for (method, path, body) in [
        ("POST", "/sms", send.as_str()),
        ("POST", "/sms", "{"),
        ("GET", "/sms/check", ""),
        ("POST", "/limit/sms", "{}"),
        ("GET", "/limit/sms", ""),
        ("GET", "/target", ""),
        ("GET", "/password", ""),
        ("POST", "/telegram/webhook", UPDATE),
        ("GET", "/not/there", ""),
        ("DELETE", "/sms", ""),
    ] {
        let reply = app.call(method, path, body).await;
        assert_eq!(reply.status.as_u16(), 401, "{method} {path}");
        assert_eq!(reply.body, r#"{"status":false,"message":"Unauthorized"}"#);
        assert_eq!(reply.header(WWW_AUTHENTICATE), "Basic realm=\"OTP\"");
    }
    assert_eq!(app.store.count().await, 0);
    let right = basic("otp:s3cret:too");
    let right = [(AUTHORIZATION.as_str(), right.as_str())];
    call(&app, "POST", "/sms", &right, &send).await.expect(200, TRUE);
    call(&app, "GET", "/not/there", &right, "").await.expect_refused(404, "Page not found");
    call(&app, "DELETE", "/sms", &right, "").await.expect_refused(405, "Method not allowed");
    call(&app, "POST", "/telegram/webhook", &right, UPDATE).await.expect(200, TRUE);
}

#[tokio::test]
async fn only_the_right_name_and_password_open() {
    let app = guarded(None);
    let unpadded = basic("otp:s3cret:too");
    for (header, status) in [
        (basic("otp:s3cret:too"), 404),
        (basic("otp:s3cret:too").replace("Basic", "basic"), 404),
        (basic("otp:s3cret:too").replace("Basic ", "Basic   "), 404),
        (unpadded.trim_end_matches('=').to_owned(), 404),
        (basic("otp:s3cret"), 401),
        (basic("otp:s3cret:too "), 401),
        (basic("OTP:s3cret:too"), 401),
        (basic("otp"), 401),
        (basic(":s3cret:too"), 401),
        (basic("otp:"), 401),
        (basic(""), 401),
        ("Basic".to_owned(), 401),
        ("Basic !".to_owned(), 401),
        ("Bearer x".to_owned(), 401),
        (String::new(), 401),
    ] {
        let reply = call(&app, "GET", "/", &[(AUTHORIZATION.as_str(), &header)], "").await;
        assert_eq!(reply.status.as_u16(), status, "{header}");
    }
    let bytes = http::HeaderValue::from_bytes(b"Basic \xff").unwrap();
    let reply = app.send(request("GET", "/").header(AUTHORIZATION, bytes).body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status.as_u16(), 401);
}

#[tokio::test]
async fn telegrams_token_alone_decides_about_the_webhook() {
    const TOKEN: &str = "X-Telegram-Bot-Api-Secret-Token";
    let app = guarded(Some("t0ken"));
    let authorization = basic("otp:s3cret:too");
    let credentials = (AUTHORIZATION.as_str(), authorization.as_str());
    for headers in [
        &[][..],
        &[(TOKEN, "")],
        &[(TOKEN, "T0ken")],
        &[(TOKEN, "t0ken2")],
        &[(TOKEN, "t0ke")],
        &[credentials],
        &[credentials, (TOKEN, "wrong")],
    ] {
        let reply = call(&app, "POST", "/telegram/webhook", headers, UPDATE).await;
        reply.expect_refused(403, "Forbidden");
    }
    assert_eq!(app.store.count().await, 0, "a wrong token makes nothing");
    call(&app, "POST", "/telegram/webhook", &[(TOKEN, "t0ken")], UPDATE).await.expect(200, TRUE);
    assert_eq!(app.telegram.wait_for_handed(1).await.len(), 1);
    // It opens nothing else.
    let reply = call(&app, "GET", "/password?target=5", &[(TOKEN, "t0ken")], "").await;
    reply.expect_refused(401, "Unauthorized");
}

#[test]
fn settings_show_no_secret() {
    let basic_auth = Some(BasicAuth { username: "n4me".to_owned(), password: "s3cret".to_owned() });
    let webhook = WebhookSettings { secret: Some("t0ken".to_owned()), ..WebhookSettings::default() };
    let shown = format!("{:?}", PerfumerSettings { basic_auth, webhook, ..settings() });
    assert!(!["n4me", "s3cret", "t0ken"].iter().any(|secret| shown.contains(secret)), "{shown}");
}
