//! Every way a call of otpgateway's API is refused: whole replies, and nothing stored, nothing sent.

use axum::body::Body;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE};

use crate::harness::{App, FORM, Otp, bare_request, basic, request};

#[tokio::test]
async fn a_bad_put_says_what_is_wrong_and_does_nothing() {
    let app = App::new();
    let (control, long_to) = ("a%0Ab@c.d", format!("{}@example.com", "x".repeat(309)));
    let long_description = "x".repeat(1_025);
    let nested = format!("{}{}", "[".repeat(64), "]".repeat(64));
    let long_extra = format!("%22{}%22", "x".repeat(16 * 1_024));
    let long_otp = "1".repeat(1_000);
    for (form, message) in [
        ("", "Unknown provider."),
        ("provider=", "Unknown provider."),
        ("provider=fax", "Unknown provider."),
        ("provider=SMTP", "Unknown provider."),
        (&format!("provider={}", "x".repeat(300)), "Unknown provider."),
        ("provider=smtp%00", "Invalid `provider` value."),
        ("provider=smtp&to=john", "Invalid `to` address: invalid e-mail address"),
        ("provider=smtp&to=John+%3Cjohn@doe.com%3E", "Invalid `to` address: invalid e-mail address"),
        ("provider=sms&to=1234567", "Invalid `to` address: invalid mobile number"),
        ("provider=sms&to=john@doe.com", "Invalid `to` address: invalid mobile number"),
        (&format!("provider=smtp&to={control}"), "Invalid `to` value."),
        ("provider=hook&to=a%0D%0ABcc:+x@y.z", "Invalid `to` value."),
        ("provider=hook&to=a%C2%85b", "Invalid `to` value."),
        (&format!("provider=smtp&to={long_to}"), "Invalid `to` value."),
        (&format!("provider=hook&to={}", "x".repeat(321)), "Invalid `to` value."),
        (
            &format!("provider=smtp&channel_description={long_description}"),
            "Invalid `channel_description` value.",
        ),
        ("provider=smtp&channel_description=a%0Db", "Invalid `channel_description` value."),
        (
            &format!("provider=smtp&address_description={long_description}"),
            "Invalid `address_description` value.",
        ),
        ("provider=smtp&address_description=%7F", "Invalid `address_description` value."),
        (&format!("provider=smtp&otp={long_otp}"), "Invalid `otp` value."),
        (&format!("provider=smtp&otp={}", "1".repeat(129)), "Invalid `otp` value."),
        ("provider=smtp&otp=1%0A2", "Invalid `otp` value."),
        ("provider=smtp&ttl=0", "Invalid `ttl` value."),
        ("provider=smtp&ttl=-5", "Invalid `ttl` value."),
        ("provider=smtp&ttl=%207", "Invalid `ttl` value."),
        ("provider=smtp&ttl=1.0", "Invalid `ttl` value."),
        ("provider=smtp&ttl=five", "Invalid `ttl` value."),
        ("provider=smtp&ttl=31536001", "Invalid `ttl` value."),
        ("provider=smtp&ttl=99999999999", "Invalid `ttl` value."),
        ("provider=smtp&max_attempts=0", "Invalid `max_attempts` value."),
        ("provider=smtp&max_attempts=1000001", "Invalid `max_attempts` value."),
        ("provider=smtp&max_generate=0", "Invalid `max_generate` value."),
        ("provider=smtp&max_generate=x", "Invalid `max_generate` value."),
        (&format!("provider=smtp&extra={nested}"), "Invalid `extra` value."),
        (&format!("provider=smtp&extra={long_extra}"), "Invalid `extra` value."),
        (
            "provider=smtp&extra=%7B",
            "Invalid JSON in `extra`: EOF while parsing an object at line 1 column 1",
        ),
        ("provider=smtp&extra=s3cret", "Invalid JSON in `extra`: expected value at line 1 column 1"),
        ("provider=smtp&to=john@doe.com&x=%zz", "Invalid parameters: not percent-encoded UTF-8."),
        ("provider=smtp&to=%ff@doe.com", "Invalid `to` value."),
    ] {
        app.call("PUT", "/api/otp/uniqueID", form).await.expect_error(400, message);
    }
    assert_eq!(app.store.count().await, 0);
    assert!([&app.smtp, &app.sms, &app.hook].iter().all(|provider| provider.handed().is_empty()));
}

#[tokio::test]
async fn of_several_mistakes_the_first_in_the_documented_order_is_told() {
    let app = App::new();
    let mistakes = [
        ("provider=fax", "Unknown provider."),
        ("to=john", "Invalid `to` address: invalid e-mail address"),
        ("ttl=0", "Invalid `ttl` value."),
        ("max_attempts=0", "Invalid `max_attempts` value."),
        ("max_generate=0", "Invalid `max_generate` value."),
        ("extra=x", "Invalid JSON in `extra`: expected value at line 1 column 1"),
    ];
    for first in 0..mistakes.len() {
        let provider = if first == 0 { "" } else { "provider=smtp&" };
        let form: Vec<_> = mistakes[first..].iter().map(|(pair, _)| *pair).collect();
        let form = format!("{provider}{}", form.join("&"));
        app.call("PUT", "/api/otp/uniqueID", &form).await.expect_error(400, mistakes[first].1);
    }
    // Each of them comes before a lock is.
    app.put("uniqueID", "&max_attempts=1").await;
    app.check("uniqueID", "1").await;
    app.put("uniqueID", "&ttl=0").await.expect_error(400, "Invalid `ttl` value.");
    assert_eq!(app.put("uniqueID", "").await.status, 429);
}

#[tokio::test]
async fn a_bad_id_is_refused_in_each_calls_own_words() {
    let app = App::new();
    let long = "x".repeat(257);
    for (id, of_check, of_others) in [
        ("a", "ID should be min 6 chars", "ID should be min 6 chars."),
        ("abcde", "ID should be min 6 chars", "ID should be min 6 chars."),
        // Five bytes, however they are written.
        ("%61%62%63%64%65", "ID should be min 6 chars", "ID should be min 6 chars."),
        ("%C3%A4%C3%A4a", "ID should be min 6 chars", "ID should be min 6 chars."),
        ("unique%0AID", "Invalid `id` value.", "Invalid `id` value."),
        ("unique%00ID", "Invalid `id` value.", "Invalid `id` value."),
        ("unique%zzID", "Invalid `id` value.", "Invalid `id` value."),
        ("unique%ffID", "Invalid `id` value.", "Invalid `id` value."),
        (long.as_str(), "Invalid `id` value.", "Invalid `id` value."),
    ] {
        app.put(id, "").await.expect_error(400, of_others);
        app.check(id, "123456").await.expect_error(400, of_check);
        app.status(id).await.expect_error(400, of_others);
        app.call("DELETE", &format!("/api/otp/{id}/status"), "").await.expect_error(400, of_others);
    }
    // Three characters of two bytes are six.
    assert_eq!(app.put("%C3%A4%C3%A4%C3%A4", "").await.status, 200);
}

#[tokio::test]
async fn a_bad_check_is_refused_and_not_counted() {
    let app = App::new();
    app.put("uniqueID", "").await;
    let long = format!("otp={}", "1".repeat(1_000));
    for (path, form, message) in [
        ("/api/otp/uniqueID", "", "`otp` is empty."),
        ("/api/otp/uniqueID", "otp=", "`otp` is empty."),
        ("/api/otp/uniqueID", "otp=&otp=123456", "`otp` is empty."),
        ("/api/otp/uniqueID?otp=123456", "otp=", "`otp` is empty."),
        ("/api/otp/uniqueID", &long, "Invalid `otp` value."),
        ("/api/otp/uniqueID", "otp=%00", "Invalid `otp` value."),
        ("/api/otp/uniqueID", "otp=%4", "Invalid `otp` value."),
        ("/api/otp/uniqueID?otp=%ff", "otp=123456", "Invalid `otp` value."),
        ("/api/otp/unknown", "otp=123456", "the OTP does not exist"),
        ("/api/otp/short", "", "ID should be min 6 chars"),
    ] {
        app.call("POST", path, form).await.expect_error(400, message);
    }
    app.status("unknown").await.expect_error(400, "the OTP does not exist");
    let verified = Otp { attempts: 2, closed: true, ..Otp::default() };
    app.check("uniqueID", "123456").await.expect(200, &verified.success());
}

#[tokio::test]
async fn a_json_body_is_not_read() {
    let app = App::new();
    let mut put = request("PUT", "/api/otp/uniqueID", r#"{"provider":"smtp","to":"john@doe.com"}"#);
    put.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    app.send(put).await.expect_error(400, "Unknown provider.");
    let mut put = request("PUT", "/api/otp/uniqueID?provider=smtp&to=john@doe.com&otp=123456", "{");
    put.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    app.send(put).await.expect(200, &Otp::default().started());
}

#[tokio::test]
async fn a_caller_without_the_right_credentials_is_not_let_in() {
    let app = App::new();
    for (method, path) in [
        ("GET", "/api/providers"),
        ("PUT", "/api/otp"),
        ("PUT", "/api/otp/uniqueID"),
        ("POST", "/api/otp/uniqueID"),
        ("POST", "/api/otp/uniqueID/status"),
        ("DELETE", "/api/otp/uniqueID/status"),
        // Before anything else about the request.
        ("POST", "/api/otp/a"),
        ("PUT", "/api/otp/%ff?%ff"),
    ] {
        for (header, message) in [
            (None, "Missing Basic Authorization header."),
            (Some("Bearer abc".to_owned()), "Missing Basic Authorization header."),
            (Some("Basic ?".to_owned()), "Invalid Base64 value in Basic Authorization header."),
            (Some(basic("app")), "Invalid value in Basic Authorization header."),
            (Some("Basic".to_owned()), "Invalid value in Basic Authorization header."),
            (Some(basic("app:wrong")), "Invalid API credentials."),
            (Some(basic("app:hidden")), "Invalid API credentials."),
            (Some(basic("nobody:secret")), "Invalid API credentials."),
            (Some(basic(":")), "Invalid API credentials."),
        ] {
            let mut request = bare_request(method, path).header(CONTENT_TYPE, FORM);
            if let Some(header) = header {
                request = request.header(AUTHORIZATION, header);
            }
            let body = Body::from("provider=smtp&to=john@doe.com&otp=123456");
            app.send(request.body(body).unwrap()).await.expect_error(401, message);
        }
    }
    assert_eq!((app.store.count().await, app.smtp.handed().len()), (0, 0));
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_told_before_who_calls_matters() {
    let app = App::new();
    let nobody = |method: &str, path: &str| bare_request(method, path).body(Body::empty()).unwrap();
    for path in [
        "/api",
        "/api/",
        "/api/otp/",
        "/api/otp/uniqueID/",
        "/api/otp/uniqueID/status/x",
        "/nope",
        "/otp",
        "//",
    ] {
        for method in ["GET", "PUT", "POST", "DELETE", "BREW"] {
            let reply = app.send(nobody(method, path)).await;
            assert_eq!(reply.status, 404, "{method} {path}");
            reply.expect_error(404, "Not found.");
        }
    }
    for (path, allow, wrong) in [
        ("/", "GET,HEAD", &["PUT", "POST", "DELETE"][..]),
        ("/api/health", "GET,HEAD", &["PUT", "POST", "DELETE"]),
        ("/api/providers", "GET,HEAD", &["PUT", "POST", "DELETE", "OPTIONS"]),
        ("/api/otp", "PUT", &["GET", "HEAD", "POST", "DELETE"]),
        ("/api/otp/uniqueID", "PUT,POST", &["GET", "HEAD", "DELETE", "PATCH"]),
        ("/api/otp/uniqueID/status", "POST,DELETE", &["GET", "HEAD", "PUT"]),
    ] {
        for method in wrong {
            let reply = app.send(nobody(method, path)).await;
            assert_eq!((reply.status.as_u16(), reply.header(ALLOW)), (405, allow), "{method} {path}");
            if *method != "HEAD" {
                reply.expect_error(405, "Method not allowed.");
            }
        }
    }
}

#[tokio::test]
async fn no_reply_to_a_failed_check_has_the_code() {
    let app = App::new();
    let secret = "correct-horse-battery-24";
    app.put("uniqueID", "").await;
    app.call("PUT", "/api/otp/uniqueID", &format!("provider=smtp&to=john@doe.com&otp={secret}")).await;
    for _ in 0..8 {
        let reply = app.check("uniqueID", "wrong").await;
        assert!(reply.status == 400 || reply.status == 429, "{reply:?}");
        assert!(!reply.body.contains(secret) && reply.data("otp") == "", "{reply:?}");
    }
}
