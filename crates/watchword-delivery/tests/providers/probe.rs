//! What a provider finds out about its service without sending.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use watchword_core::ports::{Probe, Provider};
use watchword_delivery::webhook::WebhookSettings;

use crate::http_provider::provider;
use crate::raw_server;
use crate::receiver::{Receiver, webhook_at};

/// Both kinds that speak HTTP, at this URL.
fn both(url: &str) -> [Arc<dyn Provider>; 2] {
    [webhook_at(format!("{url}/secret-path?token=x")), provider(&format!("{url}/secret-path?token=x"), "")]
}

async fn probe(provider: &dyn Provider) -> Probe {
    tokio::time::timeout(provider.timeout(), provider.probe()).await.expect("in time")
}

#[tokio::test]
async fn a_service_that_is_there_is_reached_and_sent_nothing() {
    let receiver = Receiver::answering(200).await;
    let url = receiver.url("");
    let tried = format!(
        "connected to {}, without TLS; credentials are not tried without sending",
        url.strip_prefix("http://").unwrap()
    );
    for provider in both(&url) {
        assert_eq!(probe(&*provider).await, Probe::Good { tried: tried.clone() });
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told_so() {
    let port = watchword_testkit::net::free_port();
    for scheme in ["http", "https"] {
        for provider in both(&format!("{scheme}://127.0.0.1:{port}")) {
            let problem = format!("127.0.0.1:{port}: nothing listens there");
            assert_eq!(probe(&*provider).await, Probe::Failed { problem });
        }
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_told_so() {
    for provider in both("http://nowhere.invalid") {
        let Probe::Failed { problem } = probe(&*provider).await else { panic!("found") };
        assert!(problem.starts_with("nowhere.invalid:80: no connection: "), "{problem}");
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up_in_time() {
    let address = raw_server::serve(|connection| async move {
        std::future::pending::<()>().await;
        drop(connection);
    })
    .await;
    let settings = WebhookSettings {
        timeout: Some(Duration::from_secs(1)),
        ..WebhookSettings::new(format!("https://{address}/"))
    };
    let problem = format!("{address}: no connection in time; is a firewall between, or a proxy needed?");
    assert_eq!(probe(&*crate::receiver::webhook(settings)).await, Probe::Failed { problem });
}

#[tokio::test]
async fn a_service_whose_certificate_nobody_vouches_for_is_not_trusted() {
    let address = tls_server().await.0;
    for provider in both(&format!("https://{address}")) {
        let Probe::Failed { problem } = probe(&*provider).await else { panic!("trusted") };
        assert!(
            problem.starts_with(&format!("{address}: TLS fails: invalid peer certificate: ")),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_service_with_a_good_certificate_is_trusted_under_its_own_name_only() {
    const CERTIFICATE: &str = "WATCHWORD_TEST_CERTIFICATE";
    if std::env::var_os(CERTIFICATE).is_none() {
        // Once more in a process that trusts the file it writes itself, for the verifier reads the system's roots.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root.pem");
        let name = "probe::a_service_with_a_good_certificate_is_trusted_under_its_own_name_only";
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CERTIFICATE, &file)
            .env("SSL_CERT_FILE", &file)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
        return;
    }
    let (address, certificate) = tls_server().await;
    std::fs::write(std::env::var_os(CERTIFICATE).unwrap(), certificate).unwrap();
    let place = format!("localhost:{}", address.port());
    for provider in both(&format!("https://{place}")) {
        let tried = format!(
            "connected to {place}, its certificate is good; credentials are not tried without sending"
        );
        assert_eq!(probe(&*provider).await, Probe::Good { tried });
    }
    for provider in both(&format!("https://{address}")) {
        let Probe::Failed { problem } = probe(&*provider).await else { panic!("trusted under another name") };
        assert!(problem.contains("certificate not valid for name"), "{problem}");
    }
}

/// A server that shows a certificate for `localhost`, and that certificate.
async fn tls_server() -> (std::net::SocketAddr, String) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { acceptor.accept(connection).await.map(drop) });
        }
    });
    (address, certified.cert.pem())
}
