//! Targets over TLS: certificates are verified, always.

use std::path::Path;

use axum::Router;
use axum::routing::put;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::program::{bench, json_of, refusal};
use crate::server::serve_tls;

/// An authority's certificate in PEM, and the configuration of a server for `localhost` that it signed.
fn signed_server() -> (String, ServerConfig) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);

    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (authority, config)
}

/// A server for `localhost`, and the file of its authority.
fn target(folder: &Path) -> (String, String) {
    let succeed = async || r#"{"status":"success","data":{"otp":"1"}}"#;
    let router = Router::new().route("/api/otp/{id}", put(succeed).post(succeed));
    let (authority, config) = signed_server();
    let file = folder.join("authority.pem");
    std::fs::write(&file, authority).unwrap();
    let port = serve_tls(router, config).port();
    (format!("https://localhost:{port}"), file.to_str().unwrap().to_owned())
}

#[test]
fn a_target_whose_authority_is_named_is_driven_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (url, authority) = target(folder.path());
    let amount = ["--verifications", "20", "--runs", "1", "--connections", "2", "--json"];
    let report = json_of(&bench(&[&["run", "--target", &url, "--ca", &authority][..], &amount].concat()));
    assert_eq!((&report["target"], &report["runs"][0]["completed"]), (&url.into(), &20.into()));
}

#[test]
fn a_target_with_a_certificate_of_an_unknown_authority_or_another_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (url, authority) = target(folder.path());
    let by_address = url.replace("localhost", "127.0.0.1");
    let cases: [&[&str]; 2] = [&["--target", &url], &["--target", &by_address, "--ca", &authority]];
    for arguments in cases {
        let text = refusal(&[&["run"], arguments].concat(), 1);
        let start =
            format!("watchword-bench: no TLS with {}; is it https, and its certificate", arguments[1]);
        assert!(text.starts_with(&start) && text.contains("invalid peer certificate"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn a_target_without_tls_is_refused_as_https() {
    let bare = crate::program::Bare::start();
    let text = refusal(&["run", "--target", &bare.url.replace("http://", "https://")], 1);
    assert!(text.starts_with("watchword-bench: no TLS with https://127.0.0.1:"), "{text}");
}
