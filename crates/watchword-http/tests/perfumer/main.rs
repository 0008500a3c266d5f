//! Perfumer OTP's dialect as its clients meet it. One program, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod access;
mod away;
mod checks;
mod examples;
mod fuzz;
mod harness;
mod limits;
mod look_ups;
mod messages;
mod page;
mod parameters;
mod refusals;
mod webhook;
