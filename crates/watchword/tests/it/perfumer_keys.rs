//! Without `WATCHWORD_KEY`, the data key is in PostgreSQL under `PG_PASSWORD`, until a key is set and it is ended.

use serde_json::Value;

use crate::support::{PerfumerSite, postgres};

const KEY: (&str, &str) =
    ("WATCHWORD_KEY", "0404040404040404040404040404040404040404040404040404040404040404");

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_by_way_of_a_key() {
    let postgres = postgres();
    let mut site = PerfumerSite::without_key(postgres.port).await;
    let server = site.serve(&[]);
    assert!(server.sms("77010000001", "11111", 300).await.is_true());
    server.sends_all().await;
    server.terminate().await;

    site.set(&[KEY]);
    let server = site.serve(&[]);
    assert!(server.checks("77010000001", "11111").await, "what was live still is");
    assert!(server.sms("77010000002", "22222", 300).await.is_true());
    server.sends_all().await;
    let told = server.terminate().await;
    let listed = site.run(&["keys", "list", "--as", "perfumer", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let data_key = listed["data_key"].as_str().unwrap();
    let end = format!("`watchword keys rotate --drop {data_key}`");
    assert!(told.iter().any(|line| line.contains(&end)), "{told:#?}");

    // With another password it can't be opened any more; a server that has its key does without.
    site.set(&[("PG_PASSWORD", "another")]);
    let server = site.serve(&[]);
    assert!(server.checks("77010000002", "22222").await);
    let told = server.terminate().await;
    assert!(told.iter().any(|line| line.contains("`watchword keys prune`")), "{told:#?}");
    let slots = || postgres.query(&site.database, "SELECT count(*) FROM watchword_key_slot");
    assert_eq!(slots(), "1");
    let pruned = site.run(&["keys", "prune", "--as", "perfumer", "--force"]);
    assert_eq!(pruned.code, Some(0), "{}", pruned.err);
    assert!(pruned.out.starts_with("Dropped the data key that the store kept"), "{}", pruned.out);
    assert_eq!(slots(), "0");
    let told = site.serve(&[]).terminate().await;
    assert!(!told.iter().any(|line| line.contains("data key")), "{told:#?}");
}
