//! Every call of otpgateway's API that goes well: whole replies, byte for byte.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::harness::{App, Otp, bare_request, request};

#[tokio::test]
async fn a_code_is_sent_and_verified_once() {
    let app = App::new();
    app.put("uniqueID", "").await.expect(200, &Otp::default().started());
    let message = app.smtp.handed().remove(0).message;
    assert_eq!((message.to.as_str(), message.passcode.expose()), ("john@doe.com", "123456"));
    let verified = Otp { attempts: 2, closed: true, ..Otp::default() };
    app.check("uniqueID", "123456").await.expect(200, &verified.success());
    app.check("uniqueID", "123456").await.expect_error(400, "the OTP does not exist");
    assert_eq!(app.store.count().await, 0, "nothing of a deleted OTP stays");
}

#[tokio::test]
async fn a_put_is_answered_with_all_that_was_asked_for() {
    let app = App::new();
    for (form, expected) in [
        ("provider=smtp&otp=x", Otp { to: "", otp: "x", ..Otp::default() }),
        (
            "provider=smtp&to=a%40b.c&otp=secret+word&ttl=%2B60&max_attempts=007&max_generate=1000000\
             &channel_description=Look+into+your+inbox&address_description=Your+mailbox&skip_delete=maybe",
            Otp {
                to: "a@b.c",
                otp: "secret word",
                ttl: 60,
                max_attempts: 7,
                max_generate: 1_000_000,
                channel_description: "Look into your inbox",
                address_description: "Your mailbox",
                ..Otp::default()
            },
        ),
        (
            "provider=hook&to=account+42&otp=0&ttl=31536000&extra=%20%7B%22b%22:%201.0,%20%22a%22:%201e5,%20%22b%22:%20null%7D%20",
            Otp {
                to: "account 42",
                provider: "hook",
                otp: "0",
                ttl: 31_536_000,
                extra: r#"{"b":1.0,"a":1e5,"b":null}"#,
                ..Otp::default()
            },
        ),
        (
            "provider=sms&to=%2B7701+12345678&otp=1&extra=null",
            Otp { to: "+7701 12345678", provider: "sms", otp: "1", extra: "null", ..Otp::default() },
        ),
        (
            "provider=smtp&otp=1&to=&ttl=&max_attempts=&max_generate=&extra=",
            Otp { to: "", otp: "1", ..Otp::default() },
        ),
        (
            "provider=smtp&provider=sms&otp=1&otp=2&ttl=5&ttl=x",
            Otp { to: "", otp: "1", ttl: 5, ..Otp::default() },
        ),
    ] {
        let app = App::new();
        app.call("PUT", "/api/otp/uniqueID", form).await.expect(200, &expected.started());
    }
    // The query does as well, and what is unknown does no harm.
    let query = "/api/otp/uniqueID?provider=smtp&to=john@doe.com&otp=123456&colour=blue";
    app.call("PUT", query, "").await.expect(200, &Otp::default().started());
}

#[tokio::test]
async fn a_made_code_has_the_providers_length_in_digits() {
    let app = App::new();
    for (provider, to, length) in [("smtp", "john@doe.com", 6), ("sms", "12345678", 6), ("hook", "x", 9)] {
        let form = format!("provider={provider}&to={to}");
        let reply = app.call("PUT", &format!("/api/otp/made-{provider}"), &form).await;
        let otp = reply.data("otp").as_str().unwrap().to_owned();
        assert!(otp.len() == length && otp.bytes().all(|byte| byte.is_ascii_digit()), "{otp}");
        let checked = app.check(&format!("made-{provider}"), &otp).await;
        assert_eq!(checked.status, 200, "{checked:?}");
    }
}

#[tokio::test]
async fn an_id_is_made_where_the_caller_has_none() {
    let app = App::new();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let reply = app.call("PUT", "/api/otp", "provider=smtp&otp=123456&to=john@doe.com").await;
        let id = reply.data("id").as_str().unwrap().to_owned();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        reply.expect(200, &Otp { id: &id, ..Otp::default() }.started());
        let verified = Otp { id: &id, attempts: 2, closed: true, ..Otp::default() };
        app.check(&id, "123456").await.expect(200, &verified.success());
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn an_id_is_decoded_once_and_may_hold_anything_but_control_characters() {
    let app = App::new();
    app.put("john%40doe.com", "").await.expect(200, &Otp { id: "john@doe.com", ..Otp::default() }.started());
    app.check("john@doe.com", "1")
        .await
        .expect(400, &Otp { id: "john@doe.com", attempts: 2, ..Otp::default() }.failure("Incorrect OTP"));
    for (path, id, in_url) in [
        ("a%2Fb%2Fc%2Fd", "a/b/c/d", "a%2Fb%2Fc%2Fd"),
        ("%2525252525", "%25252525", "%2525252525"),
        ("a+b+c+d", "a+b+c+d", "a%2Bb%2Bc%2Bd"),
        ("%C3%A4%C3%A4%C3%A4", "äää", "%C3%A4%C3%A4%C3%A4"),
        ("......", "......", "......"),
        ("%3Cscript%3E", "<script>", "%3Cscript%3E"),
    ] {
        let reply = app.put(path, "").await;
        assert_eq!(reply.data("id"), id);
        assert_eq!(reply.data("url"), format!("http://otp.example.com/otp/app/{in_url}"));
        assert_eq!(app.check(path, "123456").await.status, 200);
    }
    let longest = "x".repeat(256);
    assert_eq!(app.put(&longest, "").await.data("id"), longest);
}

#[tokio::test]
async fn ids_are_unique_per_namespace() {
    let app = App::new();
    app.put("uniqueID", "").await;
    let as_other = |method: &str, path: &str, form: &str| {
        let mut request = request(method, path, form);
        let basic = crate::harness::basic("other:hidden");
        request.headers_mut().insert(http::header::AUTHORIZATION, basic.parse().unwrap());
        request
    };
    let reply = app.send(as_other("POST", "/api/otp/uniqueID", "otp=123456")).await;
    reply.expect_error(400, "the OTP does not exist");
    let reply = app.send(as_other("PUT", "/api/otp/uniqueID", "provider=smtp&otp=654321")).await;
    assert_eq!((reply.data("namespace"), reply.counts()), ("other".into(), (1, 1)));
    app.check("uniqueID", "654321")
        .await
        .expect(400, &Otp { attempts: 2, ..Otp::default() }.failure("Incorrect OTP"));
}

#[tokio::test]
async fn a_check_takes_its_code_from_wherever_it_is() {
    let good = Otp { attempts: 2, closed: true, ..Otp::default() }.success();
    for (path, form) in [
        ("/api/otp/uniqueID", "otp=123456"),
        ("/api/otp/uniqueID", "action=check&otp=123456"),
        ("/api/otp/uniqueID", "action=nonsense&otp=123456"),
        ("/api/otp/uniqueID?otp=123456", ""),
        ("/api/otp/uniqueID?otp=123456", "action=check"),
        ("/api/otp/uniqueID?otp=654321", "otp=123456"),
    ] {
        let app = App::new();
        app.put("uniqueID", "").await;
        app.call("POST", path, form).await.expect(200, &good);
    }
}

#[tokio::test]
async fn status_tells_only_what_is_verified_and_delete_deletes_only_that() {
    let app = App::new();
    app.put("uniqueID", "&skip_delete=true&extra=[1, 2]").await;
    for method in ["POST", "DELETE"] {
        app.call(method, "/api/otp/uniqueID/status", "").await.expect_error(400, "OTP not verified.");
    }
    let closed = Otp { attempts: 2, closed: true, extra: "[1,2]", ..Otp::default() };
    app.check("uniqueID", "123456").await.expect(200, &closed.success());
    app.pass(10);
    let later = Otp { ttl: 290, ..closed };
    app.status("uniqueID").await.expect(200, &later.success());
    app.status("uniqueID").await.expect(200, &later.success());
    app.call("DELETE", "/api/otp/uniqueID/status", "").await.expect(200, &later.success());
    app.status("uniqueID").await.expect_error(400, "the OTP does not exist");
    app.call("DELETE", "/api/otp/uniqueID/status", "").await.expect_error(400, "the OTP does not exist");
    assert_eq!(app.store.count().await, 0);
}

#[tokio::test]
async fn an_otp_that_was_verified_and_locked_since_is_still_verified() {
    let app = App::new();
    app.put("uniqueID", "&skip_delete=1&max_attempts=2").await;
    let closed = Otp { attempts: 2, max_attempts: 2, closed: true, ..Otp::default() };
    app.check("uniqueID", "123456").await.expect(200, &closed.success());
    let locked = Otp { attempts: 3, ..closed };
    app.check("uniqueID", "123456").await.expect_later(
        429,
        300,
        &locked.failure("Too many attempts. Please retry after 300 seconds."),
    );
    app.status("uniqueID").await.expect(200, &locked.success());
    app.call("DELETE", "/api/otp/uniqueID/status", "").await.expect(200, &locked.success());
}

#[tokio::test]
async fn skip_delete_of_the_check_wins_over_that_of_the_put() {
    for (put, check, kept) in [
        ("", "", false),
        ("", "&skip_delete=", false),
        ("&skip_delete=false", "", false),
        ("&skip_delete=true", "", true),
        ("&skip_delete=1", "&skip_delete=", true),
        ("&skip_delete=true", "&skip_delete=false", false),
        ("&skip_delete=true", "&skip_delete=yes", false),
        ("", "&skip_delete=1", true),
        ("", "&skip_delete=t", true),
        ("", "&skip_delete=T", true),
        ("", "&skip_delete=true", true),
        ("", "&skip_delete=True", true),
        ("", "&skip_delete=TRUE", true),
        ("", "&skip_delete=tRUE", false),
        ("", "&skip_delete=0", false),
    ] {
        let app = App::new();
        app.put("uniqueID", put).await;
        let good = Otp { attempts: 2, closed: true, ..Otp::default() };
        app.call("POST", "/api/otp/uniqueID", &format!("otp=123456{check}"))
            .await
            .expect(200, &good.success());
        let again = app.check("uniqueID", "123456").await;
        if kept {
            again.expect(200, &Otp { attempts: 3, ..good }.success());
        } else {
            again.expect_error(400, "the OTP does not exist");
        }
    }
}

#[tokio::test]
async fn the_calls_without_an_otp() {
    let app = App::new();
    app.call("GET", "/api/providers", "")
        .await
        .expect(200, r#"{"status":"success","data":["hook","sms","smtp"]}"#);
    let nobody = |path| bare_request("GET", path).body(axum::body::Body::empty()).unwrap();
    app.send(nobody("/api/health")).await.expect(200, r#"{"status":"success","data":"OK"}"#);
    let root = app.send(nobody("/")).await;
    assert_eq!((root.status.as_u16(), root.header(CONTENT_TYPE)), (200, "text/plain; charset=utf-8"));
    assert!(root.body.contains("Watchword"));
}

#[tokio::test]
async fn nobody_on_the_way_keeps_a_reply() {
    let app = App::new();
    for reply in
        [app.put("uniqueID", "").await, app.check("uniqueID", "1").await, app.status("unknown").await]
    {
        assert_eq!(reply.header(CACHE_CONTROL), "no-store");
    }
}
