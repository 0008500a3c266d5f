//! Connections are used again, and their end costs no message.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use watchword_core::delivery::Outcome;
use watchword_delivery::smtp::{AuthProtocol, SmtpSettings, TlsType};

use crate::certificates::Authority;
use crate::mail_server::{MailServer, accepted, numbered, provider, sample};

#[tokio::test]
async fn one_connection_carries_message_after_message() {
    let authority = Authority::new();
    let server = MailServer::with_sign_in(&["CRAM-MD5"], "starttls", &authority);
    let provider = provider(SmtpSettings {
        tls_type: TlsType::StartTls,
        ca_file: Some(authority.root()),
        ..server.signing_in(Some(AuthProtocol::Cram))
    });
    for number in 0..20 {
        let sample = numbered(number);
        assert_eq!(sample.send(&*provider).await, accepted(&sample));
    }
    assert_eq!(server.wait_for("mail", 20).await.len(), 20);
    assert_eq!(server.events("signed-in").len(), 1);
}

#[tokio::test]
async fn messages_at_once_have_a_connection_each_up_to_the_limit() {
    let server = MailServer::open();
    let provider = provider(SmtpSettings { max_conns: 3, ..server.settings() });
    assert_eq!(provider.max_concurrent(), 3);
    for round in 0..3 {
        let samples: Vec<_> = (0..6).map(|number| numbered(6 * round + number)).collect();
        let outcomes = join_all(samples.iter().map(|sample| sample.send(&*provider))).await;
        let expected: Vec<_> = samples.iter().map(accepted).collect();
        assert_eq!(outcomes, expected);
    }
    assert_eq!(server.wait_for("mail", 18).await.len(), 18);
    let connected = server.events("connected").len();
    assert!((2..=3).contains(&connected), "{connected}");
}

#[tokio::test]
async fn a_server_that_comes_back_finds_its_next_message_at_once() {
    let mut server = MailServer::open();
    let provider = provider(SmtpSettings { max_conns: 3, ..server.settings() });
    for round in 0..5 {
        let samples: Vec<_> = (0..3).map(|number| numbered(3 * round + number)).collect();
        let outcomes = join_all(samples.iter().map(|sample| sample.send(&*provider))).await;
        let expected: Vec<_> = samples.iter().map(accepted).collect();
        assert_eq!(outcomes, expected, "round {round}");
        server.stop();
        server = MailServer::start(&json!({"port": server.port}));
    }
}

#[tokio::test]
async fn a_server_that_closes_idle_connections_loses_no_message() {
    let server = MailServer::start(&json!({"idle_ms": 1_000}));
    let provider = server.provider();
    for number in 0..3 {
        let sample = numbered(number);
        assert_eq!(sample.send(&*provider).await, accepted(&sample));
        server.wait_for("closed", usize::from(number) + 1).await;
    }
}

#[tokio::test]
async fn a_server_tired_of_a_connection_gets_a_fresh_one_in_the_same_try() {
    for step in ["MAIL", "RCPT"] {
        let server = MailServer::open();
        let provider = server.provider();
        let first = numbered(0);
        assert_eq!(first.send(&*provider).await, accepted(&first));
        server.stop();
        let server = MailServer::start(&json!({"port": server.port, "drop_first": step}));
        let second = numbered(1);
        // Its kept connection is gone with the first server: the fresh one is cut, and that is not tried again.
        assert_eq!(second.send(&*provider).await.name(), "transient", "{step}");
        assert_eq!(server.events("connected").len(), 1, "{step}");
    }
}

#[tokio::test]
async fn a_connection_nobody_needs_is_closed_after_the_idle_time() {
    let server = MailServer::open();
    let provider = provider(SmtpSettings { idle_timeout: Some(Duration::from_secs(1)), ..server.settings() });
    for round in 0..2 {
        let sample = numbered(round);
        assert_eq!(sample.send(&*provider).await, accepted(&sample));
        server.wait_for("closed", usize::from(round) + 1).await;
    }
    assert_eq!(server.events("connected").len(), 2);
}

#[tokio::test]
async fn a_try_that_is_given_up_leaves_no_half_said_connection_behind() {
    let server = MailServer::start(&json!({"hang": "RCPT"}));
    let provider = provider(SmtpSettings { max_conns: 1, ..server.settings() });
    for round in 1..=3 {
        let sample = sample();
        let mut sending = Box::pin(sample.send(&*provider));
        tokio::select! {
            outcome = &mut sending => panic!("{outcome:?}"),
            _ = server.wait_for("connected", round) => {}
        }
        drop(sending);
        server.wait_for("closed", round).await;
    }
}

#[tokio::test]
async fn a_provider_that_is_taken_away_lets_go_of_its_connections() {
    let server = MailServer::open();
    let provider = server.provider();
    let sample = sample();
    let outcome: Outcome = sample.send(&*provider).await;
    assert_eq!(outcome, accepted(&sample));
    drop(provider);
    server.wait_for("closed", 1).await;
}
