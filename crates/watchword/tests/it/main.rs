//! The program as people run it: what it prints, what it answers, how it starts, fails and stops.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod as_otpgateway;
mod backup;
mod config_check;
mod contrib;
mod deliveries;
mod dev;
mod doctor;
mod events;
mod failures;
mod inbox;
mod init;
#[cfg(feature = "kafka")]
mod kafka;
mod keys;
mod otpgateway_keys;
mod perfumer_examples;
mod perfumer_keys;
mod perfumer_limits;
mod perfumer_nodes;
mod perfumer_pooled;
mod perfumer_queue;
mod perfumer_restarts;
mod perfumer_settings;
mod perfumer_starting;
mod perfumer_webhook;
mod proxies;
mod redis_flow;
mod redis_keys;
mod redis_rights;
mod redis_setup;
mod reload;
mod reload_command;
mod serve;
mod stopping;
mod support;
mod tls;
mod traces;
mod unlock;
