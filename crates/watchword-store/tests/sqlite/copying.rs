//! Copies taken beside a server that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use parking_lot::Mutex;
use watchword_core::ports::{CheckOutcome, Observer, Store};
use watchword_store::{CopyError, OpenError, SqliteOptions, SqliteStore, copy};

use crate::sample::{NOW, PASSCODE, Samples, accepted, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_under_load_holds_all_that_was_acknowledged_before_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("watchword.db"), folder.path().join("copy.db"));
    let samples = Samples::new();
    let store = open(&path);
    let before: Vec<String> = (0..2_000).map(|number| format!("before-{number}")).collect();
    let started =
        try_join_all(before.iter().map(|name| store.start(samples.start(name, NOW)))).await.unwrap();
    store.settle(NOW, started.iter().take(700).map(accepted).collect()).await.unwrap();

    let copied_all = AtomicBool::new(false);
    let load = async {
        let mut number = 0;
        while !copied_all.load(Ordering::Relaxed) {
            let names: Vec<_> = (number..number + 50).map(|number| format!("during-{number}")).collect();
            join_all(names.iter().map(|name| store.start(samples.start(name, NOW)))).await;
            number += 50;
        }
        number
    };
    let copying = async {
        std::fs::File::create(&to).unwrap();
        let (from, to) = (path.clone(), to.clone());
        let copied = tokio::task::spawn_blocking(move || copy(&from, &to)).await.unwrap().unwrap();
        copied_all.store(true, Ordering::Relaxed);
        copied
    };
    let (during, copied) = tokio::join!(load, copying);
    assert!(during > 0);
    assert!(
        (2_000..=2_000 + during).contains(&copied.verifications),
        "{copied:?}, and {during} came meanwhile"
    );
    assert_eq!((copied.records, copied.outbox), (700, copied.verifications - 700));
    assert_eq!(copied.bytes, to.metadata().unwrap().len());
    let files =
        folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        files.filter(|name| name.starts_with("copy")).collect::<Vec<_>>(),
        ["copy.db"],
        "one file, no log"
    );

    // A store of its own, while the server goes on.
    let copy = open(&to);
    for name in &before {
        let checked = copy.check(samples.check(name, PASSCODE, NOW)).await.unwrap();
        assert!(matches!(checked, CheckOutcome::Approved(_)), "{name}: {checked:?}");
    }
    assert!(store.get(samples.select("before-0", NOW)).await.unwrap().is_some());
}

#[test]
fn what_can_not_be_copied_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, to) = (folder.path().join("watchword.db"), folder.path().join("copy.db"));
    std::fs::File::create(&to).unwrap();
    let error = copy(&missing, &to).unwrap_err();
    assert!(matches!(error, CopyError::Open(OpenError::File { .. })), "{error:?}");
    std::fs::write(&missing, "not a database, and long enough to be taken for one's header").unwrap();
    let error = copy(&missing, &to).unwrap_err();
    assert!(matches!(error, CopyError::Open(OpenError::Foreign { .. })), "{error:?}");
    let error = copy(&missing, &folder.path().join("nowhere/copy.db")).unwrap_err();
    assert!(matches!(error, CopyError::File { .. }), "{error:?}");
}

#[derive(Default)]
struct Took(Mutex<Vec<Duration>>);

impl Observer for Took {
    fn committed(&self, _: usize, took: Duration) {
        self.0.lock().push(took);
    }
}

impl Took {
    fn tell(&self, when: &str) {
        let mut took = std::mem::take(&mut *self.0.lock());
        took.sort();
        let at = |per_mille: usize| took[(took.len() - 1) * per_mille / 1_000];
        println!(
            "{when}: {} commits, p50 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
            took.len(),
            at(500),
            at(990),
            at(999),
            at(1_000)
        );
    }
}

/// `cargo test -p watchword-store --test sqlite -- --ignored --nocapture beside_a_copy`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it on a quiet machine"]
#[expect(clippy::disallowed_methods, reason = "a measurement")]
async fn what_commits_take_beside_a_copy() {
    let folder = tempfile::tempdir_in(std::env::var("FOLDER").unwrap_or_else(|_| "/tmp".to_owned())).unwrap();
    let (path, to) = (folder.path().join("watchword.db"), folder.path().join("copy.db"));
    let took = Arc::new(Took::default());
    let options =
        SqliteOptions { observer: Arc::clone(&took) as Arc<dyn Observer>, ..SqliteOptions::default() };
    let store = SqliteStore::open(&path, options).unwrap();
    let samples = Samples::new();
    let filler: std::sync::Arc<str> = format!("\"{}\"", "x".repeat(3_000)).into();
    for first in (0..50_000).step_by(500) {
        let start = |number| {
            let mut start = samples.start(&format!("filler-{number}"), NOW);
            start.attributes.extra = Some(filler.as_ref().into());
            store.start(start)
        };
        try_join_all((first..first + 500).map(start)).await.unwrap();
    }
    took.0.lock().clear();
    let size = path.metadata().unwrap().len();
    println!("{} MB", size / 1_000_000);
    let done = AtomicBool::new(false);
    let load = async |label: &str, least: usize| {
        let mut number = 0;
        while number < least || !done.load(Ordering::Relaxed) {
            let names: Vec<_> = (0..16).map(|client| format!("{label}-{number}-{client}")).collect();
            try_join_all(names.iter().map(|name| store.start(samples.start(name, NOW)))).await.unwrap();
            number += 1;
        }
    };
    done.store(true, Ordering::Relaxed);
    load("alone", 4_000).await;
    took.tell("alone");
    done.store(false, Ordering::Relaxed);
    let copying = async {
        std::fs::File::create(&to).unwrap();
        let (from, to) = (path.clone(), to.clone());
        let began = Instant::now();
        let copied = tokio::task::spawn_blocking(move || copy(&from, &to)).await.unwrap().unwrap();
        println!("{copied:?} in {:?}", began.elapsed());
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(load("beside", 0), copying);
    took.tell("beside a copy");
    let log = std::fs::metadata(folder.path().join("watchword.db-wal")).unwrap().len();
    println!("log {} MB", log / 1_000_000);
}
