//! Finding out whether mail could be sent, without sending any.

use serde_json::json;
use watchword_core::ports::Probe;
use watchword_delivery::smtp::{AuthProtocol, SmtpSettings, TlsType};

use crate::certificates::Authority;
use crate::mail_server::{MailServer, provider};

#[tokio::test]
async fn a_good_server_says_how_it_was_reached_and_says_goodbye() {
    let authority = Authority::new();
    for (tls_type, tls, how) in [
        (TlsType::None, "none", "without TLS"),
        (TlsType::StartTls, "starttls", "with STARTTLS"),
        (TlsType::Tls, "tls", "in TLS"),
    ] {
        let server = MailServer::with_sign_in(&["LOGIN"], tls, &authority);
        let settings = SmtpSettings {
            tls_type,
            ca_file: Some(authority.root()),
            ..server.signing_in(Some(AuthProtocol::Login))
        };
        let tried = format!("connected to 127.0.0.1 port {} {how}, signed in by LOGIN", server.port);
        assert_eq!(provider(settings).probe().await, Probe::Good { tried });
        server.wait_for("closed", 1).await;
        assert_eq!(server.events("mail").len(), 0);
    }
    let server = MailServer::open();
    let tried = format!("connected to 127.0.0.1 port {} without TLS, without signing in", server.port);
    assert_eq!(server.provider().probe().await, Probe::Good { tried });
}

#[tokio::test]
async fn a_bad_one_says_what_is_wrong() {
    let authority = Authority::new();
    let server = MailServer::with_sign_in(&["PLAIN"], "none", &authority);
    let settings = SmtpSettings { password: Some("hunter3".into()), ..server.signing_in(None) };
    let problem = format!("127.0.0.1 port {}: 535 5.7.8 at AUTH", server.port);
    assert_eq!(provider(settings).probe().await, Probe::Failed { problem });

    let server = MailServer::start(&json!({"script": [["CONNECT", "hang"]]}));
    let settings = SmtpSettings { timeout: Some(std::time::Duration::from_secs(1)), ..server.settings() };
    let problem = format!("127.0.0.1 port {}: no answer in time at EHLO", server.port);
    assert_eq!(provider(settings).probe().await, Probe::Failed { problem });
}
