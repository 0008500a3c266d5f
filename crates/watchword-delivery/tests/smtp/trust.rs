//! Which servers are believed.

use serde_json::json;
use watchword_core::delivery::Outcome;
use watchword_delivery::smtp::{SmtpSettings, TlsType};

use crate::certificates::Authority;
use crate::mail_server::{MailServer, accepted, provider, sample};

fn server_with(tls: &str, authority: &Authority) -> MailServer {
    MailServer::start(&json!({"tls": tls, "key": authority.key(), "cert": authority.certificate()}))
}

async fn refusal(settings: SmtpSettings) -> String {
    let outcome = sample().send(&*provider(settings)).await;
    let Outcome::ProviderRefused { detail } = outcome else { panic!("{outcome:?}") };
    detail
}

#[tokio::test]
async fn a_certificate_that_can_not_be_trusted_gets_no_mail_unless_told_so() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let other_name = Authority::certifying(&["mail.example.org"]);
    for (tls_type, tls) in [(TlsType::StartTls, "starttls"), (TlsType::Tls, "tls")] {
        for (served, trusted, why) in [
            (&known, None, "UnknownIssuer"),
            (&known, Some(&unknown), "UnknownIssuer"),
            (&other_name, Some(&other_name), "certificate not valid for name \"127.0.0.1\""),
        ] {
            let server = server_with(tls, served);
            let ca_file = trusted.map(Authority::root);
            let settings = SmtpSettings { tls_type, ca_file, ..server.settings() };
            let detail = refusal(settings.clone()).await;
            assert!(detail.starts_with("the server's certificate is not accepted: "), "{detail}");
            assert!(detail.contains(why), "{detail}");
            assert_eq!(server.events("mail").len(), 0);

            let sample = sample();
            let trusting = provider(SmtpSettings { tls_skip_verify: true, ..settings });
            assert_eq!(sample.send(&*trusting).await, accepted(&sample), "{tls}: {why}");
        }
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let server = MailServer::open();
    let detail = refusal(SmtpSettings { tls_type: TlsType::StartTls, ..server.settings() }).await;
    assert_eq!(
        detail,
        "the server offers no STARTTLS; set `tls_type` to \"TLS\" and use its port for that, or, for a server on this \
         machine only, to \"none\""
    );
    assert_eq!(server.events("mail").len(), 0);
}

#[tokio::test]
async fn a_server_in_clear_text_where_tls_is_expected_is_told_by_the_detail() {
    let server = MailServer::open();
    let detail = refusal(SmtpSettings { tls_type: TlsType::Tls, ..server.settings() }).await;
    assert_eq!(
        detail,
        "the server does not answer in TLS; does `tls_type` fit the port (TLS: mostly 465, STARTTLS: mostly 587)?"
    );
}
