//! DIGIT's user-otp and egov-otp as their clients meet them. One program, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod away;
mod fuzz;
mod harness;
mod localization;
mod mdms;
mod openapi;
mod page;
mod refusals;
mod sends;
mod services;
mod together;
mod tokens;
