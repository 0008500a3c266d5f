//! The HTTP side of Watchword: whole APIs that existing clients speak, the listener under them, limits, and health.
//!
//! # How to add one more dialect
//!
//! 1. A folder in [`dialects`], and one line in its list. `wire.rs` holds serde types only: what a client sends and gets,
//!    byte for byte. `map.rs` turns requests into engine calls and verifications into replies. `error.rs` matches every
//!    [`Error`](watchword_core::error::Error) on purpose, without a catch-all, so that a new error asks each dialect for its words.
//! 2. Its `router` takes the [`Engine`](watchword_core::engine::Engine), its own settings and the [`front::Front`]. Every handler
//!    goes through [`front`]: that names, limits, counts and logs it. No handler decides anything about passcodes.
//! 3. Wire tests that compare whole replies, good and bad, as `tests/http/replies.rs` and `refusals.rs` do.
//!
//! # How it hangs together
//!
//! [`server`] accepts connections and speaks HTTP/1; a dialect's router finds the call; [`front`] lets it in; the handler
//! translates. [`pages`] are what people see, for dialects that show them something. [`health`] is for the admin listener.

pub mod dialects;
mod form;
pub mod front;
pub mod health;
pub mod pages;
pub mod server;
