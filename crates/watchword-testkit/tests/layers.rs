//! The arrows between the crates run one way: the binary → {http, delivery, store} → the domain. Templates stand apart and know
//! nothing of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says no by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// What each crate of the product may depend on, of the workspace.
const ARROWS: [(&str, &[&str]); 8] = [
    ("watchword-core", &[]),
    ("watchword-store", &["watchword-core"]),
    ("watchword-template", &[]),
    ("watchword-delivery", &["watchword-core", "watchword-template"]),
    ("watchword-http", &["watchword-core", "watchword-template"]),
    (
        "watchword",
        &["watchword-core", "watchword-store", "watchword-template", "watchword-delivery", "watchword-http"],
    ),
    ("watchword-testkit", &["watchword-core"]),
    ("watchword-bench", &["watchword-core", "watchword-delivery"]),
];

/// What does I/O, and so has no place in the domain.
const IO: [&str; 14] = [
    "async-std",
    "axum",
    "hyper",
    "hyper-util",
    "lettre",
    "mio",
    "rdkafka",
    "redis",
    "reqwest",
    "rusqlite",
    "sqlx",
    "tokio",
    "tokio-postgres",
    "tokio-util",
];

/// Normal and build dependencies of each workspace member; those for tests only don't shape the product.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let per_package = packages.iter().map(|package| {
        let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
        let shipped = dependencies.filter(|dependency| dependency["kind"].as_str() != Some("dev"));
        (text(&package["name"]), shipped.map(|dependency| text(&dependency["name"])).collect())
    });
    per_package.collect()
}

#[test]
fn arrows_run_one_way() {
    let all = dependencies();
    let known: BTreeSet<_> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(all.keys().cloned().collect::<BTreeSet<_>>(), known, "a new crate needs its arrows here");
    for (name, allowed) in ARROWS {
        let inside: BTreeSet<_> =
            all[name].iter().filter(|dependency| known.contains(*dependency)).map(String::as_str).collect();
        let allowed = BTreeSet::from_iter(allowed.iter().copied());
        assert!(inside.is_subset(&allowed), "{name} depends on {:?}", inside.difference(&allowed));
    }
}

#[test]
fn the_domain_does_no_io() {
    let core = &dependencies()["watchword-core"];
    let found: Vec<_> = IO.iter().filter(|name| core.contains(**name)).collect();
    assert!(found.is_empty(), "watchword-core depends on {found:?}");
}
