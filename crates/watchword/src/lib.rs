//! The server `watchword`: its command line, its configuration, and how everything is put together.
//!
//! # How to add one more
//!
//! - **A command**: see [`cli`].
//! - **A setting**: see [`config`].
//! - **A store, a dialect, a kind of provider**: their own crates say how; each then has its line in [`wiring`].
//! - **A metric**: see [`telemetry`].
//!
//! # How it hangs together
//!
//! [`cli`] reads the arguments, [`config`] the settings. [`lifecycle`] listens, has [`wiring`] put the parts together, and runs
//! them until a signal comes. [`clock`], [`random`] and [`tasks`] are the domain's ports to this machine. [`dev`] is what
//! `watchword dev` adds.

pub mod cli;
pub mod clock;
pub mod config;
pub mod dev;
pub mod doctor;
pub mod keys;
pub mod lifecycle;
pub mod operator;
pub mod purge;
pub mod random;
pub mod reload;
mod take_over;
pub mod tasks;
pub mod telemetry;
pub mod wiring;
