//! What only the embedded store promises; what every store does is in the testkit's suite.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what is wrong by failing"
)]

mod copying;
mod cost;
mod durability;
mod opening;
mod sample;
mod upkeep;
