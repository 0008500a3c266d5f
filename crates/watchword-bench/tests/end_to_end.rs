//! The program as a person runs it, against its own bare server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says by a panic what is wrong, in its helpers too"
)]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_watchword-bench");

/// The bare server as the server to be measured: it has neither data nor an admin listener.
const BARE_AS_SERVER: [&str; 5] =
    ["--server-binary", PROGRAM, "--server-args", "bare --listen {listen}", "--no-admin"];

/// A child that does not outlive its test.
struct Bare {
    child: Child,
    url: String,
}

impl Bare {
    fn start() -> Self {
        let mut child = Command::new(PROGRAM).arg("bare").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url =
            line.trim_end().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { child, url }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn bench(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn run_drives_a_server_and_reports_calls_and_the_cost_of_its_process() {
    let bare = Bare::start();
    let pid = bare.child.id().to_string();
    let output = bench(&[
        "run",
        "--target",
        &bare.url,
        "--verifications",
        "500",
        "--runs",
        "2",
        "--connections",
        "4",
        "--pid",
        &pid,
        "--json",
    ]);
    let report = json_of(&output);
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!((&run["completed"], &run["failed"]), (&500.into(), &0.into()));
        for call in ["put", "check"] {
            let values = ["p50_us", "p95_us", "p99_us", "p99.9_us", "max_us"]
                .map(|name| run[call][name].as_u64().unwrap());
            assert!(values[0] > 0 && values.is_sorted(), "{values:?}");
        }
        assert_eq!(run["processes"][0]["pid"], bare.child.id());
        assert_eq!(run["processes"][0]["name"], "watchword-bench");
        assert!(run["processes"][0]["memory"]["resident_kib"].as_u64().unwrap() > 0);
    }
}

#[test]
fn run_as_text_has_a_line_for_each_call_process_and_the_medians() {
    let bare = Bare::start();
    let pid = bare.child.id().to_string();
    let output =
        bench(&["run", "--target", &bare.url, "--verifications", "100", "--runs", "1", "--pid", &pid]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let starts = [
        "machine: ",
        &bare.url,
        "run 1 of 1: 100 verifications in ",
        "  PUT ",
        "  check ",
        "  watchword-bench (",
        "  load: watchword-bench (",
        "medians: ",
    ];
    for start in starts {
        assert!(text.lines().any(|line| line.starts_with(start)), "no line begins with {start:?} in\n{text}");
    }
}

#[test]
fn run_fails_in_one_line_when_nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = bench(&["run", "--target", &format!("http://{free}")]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with(&format!("watchword-bench: cannot connect to http://{free}")), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn run_fails_when_verifications_fail_and_says_why() {
    let bare = Bare::start();
    // A prefix that the bare server does not know: 404 to everything.
    let output = bench(&["run", "--target", &format!("{}/elsewhere", bare.url), "--verifications", "10"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("PUT was answered 404 Not Found"), "{text}");
}

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

#[test]
fn a_signal_in_the_middle_stops_the_servers_that_were_started_and_removes_their_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("compare").args(BARE_AS_SERVER).arg("--data").arg(folder.path());
    let mut bench = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The head of the table comes once both servers are ready. The runs after it would take minutes.
    let mut lines = BufReader::new(bench.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("verifications/s")));
    let pid = bench.id();
    let servers = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let servers: Vec<Value> = servers.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(servers.len(), 2);

    assert!(Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap().success());
    let output = bench.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stderr, b"watchword-bench: stopped by a signal before the end\n");
    assert!(!servers.iter().any(process_exists));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

fn process_exists(pid: &Value) -> bool {
    std::fs::exists(format!("/proc/{}", pid.as_u64().unwrap())).unwrap()
}
