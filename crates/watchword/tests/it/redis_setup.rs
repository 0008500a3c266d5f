//! How the servers of a Redis store are set up: what `watchword doctor` says of it, what a server says at its start, and that
//! it does not start before it knows what time it is there.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use watchword_testkit::redis::{Cluster, Keeping, Server as Redis};

use crate::support::{PROGRAM, Server};

const KEY: (&str, &str) =
    ("WATCHWORD_KEY", "0707070707070707070707070707070707070707070707070707070707070707");

/// A configuration with this store.
fn configured(url: &str) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.toml");
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"{url}\"\n\
         [namespaces.app]\nsecret = \"app-secret\"\n\
         [providers.sms]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n"
    );
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// The state and the detail of all that the doctor finds about subjects that begin so.
fn findings(url: &str, about: &str) -> Vec<(String, String)> {
    let (_folder, config) = configured(url);
    let output = Command::new(PROGRAM)
        .args(["doctor", "--json", "--config"])
        .arg(&config)
        .env(KEY.0, KEY.1)
        .output()
        .unwrap();
    let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = all.as_array().unwrap().iter();
    let found = all.filter(|finding| text(&finding["subject"]).starts_with(about));
    found.map(|finding| (text(&finding["state"]), text(&finding["detail"]))).collect()
}

#[test]
fn the_doctor_tells_a_redis_that_keeps_from_one_that_does_not() {
    let redis = Redis::start(Keeping::Everything);
    let good = findings(&redis.url(), "redis ");
    assert!(
        matches!(&good[..], [(state, text)] if state == "good" && text.contains("appendfsync always")),
        "{good:?}"
    );
    let clock = findings(&redis.url(), "store clock");
    assert!(matches!(&clock[..], [(state, _)] if state == "good"), "{clock:?}");

    redis.command(&["CONFIG", "SET", "appendfsync", "everysec"]);
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    let bad = findings(&redis.url(), "redis ");
    let [(first, fsync), (second, eviction)] = &bad[..] else { panic!("{bad:?}") };
    assert_eq!((&**first, &**second), ("warning", "warning"));
    assert!(fsync.contains("`CONFIG SET appendfsync always`"), "{fsync}");
    assert!(eviction.contains("`CONFIG SET maxmemory-policy noeviction`"), "{eviction}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_every_node_of_a_cluster() {
    let cluster = Cluster::start();
    cluster.is_up().await;
    cluster.nodes()[1].command(&["CONFIG", "SET", "appendonly", "yes"]);
    cluster.nodes()[1].command(&["CONFIG", "SET", "appendfsync", "always"]);
    let found = findings(&cluster.url(), "redis ");
    let mut states: Vec<_> = found.iter().map(|(state, _)| &**state).collect();
    states.sort_unstable();
    assert_eq!(states, ["good", "warning", "warning"], "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_t_learn_the_time_does_not_start_and_one_that_does_warns_of_what_is_not_kept() {
    let redis = Redis::start(Keeping::Nothing);
    redis.command(&["ACL", "SETUSER", "default", "-time"]);
    let (_folder, config) = configured(&redis.url());
    let output =
        Command::new(PROGRAM).args(["serve", "--config"]).arg(&config).env(KEY.0, KEY.1).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(refused.contains("the store does not say what time it is"), "{refused}");
    assert!(refused.contains("must be allowed the command TIME"), "{refused}");
    redis.command(&["ACL", "SETUSER", "default", "+time"]);
    let server = Server::serve(&config, &[KEY]);
    let (_, log) = server.terminate().await;
    let warned = |words: &str| log.iter().any(|line| line.contains("WARN") && line.contains(words));
    assert!(warned("keeps nothing through a crash"), "{log:#?}");
}
