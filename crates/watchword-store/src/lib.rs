//! x

#[cfg(feature = "reference")]
mod memory;

#[cfg(feature = "reference")]
pub use memory::{Fault, Memory};
