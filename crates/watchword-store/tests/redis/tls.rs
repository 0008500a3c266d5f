//! Connections over TLS, to servers whose certificate an authority of one's own has signed.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use watchword_core::ports::{Store as _, StoreError};
use watchword_store::{RedisOptions, RedisStore, RedisUrl};
use watchword_testkit::redis::Tls;
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::Story;

use crate::server::{Cluster, Server, store};

/// An authority's files: its own certificate, and one that it gave for `name`.
fn authority(folder: &TempDir, name: &str) -> Tls {
    let file = |kind: &str| folder.path().join(format!("{name}.{kind}.pem"));
    let tls = Tls { certificate: file("certificate"), key: file("key"), ca: file("ca") };
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, folder.path().display().to_string());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority);
    fs::write(&tls.ca, authority.pem()).unwrap();
    fs::write(&tls.certificate, certificate.unwrap().pem()).unwrap();
    fs::write(&tls.key, key.serialize_pem()).unwrap();
    tls
}

fn trusting(url: &str, tls: &Tls) -> String {
    format!("{url}?ca_file={}", tls.ca.display())
}

async fn refused(url: &str) {
    let refused = RedisStore::open(&RedisUrl::parse(url).unwrap(), RedisOptions::default()).unwrap();
    let answer = refused.ready().await;
    let Err(StoreError::Unavailable(cause)) = answer else { panic!("{answer:?}") };
    assert!(cause.to_string().to_lowercase().contains("certificate"), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_known_by_the_authority_that_vouches_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let tls = authority(&folder, "127.0.0.1");
    let server = Server::start_over_tls(&tls);
    let story = Story::new(Fresh::new(store(&trusting(&server.url(), &tls), RedisOptions::default())));
    story.begin(story.by_id("john-1", "111111")).await;
    assert_eq!(story.check_ids("john-1", &["999999", "111111"]).await, ["wrong", "approved"]);

    // Neither the system nor another authority knows it.
    refused(&server.url()).await;
    let other = authority(&folder, "localhost");
    refused(&trusting(&server.url(), &other)).await;
    // Its authority is known, but this is not the server that was asked for.
    let elsewhere = Server::start_over_tls(&other);
    refused(&trusting(&elsewhere.url(), &other)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_of_a_cluster_is_known_so() {
    let folder = tempfile::tempdir().unwrap();
    let tls = authority(&folder, "127.0.0.1");
    let cluster = Cluster::start_over_tls(&tls);
    cluster.is_up().await;
    let story = Story::new(Fresh::new(store(&trusting(&cluster.url(), &tls), RedisOptions::default())));
    story.begin(story.by_id("john-1", "111111")).await;
    // All nodes are asked for it.
    assert_eq!(story.store.stats().await.unwrap().verifications, 1);
    refused(&cluster.url()).await;
}
