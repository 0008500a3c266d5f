//! The shape of the JSON documents: what docs/performance.md lists is what comes out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, put};
use serde_json::Value;

use crate::program::{BARE_AS_SERVER, BARE_WITH_REDIS, Bare, bench, json_of};
use crate::server::serve;

/// The names of all values in a document: `load.connections`, `runs[].put.p50_us`.
fn names(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if prefix.is_empty() { "" } else { "." };
                names(value, &format!("{prefix}{dot}{name}"), found);
            }
        }
        Value::Array(items) => {
            for item in items {
                names(item, &format!("{prefix}[]"), found);
            }
        }
        _ => {
            found.insert(prefix.to_owned());
        }
    }
}

/// Where a thing of one shape stands in several places, and what the list calls it.
const PLACES: [(&str, &[&str]); 11] = [
    ("aim", &["aims[]"]),
    ("medians", &["bare.medians", "server.medians", "few.medians", "many.medians"]),
    ("medians", &["without.medians", "with.medians"]),
    ("run", &["runs[]", "bare.runs[]", "server.runs[]", "few.runs[]", "many.runs[]"]),
    ("run", &["without.runs[]", "with.runs[]"]),
    ("history", &["without", "with"]),
    ("side", &["few", "many"]),
    ("traffic", &["bare.traffic", "server.traffic"]),
    ("latency", &["run.put", "run.check", "run.whole", "run.pacing.lateness", "run.pacing.own_lateness"]),
    ("latency", &["smtp.runs[].send"]),
    ("process", &["run.processes[]", "run.load_program"]),
];

/// What the document of `smtp` has in common with the others.
const OF_ALL: [&str; 6] = ["format", "command", "versions.", "machine.", "interrupted", "aims[]."];

/// The names as the list has them.
fn listed_names(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    names(document, "", &mut found);
    if document["command"] == "smtp" {
        let of_all = |name: &String| OF_ALL.iter().any(|start| name.starts_with(start));
        found =
            found.into_iter().map(|name| if of_all(&name) { name } else { format!("smtp.{name}") }).collect();
    }
    let place = |name: String| {
        PLACES.iter().fold(name, |name, (called, prefixes)| {
            let rest = prefixes.iter().find_map(|prefix| name.strip_prefix(&format!("{prefix}.")));
            rest.map_or_else(|| name.clone(), |rest| format!("{called}.{rest}"))
        })
    };
    found.into_iter().map(place).collect()
}

/// The names in the first column of the tables of docs/performance.md that begin with `| Field`.
fn documented_names() -> BTreeSet<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.md"));
    let text = text.unwrap();
    let tables = text.split("\n\n").filter(|table| table.starts_with("| Field "));
    let rows = tables.flat_map(|table| table.lines().skip(2));
    rows.map(|row| row.split('`').nth(1).unwrap_or_else(|| panic!("{row}")).to_owned()).collect()
}

#[test]
fn the_documents_hold_what_the_documentation_lists_and_nothing_else() {
    let amount = ["--verifications", "20", "--runs", "1", "--connections", "2", "--json"];
    let bare = Bare::start();
    let pid = bare.pid().to_string();
    let run = ["run", "--target", &bare.url, "--server-pid", &pid, "--rate", "1000"];
    let metrics = async || "watchword_store_commits_total 1\nwatchword_store_operations_total 4\n";
    let admin = serve(Router::new().route("/metrics", get(metrics)));
    let admin = format!("http://{admin}");
    let documents = [
        json_of(&bench(&[&run[..], &["--admin", &admin], &amount].concat())),
        json_of(&bench(&[&["compare"], &BARE_AS_SERVER[..], &amount].concat())),
        json_of(&bench(&[&["compare"], &BARE_WITH_REDIS[..], &amount].concat())),
        json_of(&bench(
            &[&["memory"], &BARE_AS_SERVER[..], &["--live", "20", "--few", "2"], &amount].concat(),
        )),
        json_of(&bench(
            &[&["history"], &BARE_AS_SERVER[..], &["--sent", "20", "--wait", "0"], &amount].concat(),
        )),
        failed_document(&amount),
        json_of(&bench(&["smtp", "--messages", "20", "--runs", "1", "--connections", "2", "--json"])),
    ];
    let mut found = BTreeSet::new();
    for document in &documents {
        assert_eq!(document["format"], 1);
        found.extend(listed_names(document));
    }
    // Some documents have null where others have an object.
    for whole in ["run.pacing", "run.store", "store", "bare.traffic", "server.traffic"] {
        assert!(found.remove(whole), "{whole} is there always");
    }
    let documented = documented_names();
    let missing: Vec<_> = found.difference(&documented).collect();
    let extra: Vec<_> = documented.difference(&found).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "not listed: {missing:?}; listed, but not there: {extra:?}"
    );
}

/// A document with errors in it.
fn failed_document(amount: &[&str]) -> Value {
    let count = Arc::new(AtomicU32::new(0));
    let start = async move || {
        // One to try it, two to warm up.
        if count.fetch_add(1, Ordering::SeqCst) < 3 {
            (StatusCode::OK, r#"{"status":"success","data":{"otp":"1"}}"#)
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "")
        }
    };
    let check = async || r#"{"status":"success","data":{}}"#;
    let target = serve(Router::new().route("/api/otp/{id}", put(start).post(check)));
    let output = bench(&[&["run", "--target", &format!("http://{target}")], amount].concat());
    assert_eq!(output.status.code(), Some(1));
    serde_json::from_slice(&output.stdout).unwrap()
}
