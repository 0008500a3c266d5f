//! What carries a message to a person: the providers behind [`watchword_core::ports::Provider`].
//!
//! # How to add one more
//!
//! 1. One file, `src/<kind>.rs`, and its `mod` line here. It holds a settings struct (`Deserialize`, `deny_unknown_fields`,
//!    every secret a [`settings::Secret`]), the provider itself, and at its top the table of what each answer of the service
//!    means for a delivery.
//! 2. One line in the list at the top of `registry.rs`. The compiler asks for the rest: `impl ProviderKind` for the settings.
//! 3. A provider that speaks HTTP takes `Shared::http` for its connections: one pool for all, and
//!    one reading of failures and statuses. What its service means by other words, it decides in its own file.
//! 4. `tests/providers/<kind>.rs`: the request compared to the byte, and a row for each line of the table.
//!
//! What every provider promises: one try a call and no retry of its own, an answer within
//! [`timeout`](watchword_core::ports::Provider::timeout), and no passcode, secret or whole address in a detail or a log.

mod checks;
pub mod discard;
mod exchange;
pub mod http;
mod http_client;
pub mod inbox;
pub mod kafka;
pub mod kaleyra;
mod kind;
pub mod phone;
pub mod pinpoint_sms;
mod plain_text;
pub mod queue;
pub mod registry;
mod reply;
pub mod settings;
pub mod smtp;
pub mod telegram;
pub mod trust;
pub mod webhook;
