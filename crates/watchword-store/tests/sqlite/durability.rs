//! What is left after a kill, on a full disk, and in the files.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use watchword_core::delivery::Verdict;
use watchword_core::ports::{CheckOutcome, ClaimDue, Fenced, StartOutcome, Store, StoreError};
use watchword_store::{SqliteOptions, SqliteStore};

use crate::sample::{NOW, PASSCODE, Samples, TTL, accepted, open};

/// Where the child of the next test keeps its store.
const CHILD_STORE: &str = "WATCHWORD_TEST_CHILD_STORE";

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "durability::child_that_starts_until_it_is_killed", "--nocapture"])
        .env(CHILD_STORE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut acknowledged: Vec<String> = lines.filter(|line| line.starts_with("killed-")).take(300).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(acknowledged.len(), 300, "the child ended by itself");

    acknowledged.sort();
    acknowledged.dedup();
    let (samples, store) = (Samples::new(), open(&path));
    for name in &acknowledged {
        let found = store.get(samples.select(name, NOW)).await.unwrap();
        assert!(found.is_some(), "{name} was acknowledged and is gone");
    }
    let claimant = samples.claimant(NOW);
    let all = ClaimDue { partition: store.partitions()[0], now: NOW, claimant, max: 100_000 };
    let outbox = store.claim(all).await.unwrap().claims;
    for name in &acknowledged {
        let is_of = |id: &str| id == name;
        let messages = outbox
            .iter()
            .filter(|claim| claim.verification.external_id.as_ref().is_some_and(|id| is_of(id.as_str())));
        assert_eq!(messages.count(), 1, "messages of {name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by `everything_acknowledged_is_there_after_a_kill`, in a process of its own"]
async fn child_that_starts_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD_STORE) else { return };
    let (samples, store) = (Samples::new(), open(Path::new(&path)));
    let client = async |client: usize| {
        for number in 0.. {
            let name = format!("killed-{client}-{number}");
            store.start(samples.start(&name, NOW)).await.unwrap();
            println!("\n{name}");
        }
    };
    futures::future::join_all((0..8).map(client)).await;
}

#[tokio::test]
async fn no_passcode_is_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let (samples, store) = (Samples::new(), open(&folder.path().join("watchword.db")));
    for number in 0..50 {
        let name = format!("john-{number}");
        let started = store.start(samples.start(&name, NOW)).await.unwrap();
        let wrong = store.check(samples.check(&name, "wrong", NOW)).await.unwrap();
        assert!(matches!(wrong, CheckOutcome::Wrong(_)), "{wrong:?}");
        let mut settlement = accepted(&started);
        if number % 2 == 0 {
            settlement.verdict = Verdict::Retry { at: NOW.after(Duration::from_secs(1)) };
        }
        assert_eq!(store.settle(NOW, vec![settlement]).await.unwrap(), [Fenced::Done]);
        if number % 3 == 0 {
            let right = store.check(samples.check(&name, PASSCODE, NOW)).await.unwrap();
            assert!(matches!(right, CheckOutcome::Approved(_)), "{right:?}");
        }
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let base64 = "UVg3LXZtUHo0MS1LZDkzLXliVzItSHM2";
    let forms = [PASSCODE.to_owned(), base64.to_owned(), hex(PASSCODE.as_bytes())];
    let look = |when: &str| {
        let mut bytes = 0;
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let content = std::fs::read(file.unwrap().path()).unwrap();
            bytes += content.len();
            for form in &forms {
                let found = content.windows(form.len()).any(|window| window == form.as_bytes());
                assert!(!found, "{form} is in a file {when}");
            }
        }
        assert!(bytes > 100_000, "only {bytes} bytes were looked at");
    };
    look("while it runs");
    store.close().await;
    look("when it is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_short_while_writes_never_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.db");
    let log = format!("{}-wal", path.display());
    let (samples, store) = (Samples::new(), open(&path));
    let extra: Arc<str> = format!("\"{}\"", "x".repeat(16_000)).into();
    let longest = AtomicU64::new(0);
    let client = async |client: usize| {
        for number in 0..100 {
            let mut start = samples.start(&format!("john-{client}-{number}"), NOW);
            start.attributes.extra = Some(Arc::clone(&extra));
            store.start(start).await.unwrap();
            longest.fetch_max(std::fs::metadata(&log).unwrap().len(), Ordering::Relaxed);
        }
    };
    futures::future::join_all((0..64).map(client)).await;
    let (written, longest) = (100 * 64 * 16_000, longest.into_inner());
    println!("{written} bytes written, and a log of {longest}");
    assert!(longest < 40 << 20, "{written} bytes written, and a log of {longest}");
    store.close().await;
    assert!(!Path::new(&log).exists());
}

#[tokio::test]
async fn a_full_disk_refuses_what_needs_room_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { max_page_count: Some(200), ..SqliteOptions::default() };
    let store = SqliteStore::open(folder.path().join("watchword.db"), options).unwrap();
    let samples = Samples::new();
    let mut kept = Vec::new();
    let refused = loop {
        let name = format!("john-{}", kept.len());
        match store.start(samples.start(&name, NOW)).await {
            Ok(StartOutcome::Started { .. }) => kept.push(name),
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(kept.len() > 100, "full after {}", kept.len());
    let not_ready = store.ready().await.unwrap_err();
    assert!(matches!(not_ready, StoreError::Unavailable(_)), "{not_ready:?}");

    // What was acknowledged is there, and what makes room works, beside others that are refused.
    for name in &kept {
        assert!(store.get(samples.select(name, NOW)).await.unwrap().is_some(), "{name}");
    }
    let mut large = samples.start("one-too-many", NOW);
    large.attributes.extra = Some(format!("\"{}\"", "x".repeat(16_000)).into());
    let start = store.start(large);
    let check = store.check(samples.check(&kept[0], PASSCODE, NOW));
    let cancel = store.cancel(samples.select(&kept[1], NOW));
    let (start, check, cancel) = futures::join!(start, check, cancel);
    assert!(matches!(start, Err(StoreError::Unavailable(_))), "{start:?}");
    assert!(matches!(check, Ok(CheckOutcome::Approved(_))), "{check:?}");
    assert!(matches!(cancel, Ok(Some(_))), "{cancel:?}");

    let later = NOW.after(TTL);
    let purged = store.purge(store.partitions()[0], later, 10_000).await.unwrap();
    assert_eq!((purged.rows, purged.more), (kept.len() - 1, false));
    store.ready().await.unwrap();
    let started = store.start(samples.start("john-again", later)).await.unwrap();
    assert!(matches!(started, StartOutcome::Started { .. }), "{started:?}");
}
