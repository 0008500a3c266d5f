//! The program in the place of DIGIT's user-otp and egov-otp: with their properties, beside their services, on their broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod digit;
#[cfg(feature = "kafka")]
mod flow;
#[cfg(feature = "kafka")]
mod memory;
#[cfg(feature = "kafka")]
mod outage;
mod own_providers;
mod properties;
#[cfg(feature = "kafka")]
mod records;
mod site;
