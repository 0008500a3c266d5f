//! What the mail provider promises, seen from real mail servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod another_server;
mod authentication;
mod certificates;
mod connections;
mod failures;
mod letters;
mod mail_server;
mod probes;
mod raw_replies;
mod refusals;
#[path = "../providers/sample.rs"]
#[allow(dead_code, reason = "shared with the tests of the other providers")]
mod sample;
mod settings;
mod trust;
