//! Making a database ready: from nothing, from many nodes at once, while the server starts, and over TLS.

use std::time::Duration;

use futures::future::join_all;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use watchword_core::ports::Store as _;
use watchword_store::{PostgresOptions, PostgresStore, PostgresUrl};
use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::postgres::{Keeping, Server, database_of};
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::Story;

use crate::server::{modest, open, shared, store};

const SCHEMAS_OF_TABLES: &str = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'watchword%'";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_and_a_schema_that_are_missing_are_made() {
    let server = shared();
    let url = server.url();
    store(&format!("{url}?schema=one-time"), modest()).await;
    assert_eq!(server.query(database_of(&url), SCHEMAS_OF_TABLES), "one-time");
    let tables =
        server.query(database_of(&url), "SELECT count(*) FROM pg_tables WHERE schemaname = 'one-time'");
    let ours = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'watchword\\_%'";
    assert_eq!(server.query(database_of(&url), ours), tables);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_only_made_where_that_is_wanted() {
    let server = shared();
    let store = open(&server.url(), PostgresOptions { create_database: false, ..modest() });
    let refused = store.prepare().await.unwrap_err().to_string();
    assert!(refused.contains("does not exist"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_in_utf8_is_refused() {
    let server = shared();
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let url = server.url();
        let name = database_of(&url);
        server.query(
            "postgres",
            &format!("CREATE DATABASE \"{name}\" ENCODING '{encoding}' TEMPLATE template0"),
        );
        let refused = open(&url, modest()).prepare().await.unwrap_err().to_string();
        let says =
            format!("can't be used: its encoding is {encoding}, and Watchword keeps texts in UTF8 only;");
        assert!(refused.contains(&says), "{refused}");
        assert_eq!(
            server.query(name, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'watchword%'"),
            "0"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_may_start_at_once() {
    let server = shared();
    let url = format!("{}?schema=otp", server.url());
    let nodes: Vec<_> = (0..8).map(|_| open(&url, modest())).collect();
    let preparing = nodes.iter().map(PostgresStore::prepare);
    for prepared in within("all nodes to be ready", join_all(preparing)).await {
        prepared.unwrap();
    }
    for node in &nodes {
        node.ready().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_disturbs_nobody_and_finds_what_there_is() {
    let server = shared();
    let url = server.url();
    let running = Story::new(Fresh::new(store(&url, modest()).await));
    let begun = running.begin(running.by_id("john-1", "111111")).await;
    let next = store(&url, modest()).await;
    assert_eq!(next.find(begun.vid, running.now).await.unwrap(), Some(begun));
    assert_eq!(running.check_ids("john-1", &["111111"]).await, ["approved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let mut server = Server::start(Keeping::InMemory);
    let url = server.url();
    server.stop();
    let store = open(&url, PostgresOptions { patience_at_start: None, ..modest() });
    let preparing = tokio::spawn(async move { store.prepare().await.map(|()| store) });
    server.start_again();
    within("the store to be ready", preparing).await.unwrap().unwrap().ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_may_end_and_what_will_not_change_is_not_waited_for() {
    let server = shared();
    let impatient = || PostgresOptions { patience_at_start: Some(Duration::ZERO), ..modest() };
    let nobody_there = "postgres://postgres@127.0.0.1:1/otp";
    let refused = open(nobody_there, impatient()).prepare().await.unwrap_err().to_string();
    assert!(refused.starts_with("the store postgres://127.0.0.1:1/otp can't be used: "), "{refused}");
    let unknown = server.url().replace("postgres@", "nobody@");
    let forever = PostgresOptions { patience_at_start: None, ..modest() };
    let refused = within("the refusal", open(&unknown, forever).prepare()).await.unwrap_err();
    assert!(refused.to_string().contains("role \"nobody\" does not exist"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_as_the_url_says() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (authority(), authority());
    let file = |name: &str, issuer: &Authority| {
        let file = folder.path().join(name);
        std::fs::write(&file, issuer.pem()).unwrap();
        file.display().to_string()
    };
    let (ours_file, others_file) = (file("ours.pem", &ours), file("others.pem", &others));
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
    let with_tls = Server::start_with_tls(&certificate.pem(), &key.serialize_pem());
    let without = shared();
    let verified = format!("sslmode=verify-full&sslrootcert={ours_file}");
    let by_others = format!("sslmode=verify-full&sslrootcert={others_file}");
    let named = |server: &Server| server.url().replace("127.0.0.1", "localhost");
    for (server, url, query, is_encrypted) in [
        (&with_tls, with_tls.url(), "sslmode=disable", Some("f")),
        (&with_tls, with_tls.url(), "sslmode=prefer", Some("t")),
        (&with_tls, with_tls.url(), "sslmode=require", Some("t")),
        (&with_tls, named(&with_tls), verified.as_str(), Some("t")),
        // The certificate is that of another host.
        (&with_tls, with_tls.url(), verified.as_str(), None),
        (&with_tls, named(&with_tls), by_others.as_str(), None),
        // The system knows nothing of our authority.
        (&with_tls, named(&with_tls), "sslmode=verify-full", None),
        (&*without, without.url(), "sslmode=prefer", Some("f")),
        (&*without, without.url(), "sslmode=require", None),
        (&*without, named(&without), verified.as_str(), None),
    ] {
        let impatient = PostgresOptions { patience_at_start: Some(Duration::ZERO), ..modest() };
        let store = open(&format!("{url}?{query}"), impatient);
        let prepared = store.prepare().await;
        assert_eq!(prepared.is_ok(), is_encrypted.is_some(), "{url}?{query}: {prepared:?}");
        if let Some(is_encrypted) = is_encrypted {
            store.ready().await.unwrap();
            let database = database_of(&url);
            let connections = format!(
                "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE application_name = 'watchword' AND datname = '{database}'"
            );
            // The connection that made the database ready ends by and by.
            eventually("the connection to be seen", async || {
                (server.query(database, &connections) == is_encrypted).then_some(())
            })
            .await;
        }
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[test]
fn a_file_of_authorities_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for file in [empty, folder.path().join("missing.pem")] {
        let file = file.display().to_string();
        let url = format!("postgres://otp:s3cret@db/otp?sslmode=verify-full&sslrootcert={file}");
        let url = PostgresUrl::parse(&url).unwrap();
        let refused = PostgresStore::open(&url, PostgresOptions::default()).unwrap_err().to_string();
        assert!(refused.contains(&file) && !refused.contains("s3cret"), "{refused}");
    }
}
