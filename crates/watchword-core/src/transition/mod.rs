//! What each store operation decides: pure functions from what is stored, a command and the time to what is written.
//!
//! A store that can run Rust inside its transaction (SQLite, the in-memory reference) loads the rows that a function asks
//! for, calls it, and writes back what it returns. A store that can't restates it in its own language, and the testkit's
//! random histories keep the restatement honest.
//!
//! None of these functions look at anything but their arguments.

mod check;
mod close;
mod deliver;
mod look_up;
mod send;
mod start;
mod throttled;

#[cfg(test)]
mod tests;

pub use check::{CheckWrite, RowChange, RowWrite, check, guess_subject};
pub use close::{CancelWrite, cancel, delete_if_approved};
pub use deliver::{ClaimDecision, cancel_delivery, claim, end_delivery, extend, hasten, settle};
pub use look_up::{LookUpWrite, look_up};
pub use send::{SendWrite, enqueue, resend, set_address};
pub use start::{StartView, StartWrite, begin, start};
pub use throttled::{SendsView, SendsWrite};

use crate::guess::GuessCount;

/// What to do with a row that counts wrong guesses or missed look-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountWrite {
    /// Leave it.
    Unchanged,
    /// Remove it.
    Clear,
    /// Insert or replace it.
    Set(GuessCount),
}
