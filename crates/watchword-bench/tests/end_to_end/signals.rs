//! Ctrl-C: what was started is stopped, and what was measured is reported.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use axum::Router;
use axum::routing::put;
use serde_json::Value;

use crate::program::{BARE_AS_SERVER, PROGRAM, process_exists};
use crate::server::serve;

/// What a program says that was stopped.
const STOPPED: &[u8] = b"watchword-bench: stopped by a signal before the end\n";

pub(crate) fn signal(name: &str, child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// The one run that a program reports which was stopped in it.
pub(crate) fn only_run_of(stopped: Child) -> Value {
    let output = stopped.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(1), STOPPED));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [run] = report["runs"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&report["interrupted"], &run["interrupted"]), (&true.into(), &true.into()));
    run.clone()
}

#[test]
fn a_signal_in_the_middle_stops_the_servers_that_were_started_and_removes_their_data() {
    for name in ["-TERM", "-INT"] {
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

        signal(name, &bench);
        let output = bench.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(1), STOPPED));
        assert!(!servers.iter().any(process_exists));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn a_run_that_is_stopped_reports_what_was_done_until_then() {
    // One to try it, five to warm up, then the run: its third PUT is never answered.
    let (third, told) = mpsc::channel();
    let puts = AtomicU32::new(0);
    let start = Arc::new(move || {
        let number = puts.fetch_add(1, Ordering::SeqCst) + 1;
        if number == 1 + 5 + 3 {
            third.send(()).unwrap();
        }
        number < 1 + 5 + 3
    });
    let start = async move || {
        if !start() {
            std::future::pending::<()>().await;
        }
        r#"{"status":"success","data":{"otp":"1"}}"#
    };
    let check = async || r#"{"status":"success","data":{}}"#;
    let url = format!("http://{}", serve(Router::new().route("/api/otp/{id}", put(start).post(check))));

    let mut command = Command::new(PROGRAM);
    command.args(["run", "--target", &url, "--connections", "1", "--verifications", "50", "--json"]);
    let bench = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    told.recv_timeout(Duration::from_secs(30)).unwrap();
    signal("-INT", &bench);
    let run = only_run_of(bench);
    // The one that hangs has neither completed nor failed.
    assert_eq!((&run["asked"], &run["completed"], &run["failed"]), (&50.into(), &2.into(), &0.into()));
}
