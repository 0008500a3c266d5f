//! The HTTP side as clients meet it. One program, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod counting;
mod delivery;
mod fuzz;
mod harness;
mod health;
mod limits;
mod listener;
mod page_flows;
mod page_forms;
mod page_limit;
mod page_safety;
mod races;
mod refusals;
mod replies;
mod tls;
