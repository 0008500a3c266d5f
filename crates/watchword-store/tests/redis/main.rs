//! The Redis store on real servers: every promise of the suite, random histories against the reference, on one server and on a
//! cluster; and what is Redis's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod announcing;
mod broken;
mod cluster;
mod cost;
mod durability;
mod moving;
mod server;
mod setup;
mod suite;
mod tls;
