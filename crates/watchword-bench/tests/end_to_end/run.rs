//! `run`: load on one server, and what it reports.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::put;

use crate::program::{BARE_AS_SERVER, Bare, bench, json_of};
use crate::server::serve;

#[test]
fn run_drives_a_server_and_reports_calls_and_the_cost_of_its_process() {
    let bare = Bare::start();
    let pid = bare.pid().to_string();
    let target = ["run", "--target", &bare.url, "--server-pid", &pid];
    let amount = ["--verifications", "500", "--runs", "2", "--connections", "4", "--json"];
    let report = json_of(&bench(&[&target[..], &amount].concat()));
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!((&run["completed"], &run["failed"]), (&500.into(), &0.into()));
        for call in ["put", "check", "whole"] {
            assert_eq!(run[call]["count"], 500);
            let values = ["p50_us", "p90_us", "p95_us", "p99_us", "p999_us", "max_us"]
                .map(|name| run[call][name].as_u64().unwrap());
            assert!(values[0] > 0 && values.is_sorted(), "{values:?}");
        }
        let server = &run["processes"][0];
        assert_eq!((&server["name"], &server["command"]), (&"server".into(), &"watchword-bench".into()));
        assert_eq!(server["pid"], bare.pid());
        assert!(server["memory"]["resident_kib"].as_u64().unwrap() > 0);
    }
}

#[test]
fn run_as_text_has_a_line_for_each_call_process_and_the_medians() {
    let bare = Bare::start();
    let pid = bare.pid().to_string();
    let also = format!("store={}", std::process::id());
    let target = ["run", "--target", &bare.url, "--server-pid", &pid, "--also-pid", &also];
    let output = bench(&[&target[..], &["--verifications", "100", "--runs", "1", "--rate", "1000"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "no progress is shown where there is no terminal");
    let text = String::from_utf8(output.stdout).unwrap();
    let starts = [
        "machine: ",
        &bare.url,
        "run 1 of 1: 100 verifications in ",
        "  PUT ",
        "  check ",
        "  both ",
        "  late ",
        "  own ",
        "  asked for 1000.00 a second; ",
        "  limited by ",
        "  server: watchword-bench (",
        "  store: ",
        "  machine: ",
        "  load program: watchword-bench (",
        "medians: ",
    ];
    for start in starts {
        assert!(text.lines().any(|line| line.starts_with(start)), "no line begins with {start:?} in\n{text}");
    }
}

#[test]
fn run_starts_a_server_where_asked_and_stops_it() {
    let arguments = ["--verifications", "50", "--runs", "1", "--connections", "2", "--json"];
    let report = json_of(&bench(&[&["run"], &BARE_AS_SERVER[..], &arguments].concat()));
    assert_eq!(report["runs"][0]["completed"], 50);
    let version = format!("watchword-bench {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(report["versions"]["server_binary"], version);
    assert!(!crate::program::process_exists(&report["runs"][0]["processes"][0]["pid"]));
}

#[test]
fn the_cost_of_a_process_that_forks_is_that_of_all_its_children() {
    let bare = Bare::start();
    // As PostgreSQL does it: the parent waits, the children work, here for as long as it lives.
    let script = "work() { while kill -0 $$; do :; done; }; work & work & wait";
    let mut command = Command::new("sh");
    let mut forking = command.args(["-c", script]).stderr(Stdio::null()).spawn().unwrap();
    let also = format!("postgres={}", forking.id());
    let arguments = ["--verifications", "20", "--runs", "1", "--rate", "50", "--connections", "2", "--json"];
    let output = bench(&[&["run", "--target", &bare.url, "--also-pid", &also][..], &arguments].concat());
    forking.kill().unwrap();
    forking.wait().unwrap();
    let report = json_of(&output);
    let process = &report["runs"][0]["processes"][0];
    assert_eq!((&process["name"], &process["processes"]), (&"postgres".into(), &3.into()));
    let seconds = process["user_seconds"].as_f64().unwrap() + process["system_seconds"].as_f64().unwrap();
    assert!(seconds > 0.0, "{process}");
    let per_1000 = process["cpu_seconds_per_1000"].as_f64().unwrap();
    assert!((per_1000 - seconds * 50.0).abs() < 1e-9, "{process}");
}

#[test]
fn namespace_secret_provider_and_addresses_are_as_given() {
    type Seen = Arc<Mutex<Vec<(String, String)>>>;
    let seen = Seen::default();
    let keep = async |State(seen): State<Seen>, headers: axum::http::HeaderMap, form: String| {
        let authorization = headers["authorization"].to_str().unwrap().to_owned();
        seen.lock().unwrap().push((authorization, form));
        r#"{"status":"success","data":{"otp":"1"}}"#
    };
    let check = async || r#"{"status":"success","data":{}}"#;
    let router = Router::new().route("/base/api/otp/{id}", put(keep).post(check));
    let url = format!("http://{}/base", serve(router.with_state(Arc::clone(&seen))));
    let who = ["--namespace", "myApp", "--secret", "hunter2", "--provider", "my sms", "--to", "+77{number}"];
    let amount = ["--verifications", "10", "--runs", "1", "--json"];
    json_of(&bench(&[&["run", "--target", &url][..], &who, &amount].concat()));
    let seen = seen.lock().unwrap();
    let mut numbers = std::collections::HashSet::new();
    for (authorization, form) in &*seen {
        // `myApp:hunter2` in base64 (RFC 4648, section 4).
        assert_eq!(authorization, "Basic bXlBcHA6aHVudGVyMg==");
        let number = form.strip_prefix("provider=my%20sms&to=%2B77").unwrap();
        assert!(number.len() == 9 && number.bytes().all(|byte| byte.is_ascii_digit()), "{form}");
        assert!(numbers.insert(number), "{number} twice");
    }
    assert_eq!(seen.len(), 12, "one to try it, one to warm up, ten of the run");
}

#[test]
fn a_target_that_gives_no_passcode_back_is_handed_one() {
    type Passcodes = Arc<Mutex<HashMap<String, String>>>;
    let start = async |State(passcodes): State<Passcodes>, Path(id): Path<String>, form: String| {
        let passcode = form.split_once("&otp=").map(|(_, passcode)| passcode.to_owned());
        passcodes.lock().unwrap().insert(id, passcode.unwrap_or_default());
        r#"{"status":"success","data":{"id":"x"}}"#
    };
    let check = async |State(passcodes): State<Passcodes>, Path(id): Path<String>, form: String| {
        if passcodes.lock().unwrap().get(&id).is_some_and(|passcode| form == format!("otp={passcode}")) {
            (StatusCode::OK, r#"{"status":"success","data":{}}"#)
        } else {
            (StatusCode::BAD_REQUEST, r#"{"status":"error","message":"Incorrect OTP"}"#)
        }
    };
    let router = Router::new().route("/api/otp/{id}", put(start).post(check));
    let url = format!("http://{}", serve(router.with_state(Passcodes::default())));
    let arguments = ["run", "--target", &url, "--verifications", "10", "--runs", "1", "--json"];
    let report = json_of(&bench(&arguments));
    assert_eq!(
        (&report["load"]["passcode_from"], &report["runs"][0]["completed"]),
        (&"own".into(), &10.into())
    );
}

#[test]
fn errors_are_reported_by_call_and_kind_and_the_run_fails() {
    type Count = Arc<std::sync::atomic::AtomicU32>;
    let start = async |State(count): State<Count>| {
        // The first two try it and warm up.
        match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            count if count < 2 || count % 2 == 0 => {
                (StatusCode::OK, r#"{"status":"success","data":{"otp":"1"}}"#)
            }
            _ => {
                (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"error","message":"Unable to reach store."}"#)
            }
        }
    };
    let check = async || r#"{"status":"success","data":{}}"#;
    let router = Router::new().route("/api/otp/{id}", put(start).post(check)).with_state(Count::default());
    let url = format!("http://{}", serve(router));
    let amount = ["--verifications", "10", "--runs", "3", "--connections", "1", "--json"];
    let output = bench(&[&["run", "--target", &url][..], &amount].concat());
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let expected = "watchword-bench: 5 of 10 verifications failed, so the figures say nothing: \
                    5 × PUT was answered 503 Service Unavailable Unable to reach store.\n";
    assert_eq!(text, expected);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let [run] = report["runs"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&run["completed"], &run["failed"]), (&5.into(), &5.into()));
    let error = &run["errors"][0];
    assert_eq!(
        (&error["call"], &error["kind"], &error["status"]),
        (&"put".into(), &"status".into(), &503.into())
    );
    assert_eq!(error["count"], 5);
}
