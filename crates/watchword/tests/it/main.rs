//! The program as people run it: what it prints, what it answers, how it starts, fails and stops.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod dev;
mod doctor;
mod failures;
mod inbox;
mod reload;
mod serve;
mod stopping;
mod support;
