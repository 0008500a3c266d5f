//! Servers that are away, hang, or cut the connection.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpSocket;
use watchword_core::delivery::Outcome;
use watchword_delivery::smtp::SmtpSettings;

use crate::mail_server::{MailServer, accepted, provider, sample};

#[tokio::test]
async fn a_server_that_is_away_is_tried_again() {
    // Bound and not listening: nobody else gets the port meanwhile.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let settings =
        SmtpSettings { port: Some(socket.local_addr().unwrap().port()), ..SmtpSettings::new("127.0.0.1") };
    let outcome = sample().send(&*provider(settings)).await;
    let detail = "no connection: Connection refused (os error 111)".to_owned();
    assert_eq!(outcome, Outcome::Transient { detail });
}

#[tokio::test]
async fn an_unknown_host_is_tried_again() {
    // Nobody has such a name (RFC 6761, section 6.4).
    let outcome = sample().send(&*provider(SmtpSettings::new("mail.invalid"))).await;
    assert_eq!(outcome.name(), "transient", "{outcome:?}");
}

#[tokio::test]
async fn a_connection_cut_before_the_message_is_whole_loses_nothing_and_sends_nothing_twice() {
    for step in ["CONNECT", "MAIL", "RCPT", "DATA"] {
        let server = MailServer::start(&json!({"script": [[step, "drop"]]}));
        // So much takes its time on a busy machine.
        let timeout = Some(Duration::from_secs(60));
        let provider = provider(SmtpSettings { timeout, ..server.settings() });
        let mut sample = sample();
        // More than the systems in between would swallow: the server cuts long before the end.
        sample.message.body = "a line of a long message\n".repeat(1 << 20);
        let outcome = sample.send(&*provider).await;
        assert_eq!(outcome.name(), "transient", "{step}: {outcome:?}");
        assert_eq!(server.wait_for("dropped", 1).await.len(), 1, "{step}");
        sample.message.body = "short".to_owned();
        assert_eq!(sample.send(&*provider).await, accepted(&sample), "{step}");
        server.only_mail().await;
    }
}

#[tokio::test]
async fn a_connection_cut_after_the_message_leaves_it_in_doubt() {
    let server = MailServer::start(&json!({"script": [["END", "drop"]]}));
    let outcome = sample().send(&*server.provider()).await;
    let detail = "the server closed the connection at the end of the message".to_owned();
    assert_eq!(outcome, Outcome::Unknown { detail });
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    for (step, outcome) in [
        ("CONNECT", Outcome::Transient { detail: "no connection in time".to_owned() }),
        ("MAIL", Outcome::Transient { detail: "no answer in time at MAIL".to_owned() }),
        ("RCPT", Outcome::Transient { detail: "no answer in time at RCPT".to_owned() }),
        ("END", Outcome::Unknown { detail: "no answer in time at the end of the message".to_owned() }),
    ] {
        let server = MailServer::start(&json!({"script": [[step, "hang"]]}));
        let settings = SmtpSettings { timeout: Some(Duration::from_secs(2)), ..server.settings() };
        let provider = provider(settings);
        assert_eq!(provider.timeout(), Duration::from_secs(2));
        // `send` of the sample sees to it that this comes within the timeout.
        assert_eq!(sample().send(&*provider).await, outcome, "{step}");
        // What is half said is not gone on with.
        server.wait_for("closed", 1).await;
    }
}
