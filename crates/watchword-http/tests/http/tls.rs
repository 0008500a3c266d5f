//! TLS on the listener: real clients, certificates that change, and files that can't be used.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Client;
use tempfile::TempDir;
use watchword_core::time::Timestamp;
use watchword_http::server::{Certificate, Certificates, ServerSettings};
use watchword_testkit::deadline::{DEADLINE, eventually};

use crate::harness::wire::Listening;

/// An authority, and a folder for what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    /// A certificate of 127.0.0.1 and its key, in files.
    fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let chain = certificate.pem() + &self.issuer.pem();
        (self.write(name, &chain, 0o644), self.write(&format!("{name}.key"), &key.serialize_pem(), 0o640))
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn certificates(&self, name: &str) -> Certificates {
        let (certificate, key) = self.issue(name);
        Certificates::load(&certificate, &key).unwrap()
    }

    /// Trusts this authority and no other.
    fn client(&self) -> Client {
        let root = reqwest::Certificate::from_pem(self.issuer.pem().as_bytes()).unwrap();
        Client::builder().tls_certs_only([root]).no_proxy().timeout(DEADLINE).build().unwrap()
    }
}

fn settings(tls: Certificates) -> ServerSettings {
    ServerSettings { tls: Some(tls), header_timeout: Duration::from_secs(3), ..ServerSettings::default() }
}

fn router() -> Router {
    Router::new().route("/", get(async || "hello"))
}

async fn asks(client: &Client, server: &Listening) -> Result<String, reqwest::Error> {
    client.get(format!("https://{}/", server.address)).send().await?.text().await
}

#[tokio::test]
async fn a_real_client_is_answered_over_tls() {
    let authority = Authority::new();
    let server = Listening::start(router(), settings(authority.certificates("one"))).await;
    let client = authority.client();
    for _ in 0..3 {
        assert_eq!(asks(&client, &server).await.unwrap(), "hello");
    }
    let stranger = Authority::new().client();
    assert!(asks(&stranger, &server).await.unwrap_err().is_connect(), "nobody it trusts signed that");
}

#[tokio::test]
async fn whoever_does_not_speak_tls_costs_nobody_else_anything() {
    let authority = Authority::new();
    let settings = settings(authority.certificates("one"));
    let traffic = settings.traffic.clone();
    let server = Listening::start(router(), ServerSettings { max_connections: 5, ..settings }).await;
    // Silent ones wait for their time to be over, and others are answered meanwhile.
    let mut silent = server.connect().await;
    let mut plain = server.connect().await;
    plain.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let reply = plain.rest().await;
    assert!(!reply.starts_with(b"HTTP"), "{reply:?}");
    let mut garbage = server.connect().await;
    garbage.write([0xff; 4_096]).await;
    garbage.rest().await;
    let mut half = server.connect().await;
    half.write([22, 3, 1, 2, 0, 1]).await;
    let client = authority.client();
    assert_eq!(asks(&client, &server).await.unwrap(), "hello");
    assert_eq!((traffic.failed_handshakes(), traffic.open(), traffic.limit()), (2, 3, 5));

    server.pass(3).await;
    assert_eq!((silent.rest().await, half.rest().await), (vec![], vec![]));
    assert_eq!(asks(&client, &server).await.unwrap(), "hello");
    eventually("the end of both", async || (traffic.failed_handshakes() == 4).then_some(())).await;
    drop(client);
    eventually("the last one to go", async || (traffic.open() == 0).then_some(())).await;
    assert!(traffic.accepted() >= 5);
}

#[tokio::test]
async fn a_server_that_stops_waits_for_no_handshake() {
    let authority = Authority::new();
    let server = Listening::start(router(), settings(authority.certificates("one"))).await;
    let mut silent = server.connect().await;
    // It was accepted: this one was after it.
    asks(&authority.client(), &server).await.unwrap();
    let (_clock, serving) = server.stop();
    assert!(silent.rest().await.is_empty());
    serving.await.unwrap();
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_old_ones_go_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let certificates = old.certificates("one");
    let server = Listening::start(router(), settings(certificates.clone())).await;
    let early = old.client();
    assert_eq!(asks(&early, &server).await.unwrap(), "hello");

    let (certificate, key) = new.issue("two");
    let renewed = Certificate::read(&certificate, &key).unwrap();
    assert!(!certificates.current().is_same_as(&renewed));
    certificates.replace(renewed);
    // The pooled connection stands; its client would not accept the new certificate.
    assert_eq!(asks(&early, &server).await.unwrap(), "hello");
    assert!(asks(&old.client(), &server).await.is_err());
    assert_eq!(asks(&new.client(), &server).await.unwrap(), "hello");
}

fn problem(certificate: &Path, key: &Path) -> String {
    Certificate::read(certificate, key).unwrap_err().to_string()
}

#[test]
fn a_pair_that_cant_be_used_is_one_line_that_says_what_to_do() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("one");
    let (_, other_key) = authority.issue("two");
    let nowhere = authority.folder.path().join("nowhere.pem");
    let text = authority.write("text.pem", "hello", 0o600);
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = authority.write("broken.pem", broken, 0o600);
    let cut_off = fs::read_to_string(&certificate).unwrap();
    let cut_off = authority.write("cut.pem", &cut_off[..cut_off.len() / 2], 0o600);
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = authority.write("locked.pem", locked, 0o600);
    let strange = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let strange = authority.write("strange.pem", strange, 0o600);
    let huge = authority.write("huge.pem", &"-----BEGIN ".repeat(100_000), 0o600);
    let open = authority.write("open.key", &fs::read_to_string(&key).unwrap(), 0o644);
    for (certificate, key, expected) in [
        (&nowhere, &key, "nowhere.pem is not there: write where it is into `server.tls.certificate`"),
        (&certificate, &nowhere, "nowhere.pem is not there: write where it is into `server.tls.key`"),
        (
            &authority.folder.path().to_owned(),
            &key,
            "can't be read: Is a directory (os error 21): let the user that Watchword runs as read it",
        ),
        (
            &text,
            &key,
            "text.pem is not PEM: convert it with openssl, or write another file into `server.tls.certificate`",
        ),
        (
            &huge,
            &key,
            "huge.pem is over 1 MiB, which is no certificate or key: write the right file into `server.tls.certificate`",
        ),
        (
            &key,
            &certificate,
            "one.key holds no certificate: write the file with the certificate and its chain into `server.tls.certificate`",
        ),
        (&broken, &key, "broken.pem holds a broken certificate: get it from its issuer again"),
        (&cut_off, &key, "cut.pem holds a broken certificate: get it from its issuer again"),
        (
            &certificate,
            &broken,
            "broken.pem holds no private key: write the file with the certificate's key into `server.tls.key`",
        ),
        (
            &certificate,
            &locked,
            "locked.pem is a key under a passphrase: write a copy without one, with `openssl pkey`, and name that",
        ),
        (&certificate, &other_key, "two.key is not the key of"),
        (&certificate, &open, "open.key can be read by everybody (mode 0644): `chmod 640"),
        (&certificate, &strange, "strange.pem holds a key that can't be used ("),
    ] {
        let problem = problem(certificate, key);
        assert!(problem.contains(expected) && !problem.contains('\n'), "{problem}\n{expected}");
    }
}

#[test]
fn a_certificate_whose_time_is_over_or_not_come_is_told_of() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2026, 4, 1);
    let certificate = parameters.signed_by(&key, &authority.issuer).unwrap();
    let certificate = authority.write("short.pem", &certificate.pem(), 0o644);
    let key = authority.write("short.key", &key.serialize_pem(), 0o600);
    let certificate = Certificate::read(&certificate, &key).unwrap();
    let (begin, end) = (1_767_225_600_000, 1_775_001_600_000);
    assert_eq!(certificate.ends(), Timestamp::from_millis(end));
    for (now, expected) in
        [(begin - 1, Some("is not good yet")), (begin, None), (end - 1, None), (end, Some("has expired"))]
    {
        let warning = certificate.warning(Timestamp::from_millis(now));
        match expected {
            Some(expected) => assert!(warning.unwrap().contains(expected)),
            None => assert_eq!(warning, None),
        }
    }
}
