//! The PostgreSQL store on real servers, straight and through PgBouncer. They need the Debian packages `postgresql` and `pgbouncer`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod nodes;
mod opening;
mod pooled;
mod processor;
mod restarts;
mod server;
mod settling;
mod statements;
mod suite;
mod surveying;
mod take_over;
mod waking;
