//! What Watchword's tests stand on. Tests only: no shipped crate depends on it.
//!
//! # How to add one more
//!
//! - **A promise every store must keep**: a function in the theme's file under [`suite`], and its name in the list
//!   `every_promise!` there. Every store's tests run it from then on.
//! - **A store**: in its own tests, a function that makes a fresh one, then [`store_suite!`] and
//!   [`histories::run`] with it. It is done when both pass.
//! - **A store operation**: besides its promises, a variant of `Operation` in `histories/operation.rs` and its command in
//!   `histories/world.rs`, or the histories never try it.
//! - **A fake**: a file of its own, named for the port or the service it stands in for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

pub mod deadline;
pub mod histories;
pub mod kafka;
pub mod net;
pub mod observer;
pub mod perfumer;
pub mod postgres;
pub mod process;
pub mod provider;
pub mod queue;
pub mod random;
pub mod redis;
pub mod shared;
pub mod suite;
pub mod tasks;
pub mod time;
