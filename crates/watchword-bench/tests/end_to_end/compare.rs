//! `compare` and `memory`, which start their servers.

use crate::program::{BARE_AS_SERVER, PROGRAM, bench, json_of, process_exists};

#[test]
fn compare_measures_both_servers_in_turn_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec!["compare"];
    arguments.extend(BARE_AS_SERVER);
    arguments.extend(["--data", folder.path().to_str().unwrap()]);
    arguments.extend(["--verifications", "300", "--runs", "3", "--connections", "4", "--json"]);
    let report = json_of(&bench(&arguments));
    for side in ["bare", "server"] {
        let runs = report[side]["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 3);
        assert!(runs.iter().all(|run| run["completed"] == 300));
        assert!(report[side]["medians"]["per_second"].as_f64().unwrap() > 0.0);
        assert!(!process_exists(&runs[0]["processes"][0]["pid"]));
    }
    assert_ne!(
        report["bare"]["runs"][0]["processes"][0]["pid"],
        report["server"]["runs"][0]["processes"][0]["pid"]
    );
    assert!(report["disk"]["p99_us"].as_u64() >= report["disk"]["p50_us"].as_u64());
    assert_eq!(report["aims"].as_array().unwrap().len(), 4);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn memory_loads_both_servers_and_reports_their_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments =
        vec!["memory", "--live", "200", "--few", "20", "--verifications", "100", "--runs", "1"];
    arguments.extend(BARE_AS_SERVER);
    arguments.extend(["--data", folder.path().to_str().unwrap(), "--json"]);
    let report = json_of(&bench(&arguments));
    for (side, live) in [("few", 20), ("many", 200)] {
        assert_eq!(report[side]["live"], live);
        for moment in ["idle", "loaded", "after_runs"] {
            assert!(report[side][moment]["resident_kib"].as_u64().unwrap() > 0);
        }
        assert_eq!(report[side]["runs"][0]["completed"], 100);
        assert!(!process_exists(&report[side]["runs"][0]["processes"][0]["pid"]));
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_server_that_ends_at_once_is_reported_with_its_own_words() {
    let arguments =
        ["compare", "--server-binary", PROGRAM, "--server-args", "bare --nonsense", "--verifications", "10"];
    let output = bench(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("ended (exit status: 2) before it was ready"), "{text}");
    assert!(text.contains("unexpected argument '--nonsense'"), "{text}");
}
