//! The program as a person runs it, against its own bare server and against servers that misbehave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod compare;
mod document;
mod perfumer;
mod program;
mod refusals;
mod run;
mod server;
mod signals;
mod smtp;
mod store;
mod terminal;
mod tls;
