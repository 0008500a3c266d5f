//! A second mail server, by other authors: what works with one server may be its own habit.

use serde_json::{Value, json};
use watchword_core::delivery::{BodyFormat, Outcome};
use watchword_delivery::smtp::{AuthProtocol, SmtpSettings, TlsType};

use crate::certificates::Authority;
use crate::mail_server::{MailServer, PASSWORD, USERNAME, accepted, numbered, provider, sample};

#[tokio::test]
async fn mail_arrives_by_every_kind_of_connection_and_each_way_to_sign_in() {
    let authority = Authority::new();
    for (tls_type, tls) in [(TlsType::None, "none"), (TlsType::StartTls, "starttls"), (TlsType::Tls, "tls")] {
        for auth in [false, true] {
            let server = MailServer::start_another(&json!({
                "tls": tls, "key": authority.key(), "cert": authority.certificate(),
                "auth": auth, "username": USERNAME, "password": PASSWORD,
            }));
            let ways = [(AuthProtocol::Plain, "PLAIN"), (AuthProtocol::Login, "LOGIN")];
            for (protocol, by) in if auth { &ways[..] } else { &[(AuthProtocol::None, "")] } {
                let settings = SmtpSettings {
                    tls_type,
                    ca_file: Some(authority.root()),
                    ..server.signing_in(Some(*protocol))
                };
                let provider = provider(settings);
                let before = server.events("mail").len();
                for number in 0..2 {
                    let mut sample = numbered(number);
                    sample.message.format = BodyFormat::Html;
                    "<p>Код: <b>314159</b></p>".clone_into(&mut sample.message.body);
                    assert_eq!(sample.send(&*provider).await, accepted(&sample), "{tls}, {by}");
                    let mail = server.wait_for("mail", before + usize::from(number) + 1).await.pop().unwrap();
                    let expected = json!({
                        "event": "mail", "from": "otp@example.com", "to": "ann.701@example.com", "secure": tls != "none",
                        "subject": "Код / Code", "text": "Код: 314159\r\n", "html": "<p>Код: <b>314159</b></p>",
                    });
                    assert_eq!(mail, expected);
                }
                let signed_in = server.events("signed-in").pop();
                assert_eq!(signed_in, auth.then(|| json!({"event": "signed-in", "by": by})), "{tls}");
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_our_mistake_here_too() {
    let server = MailServer::start_another(
        &json!({"tls": "none", "auth": true, "username": USERNAME, "password": PASSWORD}),
    );
    for protocol in [AuthProtocol::Plain, AuthProtocol::Login] {
        let settings = SmtpSettings { password: Some("hunter3".into()), ..server.signing_in(Some(protocol)) };
        let outcome = sample().send(&*provider(settings)).await;
        assert_eq!(outcome, Outcome::ProviderRefused { detail: "535 5.7.8 at AUTH".to_owned() });
    }
    assert_eq!(server.events("mail"), [] as [Value; 0]);
}
