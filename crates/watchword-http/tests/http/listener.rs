//! The listener: keep-alive, quiet and greedy clients, draining.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures::StreamExt;
use futures::channel::mpsc;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use watchword_http::server::ServerSettings;
use watchword_testkit::deadline::{eventually, within};

use crate::harness::wire::Listening;

fn settings() -> ServerSettings {
    ServerSettings {
        header_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(20),
        ..ServerSettings::default()
    }
}

fn router() -> Router {
    Router::new().route("/", get(async || "hello"))
}

/// A route whose reply waits until the test gives a permit.
fn waiting() -> (Router, Arc<Semaphore>) {
    let go = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&go);
    let wait = move || {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            "done"
        }
    };
    (router().route("/wait", get(wait)), go)
}

#[tokio::test]
async fn many_requests_go_over_one_connection() {
    let server = Listening::start(router(), settings()).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        let reply = client.get("/").await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\nhello"), "{reply}");
    }
    // Sent at once, answered in order.
    client
        .write("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let replies = String::from_utf8(client.rest().await).unwrap();
    assert!(replies.contains("200 OK") && replies.contains("404 Not Found"), "{replies}");
}

#[tokio::test]
async fn a_new_connection_has_ten_seconds_to_ask() {
    let server = Listening::start(router(), settings()).await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    // Accepted before time passes: this one was after them.
    server.connect().await.get("/").await;
    for byte in b"GET / HTT" {
        slow.write([*byte]).await;
        server.pass(1).await;
    }
    assert!(silent.is_silent().await && slow.is_silent().await);
    server.pass(1).await;
    assert_eq!((silent.rest().await, slow.rest().await), (vec![], vec![]));
}

#[tokio::test]
async fn a_connection_may_be_quiet_for_so_long_between_two_requests() {
    let server = Listening::start(router(), settings()).await;
    let mut client = server.connect().await;
    client.get("/").await;
    for _ in 0..3 {
        server.pass(29).await;
        client.get("/").await;
    }
    // One look sees that it was at work, and thirty that it is not.
    server.pass(30).await;
    assert!(client.is_silent().await);
    server.pass(1).await;
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_request_at_work_is_not_quiet() {
    let (router, go) = waiting();
    let server = Listening::start(router, settings()).await;
    let mut client = server.connect().await;
    client.write("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.pass(100).await;
    go.add_permits(1);
    assert!(client.reply().await.ends_with("done"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let held = Arc::new(());
    let in_reply = Arc::clone(&held);
    let endless = move || {
        let in_reply = Arc::clone(&in_reply);
        let chunks = futures::stream::repeat_with(move || {
            let _held = &in_reply;
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 64 * 1_024]))
        });
        async move { Body::from_stream(chunks) }
    };
    let server = Listening::start(Router::new().route("/endless", get(endless)), settings()).await;
    let mut client = server.connect().await;
    client.write("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(client.read().await.starts_with(b"HTTP/1.1 200 OK"));
    // It writes until all buffers are full; from then on it is quiet. The handler holds one, and so does the test.
    let cut = async || {
        server.pass(1).await;
        (Arc::strong_count(&held) == 2).then_some(())
    };
    eventually("the connection to be cut", cut).await;
    client.rest().await;
}

#[tokio::test]
async fn a_stream_lives_while_something_comes() {
    let (sender, receiver) = mpsc::unbounded::<Result<Bytes, std::io::Error>>();
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let stream = move || {
        let events = receiver.lock().take().expect("asked once");
        async move { Body::from_stream(events.boxed()) }
    };
    let server = Listening::start(router().route("/stream", get(stream)), settings()).await;
    let mut client = server.connect().await;
    client.write("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").await;
    for _ in 0..4 {
        sender.unbounded_send(Ok(Bytes::from_static(b"event"))).unwrap();
        let mut seen = String::new();
        while !seen.contains("event") {
            seen.push_str(std::str::from_utf8(&client.read().await).unwrap());
        }
        server.pass(25).await;
    }
    server.pass(31).await;
    client.rest().await;
}

#[tokio::test]
async fn no_more_connections_than_allowed_are_served_at_once() {
    let server = Listening::start(router(), ServerSettings { max_connections: 2, ..settings() }).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    first.get("/").await;
    second.get("/").await;
    let mut third = server.connect().await;
    third.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    first.get("/").await;
    assert!(third.is_silent().await);
    drop(second);
    assert!(third.reply().await.ends_with("hello"));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = Listening::start(router(), settings()).await;
    let mut client = server.connect().await;
    let filler = format!("X-Filler: {}\r\n", "x".repeat(1_000));
    client.write(format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", filler.repeat(50))).await;
    assert!(client.reply().await.starts_with("HTTP/1.1 200 OK"));
    let mut client = server.connect().await;
    client.write(format!("GET / HTTP/1.1\r\nHost: x\r\nX-Filler: {}", "x".repeat(65 * 1_024))).await;
    let reply = String::from_utf8(client.rest().await).unwrap();
    assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_takes_nothing_new() {
    let (router, go) = waiting();
    let server = Listening::start(router, settings()).await;
    let address = server.address;
    let (mut at_work, mut idle) = (server.connect().await, server.connect().await);
    let mut silent = server.connect().await;
    idle.get("/").await;
    at_work.write("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    // Once this one is answered, that one is at work.
    idle.get("/").await;
    let (_clock, mut serving) = server.stop();
    assert_eq!((idle.rest().await, silent.rest().await), (vec![], vec![]));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert!(futures::poll!(&mut serving).is_pending());
    go.add_permits(1);
    let reply = String::from_utf8(at_work.rest().await).unwrap();
    assert!(reply.ends_with("done") && reply.contains("connection: close"), "{reply}");
    within("the listener to stop", serving).await.unwrap();
}

#[tokio::test]
async fn stopping_waits_for_nobody_longer_than_the_drain_timeout() {
    let (router, _go) = waiting();
    let server = Listening::start(router, settings()).await;
    let mut at_work = server.connect().await;
    at_work.write("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.connect().await.get("/").await;
    let begin = watchword_core::ports::Clock::now(&*server.clock);
    let (clock, serving) = server.stop();
    let over = begin.after(Duration::from_secs(20));
    let draining = async || clock.sleepers().contains(&over).then_some(());
    eventually("the listener to drain", draining).await;
    assert!(at_work.is_silent().await);
    clock.set(over);
    within("the listener to stop", serving).await.unwrap();
    assert_eq!(at_work.rest().await, b"");
}
