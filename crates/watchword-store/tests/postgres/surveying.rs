//! What a server says of itself.

use watchword_store::PostgresSetup;
use watchword_testkit::deadline::within;
use watchword_testkit::postgres::database_of;

use crate::server::{modest, open, pooled, shared, store};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_asked_how_it_is_set_up() {
    let server = shared();
    let url = server.url();
    let store = store(&url, modest()).await;
    let setup = within("an answer", store.survey()).await.unwrap();
    let expected = PostgresSetup {
        version: server.query("postgres", "SHOW server_version"),
        version_number: server.query("postgres", "SHOW server_version_num").parse().unwrap(),
        fsync: false,
        full_page_writes: true,
        synchronous_commit: "on".to_owned(),
        user: "postgres".to_owned(),
        schema: "\"public\"".to_owned(),
        ..PostgresSetup::default()
    };
    assert_eq!(setup, expected);
    server.query("postgres", &format!("ALTER DATABASE {} SET synchronous_commit = off", database_of(&url)));
    assert_eq!(within("an answer", store.survey()).await.unwrap().synchronous_commit, "off");
    assert!(store.is_set_up().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing_are_named() {
    let server = shared();
    let url = format!("{}?schema=otp", server.url());
    let database = database_of(&url);
    server.query("postgres", "CREATE ROLE guest LOGIN");
    server.query("postgres", &format!("CREATE DATABASE {database}"));
    let as_guest = open(&url.replace("postgres@", "guest@"), modest());
    let missing = async || within("an answer", as_guest.survey()).await.unwrap().missing_rights;
    assert_eq!(missing().await, [format!("CREATE ON DATABASE {database}")]);
    assert!(!as_guest.is_set_up().await.unwrap());
    store(&url, modest()).await;
    let rights = missing().await;
    assert_eq!(rights[..2], ["USAGE ON SCHEMA otp", "CREATE ON SCHEMA otp"]);
    for right in
        ["SELECT, INSERT, UPDATE, DELETE ON otp.watchword_outbox", "USAGE ON SEQUENCE otp.watchword_number"]
    {
        assert!(rights.iter().any(|it| it == right), "{right} in {rights:?}");
    }
    let sequences = "GRANT USAGE ON ALL SEQUENCES IN SCHEMA otp TO guest";
    server.query(database, sequences);
    server.query(
        database,
        "GRANT USAGE, CREATE ON SCHEMA otp TO guest; GRANT ALL ON ALL TABLES IN SCHEMA otp TO guest",
    );
    assert_eq!(missing().await, Vec::<String>::new());
    assert!(as_guest.is_set_up().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_is_known_for_what_it_is() {
    let pooled = pooled();
    let url = pooled.0.url();
    let with_server = store(&url, modest()).await;
    assert!(!within("an answer", with_server.survey()).await.unwrap().is_pooler);
    let without = open(url.split('?').next().unwrap(), modest());
    assert!(within("an answer", without.survey()).await.unwrap().is_pooler);
}
