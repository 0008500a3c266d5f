//! What messages through Kafka promise, seen by another client on a real broker, and on a mock of a cluster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod answers;
mod outages;
mod provider;
mod records;
#[path = "../providers/sample.rs"]
#[allow(dead_code, reason = "shared with the tests of the other providers")]
mod sample;
mod settings;
mod signing_in;
