//! The server itself.

pub mod clock;
pub mod config;
pub mod keys;
pub mod random;
pub mod tasks;
pub mod telemetry;
