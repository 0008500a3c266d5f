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
async fn a_server_that_is_done_with_a_connection_gets_the_message_over_a_fresh_one_in_the_same_try() {
    for farewell in ["drop", "421 4.7.0 enough for one connection", "451 4.3.0 enough for one connection"] {
        let server = MailServer::start(&json!({"script": [["MAIL", "pass"], ["MAIL", farewell]]}));
        let provider = server.provider();
        for number in 0..2 {
            let sample = numbered(number);
            assert_eq!(sample.send(&*provider).await, accepted(&sample), "{farewell}");
        }
        assert_eq!(server.wait_for("mail", 2).await.len(), 2, "{farewell}");
        assert_eq!(server.events("connected").len(), 2, "{farewell}");
    }
}

#[tokio::test]
async fn a_fresh_connection_is_no_way_around_a_no_or_after_the_first_command() {
    for (step, answer, outcome) in [
        ("MAIL", "550 5.7.1 no", "provider_refused"),
        ("RCPT", "451 4.3.0 later", "transient"),
        ("RCPT", "drop", "transient"),
        ("END", "drop", "unknown"),
    ] {
        let server = MailServer::start(&json!({"script": [[step, "pass"], [step, answer]]}));
        let provider = server.provider();
        let first = numbered(0);
        assert_eq!(first.send(&*provider).await, accepted(&first), "{step} {answer}");
        assert_eq!(numbered(1).send(&*provider).await.name(), outcome, "{step} {answer}");
        server.only_mail().await;
        assert_eq!(server.events("connected").len(), 1, "{step} {answer}");
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
    let server =
        MailServer::start(&json!({"script": [["RCPT", "hang"], ["RCPT", "hang"], ["RCPT", "hang"]]}));
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
