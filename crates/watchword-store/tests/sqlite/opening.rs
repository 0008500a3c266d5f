//! Opening: what is refused, in words that say what to do, and what is made where nothing is.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use watchword_core::delivery::DeliveryState;
use watchword_core::ports::{ClaimDue, StartOutcome, Store};
use watchword_store::{OpenError, SqliteOptions, SqliteStore};

use crate::sample::{NOW, Samples, accepted, open};

fn refusal(path: &Path) -> String {
    SqliteStore::open(path, SqliteOptions::default()).unwrap_err().to_string()
}

fn in_folder(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

#[tokio::test]
async fn a_database_written_by_a_newer_version_is_refused_and_left_alone() {
    let (_folder, path) = in_folder("watchword.db");
    open(&path).close().await;
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer
        .execute_batch(
            "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')",
        )
        .unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(
        refusal(&path),
        format!(
            "{} was written by a newer version of Watchword (its schema is 99, this version knows 3); \
             run that version, or a newer one",
            path.display()
        )
    );
    assert!(matches!(
        SqliteStore::open_shared(&path, SqliteOptions::default()),
        Err(OpenError::Newer { found: 99, known: 3, .. })
    ));
    assert!(std::fs::read(&path).unwrap() == before, "the refused database was changed");
}

#[test]
fn what_can_not_be_a_database_is_refused_in_one_line_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().display();
    assert_eq!(
        refusal(folder.path()),
        format!("{shown} is a folder; name a file in it, for instance {shown}/watchword.db")
    );

    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, and long enough to be taken for one's header").unwrap();
    let not_ours = "is not a Watchword database; choose another path, or move that file away";
    assert_eq!(refusal(&text), format!("{} {not_ours}", text.display()));

    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE song (title TEXT)").unwrap();
    assert_eq!(refusal(&other), format!("{} {not_ours}", other.display()));

    let below_a_file = text.join("deeper").join("watchword.db");
    assert_eq!(
        refusal(&below_a_file),
        format!(
            "the folder {} can't be used (Not a directory (os error 20)); create it and give it to the user that runs Watchword",
            text.join("deeper").display()
        )
    );
}

#[tokio::test]
async fn a_second_server_is_refused_until_the_first_is_gone_and_a_tool_never() {
    let (folder, path) = in_folder("watchword.db");
    let first = open(&path);
    let held = format!(
        "another running server holds {}; stop that one, or give this one a store of its own",
        path.display()
    );
    assert_eq!(refusal(&path), held);
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(refusal(&link), held);
    let samples = Samples::new();
    first.start(samples.start("john-1", NOW)).await.unwrap();
    let tool = SqliteStore::open_shared(&path, SqliteOptions::default()).unwrap();
    assert!(tool.get(samples.select("john-1", NOW)).await.unwrap().is_some());
    tool.start(samples.start("john-2", NOW)).await.unwrap();
    assert!(first.get(samples.select("john-2", NOW)).await.unwrap().is_some());
    tool.close().await;
    assert_eq!(refusal(&path), held);
    first.close().await;
    open(&path);
}

#[test]
fn a_tool_makes_no_database() {
    let (_folder, path) = in_folder("watchword.db");
    let refused = SqliteStore::open_shared(&path, SqliteOptions::default());
    assert!(matches!(refused, Err(OpenError::File { .. })), "{refused:?}");
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    let refused = SqliteStore::open_shared(&path, SqliteOptions::default());
    assert!(matches!(refused, Err(OpenError::Older { found: 0, known: 3, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_database_of_an_older_version_is_brought_up_to_date_by_the_server_and_never_by_a_tool() {
    let (_folder, path) = in_folder("watchword.db");
    let samples = Samples::new();
    let store = open(&path);
    let started = store.start(samples.start("john-1", NOW)).await.unwrap();
    store.settle(NOW, vec![accepted(&started)]).await.unwrap();
    store.close().await;
    // As the first version left it.
    let older = rusqlite::Connection::open(&path).unwrap();
    older
        .execute_batch(
            "DROP INDEX delivery_record_by_id;
             CREATE INDEX delivery_record_canceled ON delivery_record (id) WHERE state = 5;
             DROP TABLE key_slot;
             DELETE FROM refinery_schema_history WHERE version > 1;",
        )
        .unwrap();
    drop(older);
    let refused = SqliteStore::open_shared(&path, SqliteOptions::default());
    assert!(matches!(refused, Err(OpenError::Older { found: 1, known: 3, .. })), "{refused:?}");
    let store = open(&path);
    let record = store.delivery(accepted(&started).id).await.unwrap().unwrap();
    assert_eq!(record.state, DeliveryState::Accepted);
}

#[tokio::test]
async fn folder_and_files_are_made_for_their_owner_only() {
    let (folder, path) = in_folder("a/b/watchword.db");
    let store = open(&path);
    store.start(Samples::new().start("john-1", NOW)).await.unwrap();
    let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path().join("a")), 0o700);
    assert_eq!(mode(folder.path().join("a/b")), 0o700);
    for file in ["watchword.db", "watchword.db-wal", "watchword.db-shm", "watchword.db-lock"] {
        assert_eq!(mode(folder.path().join("a/b").join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn what_a_dead_process_had_claimed_is_due_at_once_with_the_same_id() {
    let (folder, path) = in_folder("watchword.db");
    let samples = Samples::new();
    let store = open(&path);
    let StartOutcome::Started { claims, .. } = store.start(samples.start("john-1", NOW)).await.unwrap()
    else {
        panic!("not started")
    };
    let due = |node| ClaimDue { partition: store.partitions()[0], now: NOW, claimant: node, max: 10 };
    let nothing = store.claim(due(samples.claimant(NOW))).await.unwrap();
    assert!(nothing.claims.is_empty(), "the lease was not kept: {nothing:?}");

    // As a process leaves it that was killed.
    let left = folder.path().join("left.db");
    for ending in ["", "-wal"] {
        let named = |path: &Path| format!("{}{ending}", path.display());
        std::fs::copy(named(&path), named(&left)).unwrap();
    }
    let next = open(&left);
    let taken = next.claim(due(samples.claimant(NOW))).await.unwrap().claims;
    let taken: Vec<_> = taken.iter().map(|claim| &claim.delivery).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (taken[0].id, taken[0].fence, taken[0].state),
        (claims[0].delivery.id, 2, DeliveryState::Claimed)
    );
    assert_eq!(taken[0].message, claims[0].delivery.message);
}
