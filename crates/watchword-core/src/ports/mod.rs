//! What the domain needs from outside. Each port is a trait; the crates around the domain implement them.

mod clock;
mod observer;
mod operations;
mod outbox;
mod provider;
mod random;
mod store;
mod tasks;

pub use clock::Clock;
pub use observer::{Observer, Silent};
pub use operations::*;
pub use outbox::*;
pub use provider::{Outgoing, Probe, Provider};
pub use random::Random;
pub use store::*;
pub use tasks::Tasks;
