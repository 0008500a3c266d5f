//! The domain of Watchword: what a verification is and every decision about passcodes, without any I/O.
//!
//! # How to add one more
//!
//! - **An operation**: its decision as a pure function in [`transition`], its method in [`ports::Store`], a case in every store
//!   and in the testkit's suite, then a method of [`engine::Engine`] that dialects call.
//! - **A way to say no**: a variant of [`error::Error`] with its stable code, a line in `docs/errors.md`; the compiler then
//!   leads to every dialect, which must decide what to answer.
//! - **A limit**: a rule beside [`guess`] or [`throttle`], applied in [`transition`], never in a handler or a store.
//!
//! # How it hangs together
//!
//! [`engine`] turns a dialect's request into one store operation and reads its outcome. [`transition`] says what each store
//! operation decides: (state, input, now) → (state, outcome). [`dispatcher`] gets messages out: claim, send, settle.
//! [`ports`] is what all of this needs from outside: a store, providers, time, randomness.

pub mod address;
pub mod announcement;
pub mod breaker;
pub mod delivery;
pub mod dispatcher;
pub mod engine;
pub mod error;
mod fail_point;
pub mod guess;
pub mod input;
pub mod key;
pub mod key_slot;
pub mod keyring;
pub mod namespace;
pub mod parts;
pub mod passcode;
pub mod ports;
pub mod throttle;
pub mod time;
pub mod transition;
pub mod verification;
