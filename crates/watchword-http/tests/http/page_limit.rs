//! How many pages one client may ask for.

use std::sync::Arc;

use watchword_http::server::ServerSettings;

use crate::harness::page::PAGE;
use crate::harness::wire::{Client, Listening};
use crate::harness::{App, Wishes, settings};

/// Asks for a page with more headers; the reply's head and its body.
async fn look(client: &mut Client, path: &str, headers: &str) -> String {
    client.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await;
    client.reply().await
}

fn status(reply: &str) -> u16 {
    reply.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn served(per_minute: u32, trusted: &[&str]) -> (Arc<App>, Listening, Client) {
    let mut settings = settings();
    settings.pages.requests_per_minute = per_minute;
    let trusted_proxies = trusted.iter().map(|network| network.parse().unwrap()).collect();
    let app = Arc::new(App::with(Wishes { settings, trusted_proxies, ..Wishes::default() }));
    app.put("uniqueID", "").await;
    let server = Listening::start(app.router.clone(), ServerSettings::default()).await;
    let client = server.connect().await;
    (app, server, client)
}

#[tokio::test]
async fn more_pages_than_the_limit_are_refused_with_a_page_until_the_minute_is_over() {
    let (app, _server, mut client) = served(3, &[]).await;
    for _ in 0..3 {
        assert_eq!(status(&look(&mut client, PAGE, "").await), 200);
        app.pass(10);
    }
    // Polls and static files are not counted, nor refused.
    for path in [format!("{PAGE}/status"), "/static/otp.js".to_owned(), "/".to_owned()] {
        for _ in 0..5 {
            assert_eq!(status(&look(&mut client, &path, "").await), 200, "{path}");
        }
    }
    for path in [PAGE, "/otp/app/uniqueID/address", "/otp/nobody/uniqueID", "/otp/app/uniqueID/"] {
        let reply = look(&mut client, path, "").await;
        assert!(reply.starts_with("HTTP/1.1 429 "), "{reply}");
        assert!(
            reply.contains("retry-after: 30\r\n") && reply.contains("<h1>Too many requests</h1>"),
            "{reply}"
        );
        assert!(reply.contains("Please retry after 30 seconds."));
    }
    let reply = client.call("POST", PAGE, "otp=123456").await;
    assert_eq!(reply.status, 429);
    app.polls(false).await;
    app.pass(30);
    assert_eq!(status(&look(&mut client, PAGE, "").await), 200);
    assert!(app.answered.all().contains(&("otpgateway", "page", "page_limit")));
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_have_a_limit_each() {
    let (_app, _server, mut client) = served(1, &["127.0.0.0/8"]).await;
    for (forwarded, expected) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("192.0.2.2", 200),
        ("evil, 192.0.2.2", 429),
        ("10.0.0.7", 200),
        ("10.0.0.7", 429),
    ] {
        let headers = format!("X-Forwarded-For: {forwarded}\r\n");
        assert_eq!(status(&look(&mut client, PAGE, &headers).await), expected, "{forwarded}");
    }
}

#[tokio::test]
async fn clients_behind_a_near_proxy_that_nobody_named_are_not_limited() {
    let (_app, _server, mut client) = served(1, &[]).await;
    for _ in 0..5 {
        assert_eq!(status(&look(&mut client, PAGE, "X-Forwarded-For: 192.0.2.1\r\n").await), 200);
    }
    assert_eq!(status(&look(&mut client, PAGE, "").await), 200);
    assert_eq!(
        status(&look(&mut client, PAGE, "").await),
        429,
        "whoever comes without one is its own client"
    );
}

#[tokio::test]
async fn no_limit_is_a_limit_of_0() {
    let (_app, _server, mut client) = served(0, &[]).await;
    for _ in 0..200 {
        assert_eq!(status(&look(&mut client, PAGE, "").await), 200);
    }
}
