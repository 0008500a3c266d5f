//! Commands beside a server on PostgreSQL.

use serde_json::{Value, json};

use crate::server::{Database, Server, ended};

fn says(database: &Database, arguments: &[&str]) -> String {
    let (code, out, err) = ended(&[arguments, &["--as", "perfumer"]].concat(), &database.environment());
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}: {out}");
    out
}

/// The one line in which a command says why it can't.
fn refuses(database: &Database, arguments: &[&str]) -> String {
    let (code, out, err) = ended(&[arguments, &["--as", "perfumer"]].concat(), &database.environment());
    assert_eq!((code, out.as_str(), err.lines().count()), (Some(1), "", 1), "{arguments:?}: {err}");
    err.trim_end().strip_prefix("watchword: ").unwrap().to_owned()
}

/// What the doctor found about something, as (state, detail).
fn findings(database: &Database, subject: &str) -> Vec<(String, String)> {
    let (_, out, err) = ended(&["doctor", "--json", "--as", "perfumer"], &database.environment());
    assert_eq!(err, "");
    let all: Value = serde_json::from_str(&out).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let about = all.as_array().unwrap().iter().filter(|it| it["subject"] == subject);
    about.map(|it| (text(&it["state"]), text(&it["detail"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn unlock_deliveries_and_keys_work_on_its_store() {
    let database = Database::new();
    let server = Server::start(&database.environment());
    let sms = json!({ "phone": "77011111111", "password": "2222", "message": "2222", "lifetime": 300 });
    assert_eq!(server.post("/sms", &sms).await.0, 200);
    let right = "/sms/check?phone=77011111111&password=2222";
    for _ in 0..10 {
        server.get("/sms/check?phone=77011111111&password=0000").await;
    }
    assert_eq!(
        server.get(right).await,
        json!({ "status": false }),
        "ten wrong ones in a row refuse the target"
    );
    assert_eq!(
        says(&database, &["unlock", "77011111111"]),
        "Forgotten: the next check of that target in namespace `perfumer` is looked at again.\n"
    );
    assert_eq!(server.get(right).await, json!({ "status": true }));
    let keys: Value = serde_json::from_str(&says(&database, &["keys", "list", "--json"])).unwrap();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1), "{keys}");
    server.stop();
    let deliveries = says(&database, &["deliveries", "list"]);
    assert!(deliveries.contains("accepted") && !deliveries.contains("77011111111"), "{deliveries}");
    let told = refuses(&database, &["backup", "/tmp/never.db"]);
    assert!(
        told.ends_with("is no file, and has its own ways to be copied: pg_dump, and archives of its log"),
        "{told}"
    );
    assert!(!told.contains("pg-secret"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_start_they_say_so() {
    let database = Database::new();
    database.postgres.query("postgres", &format!("CREATE DATABASE {}", database.name));
    for arguments in [&["unlock", "77011111111"][..], &["keys", "list"], &["deliveries", "list"]] {
        let told = refuses(&database, arguments);
        assert!(told.starts_with("no server has made its tables in postgres://127.0.0.1"), "{told}");
    }
    let [(state, detail)] = &findings(&database, "store")[..] else { panic!("one about the store") };
    assert!(
        state == "untried" && detail.ends_with(": no tables yet; the first start makes them"),
        "{detail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_what_the_server_does_not_keep() {
    let database = Database::new();
    let server = Server::start(&database.environment());
    database
        .postgres
        .query("postgres", &format!("ALTER DATABASE {} SET synchronous_commit = off", database.name));
    let [(fsync, first), (commit, second)] = &findings(&database, "postgres")[..] else {
        panic!("two about PostgreSQL")
    };
    // The tests' server keeps nothing through a crash of the machine.
    assert!(fsync == "warning" && first.contains("`ALTER SYSTEM SET fsync = on`"), "{first}");
    assert!(commit == "warning" && second.contains("`synchronous_commit = off`"), "{second}");
    let [(state, detail)] = &findings(&database, "store")[..] else { panic!("one about the store") };
    assert!(state == "good" && detail.ends_with(": 0 verifications, 0 messages to be sent"), "{detail}");
    server.stop();
}
