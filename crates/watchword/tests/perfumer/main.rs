//! The program in Perfumer OTP's place: with its environment, its database, its bot.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod bot;
mod bot_api;
mod commands;
mod server;
mod take_over;
