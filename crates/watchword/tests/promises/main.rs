//! What Watchword promises when things go wrong: processes are killed, disks fill up, providers hang, and logs are read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod app;
mod crash;
mod disk_full;
mod node_away;
mod node_crash;
mod node_races;
mod node_restart;
mod nodes;
mod races;
mod receiver;
mod secrecy;
mod server;
