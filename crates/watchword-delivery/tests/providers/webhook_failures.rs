//! Receivers that are away, hang, break off or talk nonsense.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use watchword_core::delivery::Outcome;
use watchword_delivery::webhook::WebhookSettings;

use crate::raw_server;
use crate::receiver::{webhook, webhook_at};
use crate::sample::Sample;

const ACCEPTED: Outcome = Outcome::Accepted { message_id: None };

async fn outcome_at(address: SocketAddr) -> Outcome {
    Sample::new().send(&*webhook_at(format!("http://{address}/secret-path"))).await
}

/// Reads the request, writes `reply` and closes.
async fn outcome_of_reply(reply: &'static str) -> Outcome {
    let address = raw_server::serve(move |mut connection| async move {
        raw_server::read_request(&mut connection).await;
        raw_server::write(&mut connection, reply).await;
    })
    .await;
    outcome_at(address).await
}

#[tokio::test]
async fn a_refused_connection_wrote_nothing() {
    // Bound and not listening: nobody else gets the port meanwhile.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let outcome = outcome_at(socket.local_addr().unwrap()).await;
    let Outcome::Transient { detail } = outcome else { panic!("{outcome:?}") };
    assert!(detail.starts_with("no connection: Connection refused"), "{detail}");
}

#[tokio::test]
async fn an_unknown_host_wrote_nothing() {
    // Too long a label to be asked for: no name server hears of it.
    let url = format!("http://secret-path-{}.example/", "x".repeat(64));
    let outcome = Sample::new().send(&*webhook_at(url)).await;
    assert_eq!(outcome.name(), "transient", "{outcome:?}");
}

#[tokio::test]
async fn tls_that_does_not_come_about_wrote_nothing() {
    let address = raw_server::serve(|mut connection| async move {
        raw_server::write(&mut connection, "220 mail.example ESMTP\r\n").await;
        read_to_end(connection).await;
    })
    .await;
    let outcome = Sample::new().send(&*webhook_at(format!("https://{address}/secret-path"))).await;
    assert_eq!(outcome.name(), "transient", "{outcome:?}");
}

#[tokio::test]
async fn a_connection_that_never_comes_about_wrote_nothing() {
    let address = raw_server::serve(read_to_end).await;
    let outcome = Sample::new().send(&*webhook_at(format!("https://{address}/secret-path"))).await;
    assert_eq!(outcome.name(), "transient", "{outcome:?}");
}

#[tokio::test]
async fn a_connection_closed_before_the_reply_leaves_the_message_in_doubt() {
    let outcome = outcome_of_reply("").await;
    let detail = "no answer: connection closed before message completed".to_owned();
    assert_eq!(outcome, Outcome::Unknown { detail });
}

#[tokio::test]
async fn a_connection_closed_within_the_head_leaves_the_message_in_doubt() {
    let outcome = outcome_of_reply("HTTP/1.1 200 OK\r\nContent-Le").await;
    assert_eq!(outcome.name(), "unknown", "{outcome:?}");
}

#[tokio::test]
async fn nonsense_leaves_the_message_in_doubt() {
    for reply in ["220 mail.example ESMTP\r\n", "HTTP/1.1 OK\r\n\r\n", "\0\0\0\0\r\n\r\n"] {
        let outcome = outcome_of_reply(reply).await;
        assert_eq!(outcome.name(), "unknown", "{reply:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_head_of_the_reply_decides_even_if_its_body_breaks_off() {
    assert_eq!(outcome_of_reply("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc").await, ACCEPTED);
    assert_eq!(outcome_of_reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz").await, ACCEPTED);
    let outcome = outcome_of_reply("HTTP/1.1 500 X\r\nContent-Length: 100\r\n\r\nabc").await;
    assert_eq!(outcome, Outcome::Transient { detail: "HTTP 500".to_owned() });
}

#[tokio::test]
async fn a_body_without_end_costs_the_connection_and_not_the_answer() {
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let (hung_up, mut hang_up) = mpsc::unbounded_channel();
        let address = raw_server::serve(move |mut connection| {
            let hung_up = hung_up.clone();
            async move {
                raw_server::read_request(&mut connection).await;
                raw_server::write(&mut connection, head).await;
                let chunk = ["1000\r\n", &"x".repeat(0x1000), "\r\n"].concat();
                let mut written = 0;
                while connection.write_all(chunk.as_bytes()).await.is_ok() {
                    written += chunk.len();
                }
                hung_up.send(written).unwrap();
            }
        })
        .await;
        assert_eq!(outcome_at(address).await, ACCEPTED, "{head}");
        let written = tokio::time::timeout(Duration::from_secs(10), hang_up.recv())
            .await
            .unwrap_or_else(|_| panic!("the connection is still open: {head}"))
            .unwrap();
        // What the sockets' buffers hold: some 4 MB. Time alone as the bound lets hundreds through.
        assert!(written < 32 << 20, "{written} bytes were taken: {head}");
    }
}

#[tokio::test]
async fn a_body_that_stops_coming_costs_the_connection_and_not_the_answer() {
    let (hung_up, mut hang_up) = mpsc::unbounded_channel();
    let address = raw_server::serve(move |mut connection| {
        let hung_up = hung_up.clone();
        async move {
            raw_server::read_request(&mut connection).await;
            raw_server::write(&mut connection, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
            read_to_end(connection).await;
            hung_up.send(()).unwrap();
        }
    })
    .await;
    assert_eq!(outcome_at(address).await, ACCEPTED);
    tokio::time::timeout(Duration::from_secs(10), hang_up.recv()).await.expect("the connection is closed");
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_given_up_in_time() {
    let address = raw_server::serve(|mut connection| async move {
        raw_server::read_request(&mut connection).await;
        read_to_end(connection).await;
    })
    .await;
    let settings = WebhookSettings {
        timeout: Some(Duration::from_secs(1)),
        ..WebhookSettings::new(format!("http://{address}/secret-path"))
    };
    let provider = webhook(settings);
    assert_eq!(provider.timeout(), Duration::from_secs(1));
    // `send` of the sample sees to it that this comes within the timeout.
    let outcome = Sample::new().send(&*provider).await;
    assert_eq!(outcome, Outcome::Unknown { detail: "no answer in time".to_owned() });
}

#[tokio::test]
async fn a_receiver_that_hangs_behind_a_redirect_gets_no_time_of_its_own() {
    let address = raw_server::serve(|mut connection| async move {
        let request = raw_server::read_request(&mut connection).await;
        if request.starts_with("POST /first ") {
            raw_server::write(
                &mut connection,
                "HTTP/1.1 307 X\r\nLocation: /second\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            )
            .await;
        } else {
            read_to_end(connection).await;
        }
    })
    .await;
    let settings = WebhookSettings {
        timeout: Some(Duration::from_secs(1)),
        ..WebhookSettings::new(format!("http://{address}/first"))
    };
    let outcome = Sample::new().send(&*webhook(settings)).await;
    assert_eq!(outcome, Outcome::Unknown { detail: "no answer in time".to_owned() });
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_no_message() {
    let (closed, mut closes) = mpsc::unbounded_channel();
    let address = raw_server::serve(move |mut connection| {
        let closed = closed.clone();
        async move {
            raw_server::read_request(&mut connection).await;
            // Promises to stay, and leaves.
            raw_server::write(&mut connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            drop(connection);
            closed.send(()).unwrap();
        }
    })
    .await;
    let provider = webhook_at(format!("http://{address}/"));
    for number in 0..20 {
        assert_eq!(Sample::numbered(number).send(&*provider).await, ACCEPTED);
        closes.recv().await.unwrap();
        // The runtime looks at its sockets every 61 turns: after these, the client has seen the end.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
}

async fn read_to_end(mut connection: TcpStream) {
    let mut bytes = [0; 1_024];
    while matches!(connection.read(&mut bytes).await, Ok(1..)) {}
}
