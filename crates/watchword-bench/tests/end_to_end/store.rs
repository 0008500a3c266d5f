//! `compare --store`: servers with stores that are servers of their own.

use serde_json::Value;
use watchword_testkit::redis::{Keeping, Server};

use crate::program::{PROGRAM, bench, json_of, process_exists, refusal};

const AMOUNT: [&str; 7] = ["--verifications", "500", "--runs", "2", "--connections", "4", "--json"];

/// The bare server as the server to be measured: what it does with its store is known.
fn compare<'a>(calls: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let server = ["compare", "--server-binary", PROGRAM, "--no-admin", "--server-args", calls];
    [&server[..], more, &AMOUNT].concat()
}

/// Its mean for a verification, where readings themselves come to less than a part in a hundred.
fn about(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() <= expected / 100.0, "{value} is not about {expected}");
}

/// The process ids of a server and its store.
fn processes<'a>(run: &'a Value, name: &str, command: &str) -> [&'a Value; 2] {
    let [server, store] = run["processes"].as_array().unwrap().as_slice() else { panic!("{run}") };
    assert_eq!((&store["name"], &store["command"]), (&name.into(), &command.into()));
    [&server["pid"], &store["pid"]]
}

#[test]
fn the_bare_server_gives_its_redis_as_many_bytes_as_the_measured_one_and_both_redises_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let calls = "bare --listen {listen} --store-url {store} --request-bytes 900 --reply-bytes 400";
    let more = ["--store", "redis", "--data", folder.path().to_str().unwrap()];
    let report = json_of(&bench(&compare(calls, &more)));
    assert_eq!(report["store"]["kind"], "redis");
    assert!(report["store"]["version"].as_str().unwrap().starts_with("Redis "), "{report}");
    for side in ["bare", "server"] {
        let traffic = &report[side]["traffic"];
        assert_eq!(traffic["calls"], 3.0);
        about(&traffic["received_bytes"], 2_700.0);
        about(&traffic["sent_bytes"], 1_200.0);
        assert!(traffic["busy_us"].as_f64().unwrap() > 0.0);
        let medians = &report[side]["medians"];
        let [server, all] = ["cpu_us_per_verification", "cpu_of_all_us_per_verification"]
            .map(|name| medians[name].as_f64().unwrap());
        assert!(server <= all, "{medians}");
    }
    let [bare, server] =
        ["bare", "server"].map(|side| processes(&report[side]["runs"][0], "redis", "redis-server"));
    assert!(bare[0] != server[0] && bare[1] != server[1], "each has its own: {bare:?}, {server:?}");
    assert!(bare.into_iter().chain(server).all(|pid| !process_exists(pid)));
    let [aim] = report["aims"].as_array().unwrap().as_slice() else { panic!("{report}") };
    let cpu = |side: &str| report[side]["medians"]["cpu_of_all_us_per_verification"].as_f64().unwrap();
    assert_eq!(aim["at_most"], 2.0);
    assert!((aim["measured"].as_f64().unwrap() - cpu("server") / cpu("bare")).abs() < 1e-9, "{aim}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_redis_that_runs_already_is_used_by_both_and_left_running() {
    let redis = Server::start(Keeping::Nothing);
    let calls = "bare --listen {listen} --store-url {store}";
    let report = json_of(&bench(&compare(calls, &["--store", "redis", "--store-url", &redis.url()])));
    for side in ["bare", "server"] {
        assert_eq!(report[side]["traffic"], Value::Null, "whose calls they are is not known");
        assert_eq!(processes(&report[side]["runs"][0], "redis", "redis-server")[1], redis.process.id());
    }
    assert_eq!(redis.command(&["PING"]), "PONG\n");
}

#[test]
fn a_postgresql_is_started_with_fsync_and_its_calls_and_syncs_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    make_reachable(folder.path());
    let calls = "bare --listen {listen} --store-url {store} --writes";
    let more = ["--store", "postgres", "--data", folder.path().to_str().unwrap()];
    let report = json_of(&bench(&compare(calls, &more)));
    assert!(report["store"]["version"].as_str().unwrap().starts_with("PostgreSQL "), "{report}");
    for side in ["bare", "server"] {
        about(&report[side]["traffic"]["calls"], 3.0);
        assert_eq!(report[side]["traffic"]["received_bytes"], Value::Null);
        let [server, store] = processes(&report[side]["runs"][0], "postgres", "postgres");
        assert!(!process_exists(server) && !process_exists(store));
        assert!(report[side]["runs"][0]["processes"][1]["processes"].as_u64().unwrap() > 4, "{report}");
    }
    // The one writes a row with each call and makes it durable, the other writes none.
    let syncs = |side: &str| report[side]["traffic"]["log_syncs"].as_f64().unwrap();
    assert!(syncs("server") > 0.3 && syncs("bare") < 0.1, "{} {}", syncs("server"), syncs("bare"));
    let [cpu, aim] = report["aims"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&cpu["at_most"], &aim["at_most"]), (&2.5.into(), &0.3.into()));
    assert_eq!(aim["measured"].as_f64().unwrap(), syncs("server") / 2.0);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

/// For the user that PostgreSQL runs as where this runs as root.
fn make_reachable(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_comparison_as_text_tells_the_stores_part_and_its_calls() {
    let calls = "bare --listen {listen} --store-url {store}";
    let mut arguments = compare(calls, &["--store", "redis"]);
    arguments.retain(|argument| *argument != "--json");
    let output = bench(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let starts = [
        "machine: ",
        "http://127.0.0.1:",
        "                 CPU µs a verification       server        store ",
        "bare    run 1 ",
        "server  run 2 ",
        "bare    median ",
        "server  median ",
        "bare: the store gets 3.00 calls a verification, ",
        "server: the store gets 3.00 calls a verification, ",
        "CPU a verification, the store's too, beside bare with store ",
    ];
    let mut lines = text.lines();
    for start in starts {
        assert!(lines.any(|line| line.starts_with(start)), "no line begins with {start:?}:\n{text}");
    }
    assert!(text.contains("with Redis "), "{text}");
}

#[test]
fn a_store_that_can_not_be_had_is_said_plainly() {
    let calls = "bare --listen {listen} --store-url {store}";
    let line = refusal(&compare(calls, &["--store", "redis", "--store-url", "postgres://localhost"]), 2);
    assert!(line.starts_with("watchword-bench: --store-url can't be used: "), "{line}");
    let line = refusal(&compare(calls, &["--store", "redis", "--store-url", "redis://127.0.0.1:1"]), 1);
    assert!(
        line.starts_with("watchword-bench: cannot ask the store; does it run, on this machine?"),
        "{line}"
    );
    let text = refusal(&compare(calls, &["--store", "redis", "--store-args", "--nonsense yes"]), 1);
    assert!(text.starts_with("watchword-bench: redis-server ended ("), "{text}");
    assert!(text.contains("Bad directive"), "{text}");
    let text = refusal(&["compare", "--store", "redis"], 2);
    assert!(text.contains("--server-binary <PATH>"), "{text}");
}
