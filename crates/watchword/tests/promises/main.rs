//! What Watchword promises when things go wrong: processes are killed, disks fill up, providers hang, and logs are read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod app;
mod crash;
mod disk_full;
mod races;
mod receiver;
mod secrecy;
mod server;
