//! Messages through a real broker of Kafka: it goes away and comes back, and so does the server, and nothing is lost.

use std::collections::BTreeMap;
use std::path::Path;

use watchword_testkit::kafka::{Broker, Record};
use watchword_testkit::process::Process;

use crate::support::{PROGRAM, Perfumer};

/// Messages of each phase.
const COUNT: usize = 40;

const TOPIC: &str = "egov.core.notification.sms.otp";

/// Memory of the server's own at most, in MiB, the client of Kafka included; its program's pages are not counted, for a build for
/// tests has far more of them.
const MEMORY: u64 = 40;

fn serve(folder: &Path) -> Perfumer {
    let config = folder.join("watchword.toml");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()];
    let store = format!("sqlite:{}", folder.join("watchword.db").display());
    let environment = [("WATCHWORD_STORE", store.as_str()), ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0")];
    Perfumer::of(Process::start(Path::new(PROGRAM), arguments, &environment))
}

/// Starts verifications of the numbers from `first` on, each answered whether or not there is a broker.
async fn send(server: &Perfumer, first: usize) {
    for number in first..first + COUNT {
        let answer = server.sms(&format!("+9198765{number:05}"), "314159", 600).await;
        assert!(answer.is_true(), "{answer:?}");
    }
}

/// How often each number's message came, and under how many delivery ids.
fn came(records: &[Record]) -> BTreeMap<String, (usize, usize)> {
    let mut came: BTreeMap<String, (usize, std::collections::BTreeSet<&str>)> = BTreeMap::new();
    for record in records {
        let value: serde_json::Value = serde_json::from_str(&record.value).unwrap();
        assert_eq!(value["message"], "Your OTP is 314159");
        let (count, ids) = came.entry(value["mobileNumber"].as_str().unwrap().to_owned()).or_default();
        *count += 1;
        ids.insert(record.header("Idempotency-Key").unwrap());
    }
    came.into_iter().map(|(number, (count, ids))| (number, (count, ids.len()))).collect()
}

/// In MiB.
fn memory(server: &Perfumer) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_broker_is_away_messages_wait_in_the_outbox_through_a_crash_of_the_server_too() {
    let mut broker = Broker::start();
    broker.create(TOPIC);
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[server]\ndialect = \"perfumer\"\n\n[providers.sms]\nkind = \"kafka\"\nbrokers = \"{}\"\n\
         topic = \"{TOPIC}\"\nsends = \"sms\"\ntimeout = \"3s\"\n",
        broker.url()
    );
    std::fs::write(folder.path().join("watchword.toml"), config).unwrap();
    let mut server = serve(folder.path());

    send(&server, 0).await;
    tokio::task::block_in_place(|| broker.kill());
    send(&server, COUNT).await;
    let memory = memory(&server);
    assert!(memory <= MEMORY, "{memory} MiB");
    tokio::task::block_in_place(|| server.process.kill());
    drop(server);
    let server = serve(folder.path());
    send(&server, 2 * COUNT).await;

    tokio::task::block_in_place(|| broker.start_again());
    send(&server, 3 * COUNT).await;
    // Once for a breaker, once for the longest back-off until here.
    for _ in 0..3 {
        if server.metric("watchword_outbox_depth").await == Some(0.0) {
            break;
        }
        let _ =
            tokio::time::timeout(watchword_testkit::deadline::DEADLINE * 9 / 10, server.sends_all()).await;
    }
    server.sends_all().await;

    let came = came(&broker.records(TOPIC));
    let numbers: Vec<String> = (0..4 * COUNT).map(|number| format!("+9198765{number:05}")).collect();
    assert_eq!(came.keys().cloned().collect::<Vec<_>>(), numbers, "none is lost, none is made up");
    for (number, (count, ids)) in came {
        assert!(count <= 2 && ids == 1, "{number} came {count} times, under {ids} ids");
    }
}
