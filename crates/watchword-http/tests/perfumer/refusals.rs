//! Every refusal that comes before the domain is asked, in whole.

use http::header::ALLOW;
use watchword_http::dialects::perfumer::{ChannelRoutes, PerfumerSettings};

use crate::harness::{App, FALSE, TRUE, sending, settings};

#[tokio::test]
async fn input_that_can_not_be_taken() {
    let long = "x".repeat(256);
    let long = long.as_str();
    let app = App::new();
    for (path, body, message) in [
        ("/sms", r#"{"phone":true}"#.to_owned(), r#""phone" parameter must be a string"#),
        ("/sms", r#"{"phone":["7701"]}"#.to_owned(), r#""phone" parameter must be a string"#),
        ("/sms", r#"{"phone":{"a":1}}"#.to_owned(), r#""phone" parameter must be a string"#),
        ("/sms", r#"{"phone":"\ud800"}"#.to_owned(), r#""phone" parameter must be a string"#),
        ("/sms", format!(r#"{{"phone":"{long}"}}"#), r#""phone" parameter must have at most 255 characters"#),
        (
            "/sms",
            r#"{"phone":"77\u000001"}"#.to_owned(),
            r#""phone" parameter must not have control characters"#,
        ),
        (
            "/email",
            r#"{"email":"a@b.c\r\nBcc: d"}"#.to_owned(),
            r#""email" parameter must not have control characters"#,
        ),
        (
            "/sms",
            r#"{"phone":"7701","password":true}"#.to_owned(),
            r#""password" parameter must be a string"#,
        ),
        (
            "/sms",
            format!(r#"{{"phone":"7701","password":"{long}"}}"#),
            r#""password" parameter must have at most 255 characters"#,
        ),
        (
            "/sms",
            r#"{"phone":"7701","password":"1","message":[1]}"#.to_owned(),
            r#""message" parameter must be a string"#,
        ),
        (
            "/email",
            r#"{"email":"a@b.c","password":"1","subject":"a\nb"}"#.to_owned(),
            r#""subject" parameter must not have control characters"#,
        ),
        (
            "/email",
            r#"{"email":"a@b.c","password":"1","subject":"s","text":{}}"#.to_owned(),
            r#""text" parameter must be a string"#,
        ),
        (
            "/email",
            r#"{"email":"a@b.c","password":"1","subject":"s","html":true}"#.to_owned(),
            r#""html" parameter must be a string"#,
        ),
        (
            "/email",
            r#"{"email":"a@b.c","password":"1","subject":"s"}"#.to_owned(),
            r#""lifetime" parameter must be set"#,
        ),
        (
            "/email",
            r#"{"email":"a@b.c","password":"1","subject":"s","lifetime":1}"#.to_owned(),
            r#"One of "text" or "html" parameters must be set"#,
        ),
        (
            "/email",
            r#"{"email":"a@b.c","password":"1","subject":"s","lifetime":1,"text":" ","html":"0"}"#.to_owned(),
            r#"One of "text" or "html" parameters must be set"#,
        ),
        (
            "/email",
            r#"{"email":"a@b.c","password":"1","subject":"s","lifetime":1,"ip":[]}"#.to_owned(),
            r#"One of "text" or "html" parameters must be set"#,
        ),
        ("/telegram", r#"{"chat_id":"@durov"}"#.to_owned(), r#""chat_id" parameter must be an integer"#),
        ("/telegram", r#"{"chat_id":1.5}"#.to_owned(), r#""chat_id" parameter must be an integer"#),
        // Other spellings would count apart.
        ("/telegram", r#"{"chat_id":"05"}"#.to_owned(), r#""chat_id" parameter must be an integer"#),
        ("/telegram", r#"{"chat_id":"+5"}"#.to_owned(), r#""chat_id" parameter must be an integer"#),
        (
            "/telegram",
            r#"{"chat_id":99999999999999999999}"#.to_owned(),
            r#""chat_id" parameter must be an integer"#,
        ),
        ("/telegram", r#"{"chat_id":[5]}"#.to_owned(), r#""chat_id" parameter must be a string"#),
        (
            "/sms",
            r#"{"phone":"7701","password":"1","message":"m","lifetime":1,"ip":true}"#.to_owned(),
            r#""ip" parameter must be a string"#,
        ),
        (
            "/sms",
            format!(r#"{{"phone":"7701","password":"1","message":"m","lifetime":1,"ip":"{long}"}}"#),
            r#""ip" parameter must have at most 255 characters"#,
        ),
    ] {
        app.post(path, &body).await.expect_refused(400, message);
    }
    for (path, body, message) in [
        (
            "/sms/check",
            format!(r#"{{"phone":"{long}"}}"#),
            r#""phone" parameter must have at most 255 characters"#,
        ),
        (
            "/sms/check",
            format!(r#"{{"phone":"7701","password":"{long}"}}"#),
            r#""password" parameter must have at most 255 characters"#,
        ),
        (
            "/target",
            r#"{"password":"1","channel":"fax"}"#.to_owned(),
            r#""channel" parameter must be one of sms, email, call, telegram"#,
        ),
        (
            "/target",
            r#"{"password":"1","channel":"SMS"}"#.to_owned(),
            r#""channel" parameter must be one of sms, email, call, telegram"#,
        ),
        (
            "/target",
            r#"{"password":"1","channel":["sms"]}"#.to_owned(),
            r#""channel" parameter must be a string"#,
        ),
        (
            "/password",
            format!(r#"{{"target":"{long}"}}"#),
            r#""target" parameter must have at most 255 characters"#,
        ),
    ] {
        app.get(path, &body).await.expect_refused(400, message);
    }
    assert_eq!(app.store.count().await, 0, "nothing of it was stored");
    assert_eq!(app.sms.handed().len() + app.email.handed().len() + app.telegram.handed().len(), 0);
}

#[tokio::test]
async fn two_hundred_and_fifty_five_characters_are_taken_however_many_bytes_they_have() {
    let app = App::new();
    let (ascii, cyrillic) = ("x".repeat(255), "ж".repeat(255));
    app.pass_on("sms", &ascii, &cyrillic).await.expect(200, TRUE);
    app.check("sms", &ascii, &cyrillic).await.expect(200, TRUE);
    app.check("sms", &ascii, &ascii).await.expect(200, FALSE);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let app = App::new();
    for path in [
        "/",
        "/sms/",
        "/sms/checks",
        "/fax",
        "/limit",
        "/limit/fax",
        "/telegram/webhook/",
        "/SMS",
        "/targets",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            app.call(method, path, "{}").await.expect_refused(404, "Page not found");
        }
    }
    for (path, method, allow) in [
        ("/sms", "GET", "POST"),
        ("/call", "PUT", "POST"),
        ("/email", "DELETE", "POST"),
        ("/telegram", "PATCH", "POST"),
        ("/sms/check", "POST", "GET,HEAD"),
        ("/telegram/check", "PUT", "GET,HEAD"),
        ("/limit/sms", "DELETE", "GET,HEAD,POST"),
        ("/target", "POST", "GET,HEAD"),
        ("/password", "POST", "GET,HEAD"),
        ("/telegram/webhook", "GET", "POST"),
    ] {
        let reply = app.call(method, path, "{}").await;
        reply.expect_refused(405, "Method not allowed");
        assert_eq!(reply.header(ALLOW), allow, "{path}");
    }
}

#[tokio::test]
async fn head_works_where_get_does() {
    let app = App::new();
    app.pass_on("sms", "7701", "1").await.expect(200, TRUE);
    for (path, status) in [
        ("/sms/check?phone=7701&password=1", 200),
        ("/sms/check?phone=7701", 400),
        ("/target?password=1&channel=sms", 200),
        ("/password?target=7701", 200),
        ("/limit/sms", 200),
    ] {
        let (got, head) = (app.get(path, "").await, app.call("HEAD", path, "").await);
        assert_eq!((head.status.as_u16(), head.body.as_str()), (status, ""), "{path}");
        for name in ["content-type", "content-length", "cache-control"] {
            assert_eq!(head.header(name), got.header(name), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn a_channel_without_a_provider_sends_nothing_and_says_so() {
    let app = App::of(PerfumerSettings { routes: ChannelRoutes::default(), ..settings() });
    for channel in ["sms", "call", "email", "telegram"] {
        let reply = app.post(&format!("/{channel}"), &sending(channel, "5", "1", None)).await;
        reply.expect_refused(400, &format!("Channel \"{channel}\" is not configured"));
        // What is wrong with the request is told first.
        assert_eq!(app.post(&format!("/{channel}"), "{}").await.status, 400);
        app.check(channel, "5", "1").await.expect(200, FALSE);
        app.get(&format!("/limit/{channel}"), "").await;
    }
    assert_eq!(app.store.count().await, 0);
}
