//! The PostgreSQL store on real servers, straight and through PgBouncer. They need the Debian packages `postgresql` and `pgbouncer`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod opening;
mod pooled;
mod restarts;
mod server;
mod suite;
mod waking;
