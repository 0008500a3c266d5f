//! What a verification costs the store: measured on request, with figures printed.
//! `cargo test -p watchword-store --release --test sqlite -- --ignored --nocapture cost`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use watchword_core::ports::{CheckOutcome, Observer, StartOutcome, Store};
use watchword_store::{SqliteOptions, SqliteStore};

use crate::sample::{NOW, PASSCODE, Samples, accepted};

const CLIENTS: usize = 64;

#[derive(Default)]
struct Commits {
    commits: AtomicUsize,
    operations: AtomicUsize,
}

impl Observer for Commits {
    fn committed(&self, operations: usize, _: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.operations.fetch_add(operations, Ordering::Relaxed);
    }
}

/// User and system time of this process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = &stat[stat.rfind(')').unwrap()..];
    let ticks: u64 = after_name.split(' ').skip(12).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn verify(
    store: &SqliteStore,
    samples: &Samples,
    clients: usize,
    each: usize,
    settles: Arc<AtomicUsize>,
) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let run = async {
        let verify = |client: usize| {
            let (sender, settles) = (sender.clone(), Arc::clone(&settles));
            async move {
                for number in 0..each {
                    let name = format!("client-{client}-{number}");
                    let now = NOW.after(Duration::from_micros((number * clients * 100) as u64));
                    let started = store.start(samples.start(&name, now)).await.unwrap();
                    sender.send((now, accepted(&started))).unwrap();
                    settles.fetch_add(1, Ordering::Relaxed);
                    let checked = store.check(samples.check(&name, PASSCODE, now)).await.unwrap();
                    assert!(matches!(checked, CheckOutcome::Approved(_)));
                }
            }
        };
        futures::future::join_all((0..clients).map(verify)).await;
        drop(sender);
    };
    let settle = async {
        let mut batch = Vec::new();
        while receiver.recv_many(&mut batch, 256).await > 0 {
            let now = batch[0].0;
            let settlements = batch.drain(..).map(|(_, settlement)| settlement).collect();
            store.settle(now, settlements).await.unwrap();
        }
    };
    tokio::join!(run, settle);
}

async fn measure(store: &Arc<SqliteStore>, commits: &Commits, label: &str, count: usize) {
    let samples = Arc::new(Samples::new());
    let each = count / CLIENTS;
    // The same work without a store: what the samples themselves cost.
    let before = cpu();
    for number in 0..count {
        let name = format!("client-{number}");
        std::hint::black_box((samples.start(&name, NOW), samples.check(&name, PASSCODE, NOW)));
    }
    let idle = cpu() - before;
    let (before, commits_before, operations_before) =
        (cpu(), commits.commits.load(Ordering::Relaxed), commits.operations.load(Ordering::Relaxed));
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let started = Instant::now();
    verify(store, &samples, CLIENTS, each, Arc::default()).await;
    let (took, used) = (started.elapsed(), cpu() - before);
    let commits_made = commits.commits.load(Ordering::Relaxed) - commits_before;
    let operations = commits.operations.load(Ordering::Relaxed) - operations_before;
    let done = (each * CLIENTS) as f64;
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / done;
    println!(
        "{label}: {:.0} verifications/s, {:.1} µs CPU each (samples alone {:.1}), {:.3} commits per operation, {:.1} operations \
         per verification, {} MiB resident",
        done / took.as_secs_f64(),
        micros(used),
        micros(idle),
        commits_made as f64 / operations as f64,
        operations as f64 / done,
        resident_mib(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it in release, on a quiet machine"]
async fn cost_of_a_verification() {
    let folder = tempfile::tempdir().unwrap();
    let commits = Arc::new(Commits::default());
    let options =
        SqliteOptions { observer: Arc::clone(&commits) as Arc<dyn Observer>, ..SqliteOptions::default() };
    let store = Arc::new(SqliteStore::open(folder.path().join("cost.db"), options).unwrap());
    println!("{} MiB resident, empty", resident_mib());
    let count: usize = std::env::var("VERIFICATIONS").map_or(100_000, |count| count.parse().unwrap());
    measure(&store, &commits, "few live", count).await;
    measure(&store, &commits, "few live, again", count).await;
    let live: usize = std::env::var("LIVE").map_or(1_000_000, |count| count.parse().unwrap());
    let samples = Samples::new();
    for first in (0..live).step_by(1_000) {
        let start = |number| {
            let mut start = samples.start(&format!("live-{number}"), NOW);
            start.candidates[0].deliveries.clear();
            store.start(start)
        };
        let started = futures::future::try_join_all((first..first + 1_000).map(start)).await.unwrap();
        assert!(started.iter().all(|outcome| matches!(outcome, StartOutcome::Started { .. })));
    }
    println!("{} MiB resident with {live} live", resident_mib());
    measure(&store, &commits, "many live", count).await;
    measure(&store, &commits, "many live, again", count).await;
    store.close().await;
}
