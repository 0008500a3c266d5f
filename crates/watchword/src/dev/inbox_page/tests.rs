use axum::body::Body;
use tower::ServiceExt as _;
use watchword_core::delivery::DeliveryId;
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Passcode;
use watchword_core::time::Timestamp;

use super::*;
use crate::clock::SystemClock;
use crate::random::OsRandom;

fn message(at: i64) -> Arc<InboxMessage> {
    let at = Timestamp::from_millis(at);
    Arc::new(InboxMessage {
        delivery: DeliveryId::generate(at, &OsRandom),
        at,
        to: "ann@example.com".to_owned(),
        subject: "</script><script>alert(1)</script>".to_owned(),
        body: "one\ntwo\r\n\r\nid: 7\n".to_owned(),
        passcode: Passcode::new("123456").unwrap(),
        namespace: Namespace::new("dev").unwrap(),
        external_id: None,
    })
}

async fn get_from(listen: &str, path: &str, host: Option<&str>) -> (StatusCode, HeaderMap, String) {
    let inbox = Inbox::new(Arc::new(SystemClock::new()), 10);
    let router = router(inbox, listen.parse().unwrap(), CancellationToken::new());
    let mut request = Request::get(path);
    if let Some(host) = host {
        request = request.header(HOST, host);
    }
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn text_can_not_break_out_of_the_page() {
    let escaped = Escaped("<img src=x onerror='a()'> & \"b\" é").to_string();
    assert_eq!(escaped, "&lt;img src=x onerror=&#39;a()&#39;&gt; &amp; &quot;b&quot; é");
}

#[test]
fn a_message_can_not_break_out_of_its_event() {
    let json = serde_json::to_string(&Shown::new(&message(1))).unwrap();
    assert!(!json.contains(['\n', '\r']), "{json}");
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&read["body"], &read["id"]), (&"one\ntwo\r\n\r\nid: 7\n".into(), &serde_json::Value::Null));
}

#[test]
fn a_browser_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let (first, second, third) = (message(1), message(2), message(3));
    let kept = vec![Arc::clone(&third), Arc::clone(&second), Arc::clone(&first)];
    let ids =
        |messages: VecDeque<Arc<InboxMessage>>| messages.iter().map(|one| one.delivery).collect::<Vec<_>>();
    let after = |last: Option<&str>| ids(newer(kept.clone(), last));
    let id = |message: &InboxMessage| message.delivery.to_string();
    assert_eq!(after(None), [first.delivery, second.delivery, third.delivery]);
    assert_eq!(after(Some(&id(&first))), [second.delivery, third.delivery]);
    assert_eq!(after(Some(&id(&third))), []);
    // That one is not kept any more, or was another server's.
    assert_eq!(after(Some("gone")), [first.delivery, second.delivery, third.delivery]);
}

#[test]
fn only_names_of_this_machine_are_names_of_this_machine() {
    for host in [
        "localhost",
        "LocalHost:9000",
        "127.0.0.1",
        "127.0.0.1:9000",
        "127.8.9.1:1",
        "[::1]",
        "[::1]:9000",
        "inbox.localhost:9000",
    ] {
        assert!(is_loopback(host), "{host}");
    }
    for host in [
        "",
        ":9000",
        "evil.example",
        "evil.example:9000",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1.evil.example",
        "0.0.0.0:9000",
        "192.168.1.7",
        "[::]:9000",
        "[::1]evil",
        "[::1]:x",
        "::1",
        "localhost:9000:9000",
        "127.1",
        "localhost@evil.example",
        "[::ffff:1.2.3.4]",
    ] {
        assert!(!is_loopback(host), "{host}");
    }
}

#[tokio::test]
async fn a_website_that_points_its_name_at_this_machine_sees_nothing() {
    for path in [PATH, "/dev/inbox/events", "/dev/inbox/messages", "/dev/inbox/code", "/dev/inbox/app.js"] {
        for host in [Some("evil.example:9000"), None] {
            let (status, _, body) = get_from("127.0.0.1:9000", path, host).await;
            assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{path}");
            assert!(body.contains("--listen"), "{body}");
        }
        let (status, ..) =
            get_from("127.0.0.1:9000", &format!("http://evil.example{path}"), Some("localhost")).await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    for (listen, host) in
        [("127.0.0.1:9000", "localhost:9000"), ("0.0.0.0:9000", "mypc:9000"), ("[::]:1", "mypc")]
    {
        let (status, ..) = get_from(listen, PATH, Some(host)).await;
        assert_eq!(status, StatusCode::OK, "{listen} {host}");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline() {
    let (_, headers, html) = get_from("127.0.0.1:9100", PATH, Some("localhost")).await;
    assert_eq!(headers[CONTENT_SECURITY_POLICY], POLICY);
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert!(html.contains("http://127.0.0.1:9100/api/otp/my-first-code</code>"), "{html}");
    assert!(!html.contains("{{") && !html.contains("style=") && !html.contains("onclick"), "{html}");
    let own = ["/dev/inbox/app.css", "/dev/inbox/app.js"];
    let elsewhere = html.split("\"").filter(|part| part.starts_with("http") || part.starts_with('/'));
    assert_eq!(elsewhere.collect::<Vec<_>>(), own);
    for (path, content_type) in
        std::iter::zip(own, ["text/css; charset=utf-8", "text/javascript; charset=utf-8"])
    {
        let (status, headers, text) = get_from("127.0.0.1:9100", path, Some("localhost")).await;
        assert_eq!((status, headers[CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, content_type));
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("innerHTML"), "{path}");
    }
}
