//! Starts that have to wait, and starts that can't be: what operators are told.

use serde_json::Value;
use watchword_testkit::postgres::{Keeping, Server as Postgres};

use crate::support::{Perfumer, PerfumerSite, TRUE, logged, postgres};

const SERVE: [&str; 3] = ["serve", "--as", "perfumer"];

/// The one line in which a server says why it does not start.
#[track_caller]
fn refusal(site: &PerfumerSite) -> String {
    let run = site.run(&SERVE);
    assert_eq!(run.code, Some(1), "{run:?}");
    let said: Vec<_> = run.err.lines().filter_map(|line| line.strip_prefix("watchword: ")).collect();
    let [line] = said[..] else { panic!("{run:?}") };
    line.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_waits_for_a_database_that_is_not_there_yet_and_says_so() {
    let mut postgres = Postgres::start(Keeping::InMemory);
    let site = PerfumerSite::new(postgres.port).await;
    postgres.stop();
    let mut process = site.start(&[]);
    let told = process.wait_for_line("that it waits", |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["message"] == "PostgreSQL is not there yet; waiting for it").then_some(line)
    });
    assert_eq!((&told["level"], &told["server"]), (&"WARN".into(), &"127.0.0.1".into()), "{told}");
    assert!(told["reason"].as_str().unwrap().contains("refused"), "{told}");
    postgres.start_again();
    let server = Perfumer::of(process);
    assert!(server.sms("77011234567", "12345", 300).await.is_true());
    site.queue.wait_for_executed(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_right_password_and_rights_is_all_it_takes_and_others_are_told_what_they_lack() {
    let postgres = Postgres::start_with_passwords(Keeping::InMemory);
    let may_create = "CREATE ROLE otp_user LOGIN CREATEDB PASSWORD 'r1ght pa$$word'";
    let may_not = "CREATE ROLE other LOGIN PASSWORD 'r1ght pa$$word'";
    for role in [may_create, may_not] {
        postgres.query("postgres", role);
    }
    let mut site = PerfumerSite::new(postgres.port).await;
    let place = format!("the store postgres://127.0.0.1:{}/{} can't be used", postgres.port, site.database);

    site.set(&[("PG_USER", "otp_user"), ("PG_PASSWORD", "wr0ng")]);
    let told = refusal(&site);
    assert_eq!(told, format!("{place}: FATAL: password authentication failed for user \"otp_user\" (28P01)"));
    site.set(&[("PG_USER", "other"), ("PG_PASSWORD", "r1ght pa$$word")]);
    let told = refusal(&site);
    assert_eq!(told, format!("{place}: ERROR: permission denied to create database (42501)"));

    site.set(&[("PG_USER", "otp_user"), ("PG_SCHEMA", "otp")]);
    let server = site.serve(&[]);
    assert!(server.sms("77011234567", "12345", 300).await.is_true());
    assert!(server.checks("77011234567", "12345").await);
    site.queue.wait_for_executed(1).await;
    let log = server.terminate().await;
    assert!(!log.iter().any(|line| line.contains("r1ght")), "{log:#?}");
}

/// Without `WATCHWORD_KEY`, as the original has none.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_s_password_opens_the_data_key_and_no_other_does() {
    let postgres = postgres();
    let mut site = PerfumerSite::without_key(postgres.port).await;
    let server = site.serve(&[]);
    assert!(server.sms("77011234567", "12345", 300).await.is_true());
    let advice = |log: &[String]| {
        log.iter().filter_map(|line| logged(line)).any(|message| message.contains("WATCHWORD_KEY"))
    };
    assert!(advice(&server.terminate().await), "a key of one's own is better");

    // The server here believes everybody, as one does whose password was changed there and here.
    site.set(&[("PG_PASSWORD", "another password")]);
    assert_eq!(
        refusal(&site),
        "the store's data key opens under none of the secrets of this configuration: give back one that it was used with, or set \
         WATCHWORD_KEY and start with another store"
    );
    site.set(&[("PG_PASSWORD", "password")]);
    let servers = [site.serve(&[]), site.serve(&[])];
    for server in &servers {
        assert!(server.checks("77011234567", "12345").await, "a refused start has changed nothing");
    }
    let told = servers[1].get("/password", r#"{"target":"77011234567"}"#).await;
    told.expect(200, r#"{"status":true,"content":{"password":"12345"}}"#);
    servers[0].post("/limit/sms", r#"{"phones":[]}"#).await.expect(200, TRUE);
}
