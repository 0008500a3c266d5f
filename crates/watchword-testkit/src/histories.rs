//! Random histories: many operations in a row against the store under test and the reference, compared after each.
//!
//! A history is drawn by proptest over small pools of names, codes and waits, so that operations meet each other often. Where
//! the two stores disagree, proptest shrinks it to a short one, and the panic tells it step by step.

mod operation;
mod run;
mod world;

pub use run::{default_cases, run};
