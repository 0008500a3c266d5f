//! Where Watchword keeps its state: the stores behind the domain's port.
//!
//! # How to add a store
//!
//! 1. A module here (`src/NAME.rs`, its parts under `src/NAME/`) with a type that implements
//!    [`Store`](watchword_core::ports::Store). Each method is one whole operation: load what the function of that name in
//!    [`transition`](watchword_core::transition) asks for, let it decide, write back what it returns, all in one transaction.
//!    A store that can't run Rust in its transaction says the same in its own language.
//! 2. `tests/NAME.rs`, which runs the testkit's suite over it. The store is done when the suite passes.
//! 3. A line in the binary's `wiring.rs`, where the store's URL picks it; a section in `docs/guarantees.md`.
//!
//! Driver errors end here: callers see [`StoreError`](watchword_core::ports::StoreError), with the cause inside for the log.

#[cfg(feature = "reference")]
mod memory;
mod postgres;
mod redis;
mod sqlite;

#[cfg(feature = "reference")]
pub use memory::{Fault, Memory};
pub use postgres::{
    OldPasscode, PostgresOpenError, PostgresOptions, PostgresPlace, PostgresSetup, PostgresStore,
    PostgresTlsError, PostgresUrl, PostgresUrlError, Successor, TakenOver,
};
pub use redis::{
    Announcing, RedisOpenError, RedisOptions, RedisServer, RedisSetup, RedisStore, RedisUrl, RedisUrlError,
};
pub use sqlite::{Copied, CopyError, OpenError, SqliteOptions, SqliteStore, copy};
