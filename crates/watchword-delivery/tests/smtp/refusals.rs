//! What a server's no means, at each step.

use serde_json::json;
use watchword_core::delivery::Outcome;

use crate::mail_server::{MailServer, accepted, numbered, sample};

fn address(detail: &str) -> Outcome {
    Outcome::AddressRefused { detail: detail.to_owned() }
}

fn provider(detail: &str) -> Outcome {
    Outcome::ProviderRefused { detail: detail.to_owned() }
}

fn transient(detail: &str) -> Outcome {
    Outcome::Transient { detail: detail.to_owned() }
}

#[tokio::test]
async fn each_reply_means_what_the_table_says() {
    let end = "at the end of the message";
    let table = [
        ("CONNECT", "554 5.7.1 ann.701 is blocked", provider("554 5.7.1 at EHLO")),
        ("CONNECT", "421 too busy", transient("421 at EHLO")),
        ("MAIL", "550 5.1.8 no such sender", provider("550 5.1.8 at MAIL")),
        ("MAIL", "530 5.7.0 sign in first", provider("530 5.7.0 at MAIL")),
        ("MAIL", "451 4.7.0 try later", transient("451 4.7.0 at MAIL")),
        ("MAIL", "421 4.3.2 going down", transient("421 4.3.2 at MAIL")),
        ("RCPT", "550 5.1.1 <ann.701@example.com> unknown", address("550 5.1.1 at RCPT")),
        ("RCPT", "550 no ann.701 here", address("550 at RCPT")),
        ("RCPT", "551 not local", address("551 at RCPT")),
        ("RCPT", "553 5.1.3 bad address", address("553 5.1.3 at RCPT")),
        ("RCPT", "552 5.2.2 mailbox full", address("552 5.2.2 at RCPT")),
        ("RCPT", "552 4.2.2 mailbox full", transient("552 4.2.2 at RCPT")),
        ("RCPT", "552 too many", transient("552 at RCPT")),
        ("RCPT", "452 4.2.2 mailbox full", transient("452 4.2.2 at RCPT")),
        ("RCPT", "450 4.2.0 greylisted", transient("450 4.2.0 at RCPT")),
        ("RCPT", "550 5.7.1 no relaying", address("550 5.7.1 at RCPT")),
        ("RCPT", "550 5.1.8 bad sender", provider("550 5.1.8 at RCPT")),
        ("RCPT", "530 sign in first", provider("530 at RCPT")),
        ("RCPT", "421 4.7.0 slow down", transient("421 4.7.0 at RCPT")),
        ("END", "554 5.7.1 spam", provider(&format!("554 5.7.1 {end}"))),
        ("END", "550 5.1.1 no ann.701", address(&format!("550 5.1.1 {end}"))),
        ("END", "550 5.1.10 no such recipient", address(&format!("550 5.1.10 {end}"))),
        ("END", "550 5.2.2 full", address(&format!("550 5.2.2 {end}"))),
        ("END", "550 5.1.8 bad sender", provider(&format!("550 5.1.8 {end}"))),
        ("END", "552 5.3.4 too large", provider(&format!("552 5.3.4 {end}"))),
        ("END", "451 4.3.0 try later", transient(&format!("451 4.3.0 {end}"))),
    ];
    let script: Vec<_> = table.iter().map(|(step, reply, _)| [step, reply]).collect();
    let server = MailServer::start(&json!({"script": script}));
    for (step, reply, outcome) in table {
        assert_eq!(sample().send(&*server.provider()).await, outcome, "{step}: {reply}");
    }
    assert_eq!(server.events("mail").len(), 0);
}

#[tokio::test]
async fn a_refused_address_costs_the_next_one_nothing() {
    for step in ["MAIL", "RCPT", "END"] {
        let server = MailServer::start(&json!({"script": [[step, "550 5.1.1 no"]]}));
        let provider = server.provider();
        let refused = sample().send(&*provider).await;
        assert!(refused.name().ends_with("refused"), "{refused:?}");
        let next = numbered(1);
        assert_eq!(next.send(&*provider).await, accepted(&next), "{step}");
        server.only_mail().await;
        assert_eq!(server.events("connected").len(), 1, "{step}");
    }
}

#[tokio::test]
async fn a_text_that_is_no_address_is_refused_without_a_word_to_the_server() {
    let server = MailServer::open();
    let provider = server.provider();
    for to in [
        "",
        "ann.701",
        "ann.701@",
        "@example.com",
        "ann.701@exa mple.com",
        "ann.701@example.com\r\nRCPT TO:<eve@example.com>",
        "ann.701@example.com\nBcc: eve@example.com",
        "\"ann.701\r\nBcc: eve\"@example.com",
        "ann.701@example.com>",
        "<ann.701@example.com>",
        "ann.701@example.com, eve@example.com",
        "Ann <ann.701@example.com>",
        "+7 701 123 45 67",
    ] {
        let mut sample = sample();
        to.clone_into(&mut sample.message.to);
        let outcome = sample.send(&*provider).await;
        assert_eq!(outcome, address("no e-mail address that mail can be sent to"), "{to:?}");
    }
    assert_eq!(server.events("connected").len(), 0);
}
