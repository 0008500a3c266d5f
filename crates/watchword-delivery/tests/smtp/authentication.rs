//! Signing in, by every way, over every kind of connection.

use serde_json::json;
use watchword_core::delivery::Outcome;
use watchword_delivery::smtp::{AuthProtocol, SmtpSettings, TlsType};

use crate::certificates::Authority;
use crate::mail_server::{MailServer, USERNAME, accepted, provider, sample};

const ALL: [&str; 3] = ["PLAIN", "LOGIN", "CRAM-MD5"];

/// Each kind of connection, as we and as the test's server call it.
const CONNECTIONS: [(TlsType, &str); 3] =
    [(TlsType::None, "none"), (TlsType::StartTls, "starttls"), (TlsType::Tls, "tls")];

#[tokio::test]
async fn every_way_to_sign_in_works_over_every_kind_of_connection() {
    let authority = Authority::new();
    for (tls_type, tls) in CONNECTIONS {
        let server = MailServer::with_sign_in(&ALL, tls, &authority);
        for (mails, protocol, by) in [
            (1, AuthProtocol::Plain, "PLAIN"),
            (2, AuthProtocol::Login, "LOGIN"),
            (3, AuthProtocol::Cram, "CRAM-MD5"),
        ] {
            let settings = SmtpSettings {
                tls_type,
                ca_file: Some(authority.root()),
                ..server.signing_in(Some(protocol))
            };
            let sample = sample();
            assert_eq!(sample.send(&*provider(settings)).await, accepted(&sample), "{tls}, {by}");
            server.wait_for("mail", mails).await;
            let signed_in = server.events("signed-in").pop().unwrap();
            assert_eq!(signed_in, json!({"event": "signed-in", "by": by, "user": USERNAME}), "{tls}");
        }
        for mail in server.wait_for("mail", 3).await {
            assert_eq!(mail["secure"], json!(tls != "none"));
        }
    }
}

#[tokio::test]
async fn mail_goes_out_without_signing_in_over_every_kind_of_connection() {
    let authority = Authority::new();
    for (tls_type, tls) in CONNECTIONS {
        let server =
            MailServer::start(&json!({"tls": tls, "key": authority.key(), "cert": authority.certificate()}));
        for auth_protocol in [None, Some(AuthProtocol::None)] {
            let settings = SmtpSettings {
                tls_type,
                auth_protocol,
                ca_file: Some(authority.root()),
                ..server.settings()
            };
            let sample = sample();
            assert_eq!(sample.send(&*provider(settings)).await, accepted(&sample), "{tls}");
        }
        assert_eq!(server.wait_for("mail", 2).await.len(), 2, "{tls}");
    }
}

#[tokio::test]
async fn with_a_user_name_alone_the_best_that_is_offered_is_taken() {
    let authority = Authority::new();
    for (offered, by) in [(&ALL[..], "PLAIN"), (&["CRAM-MD5", "LOGIN"], "LOGIN"), (&["CRAM-MD5"], "CRAM-MD5")]
    {
        let server = MailServer::with_sign_in(offered, "none", &authority);
        let sample = sample();
        assert_eq!(sample.send(&*provider(server.signing_in(None))).await, accepted(&sample), "{offered:?}");
        server.only_mail().await;
        assert_eq!(server.events("signed-in")[0]["by"], by, "{offered:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_our_mistake_and_not_the_address_s() {
    let authority = Authority::new();
    let server = MailServer::with_sign_in(&ALL, "none", &authority);
    for protocol in [AuthProtocol::Plain, AuthProtocol::Login, AuthProtocol::Cram] {
        let settings = SmtpSettings { password: Some("hunter3".into()), ..server.signing_in(Some(protocol)) };
        let outcome = sample().send(&*provider(settings)).await;
        assert_eq!(outcome, Outcome::ProviderRefused { detail: "535 5.7.8 at AUTH".to_owned() });
    }
    assert_eq!(server.events("mail"), [] as [serde_json::Value; 0]);
}

#[tokio::test]
async fn a_server_that_demands_a_name_refuses_us_and_not_the_address() {
    let server = MailServer::with_sign_in(&ALL, "none", &Authority::new());
    let outcome = sample().send(&*server.provider()).await;
    assert_eq!(outcome, Outcome::ProviderRefused { detail: "530 at MAIL".to_owned() });
}

#[tokio::test]
async fn a_mechanism_that_is_not_offered_is_our_mistake() {
    let server = MailServer::with_sign_in(&["PLAIN"], "none", &Authority::new());
    let outcome = sample().send(&*provider(server.signing_in(Some(AuthProtocol::Cram)))).await;
    let Outcome::ProviderRefused { detail } = &outcome else { panic!("{outcome:?}") };
    assert!(detail.ends_with("at AUTH"), "{detail}");
}
