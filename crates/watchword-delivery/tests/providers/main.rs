//! What the providers promise, seen from the other end of the wire.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the tests' own servers fail the test"
)]

mod discard;
mod http_presets;
mod http_provider;
mod http_replies;
mod http_requests;
mod http_settings;
mod inbox;
mod kaleyra;
mod pinpoint_sms;
mod probe;
mod queue;
mod queue_chain;
mod raw_server;
mod receiver;
mod registry;
mod sample;
mod telegram;
mod telegram_answers;
mod telegram_bot;
mod webhook_answers;
mod webhook_failures;
mod webhook_redirects;
mod webhook_requests;
