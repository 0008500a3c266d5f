//! What operators see: the log and the metrics.
//!
//! # How to add a metric
//!
//! One field in [`metrics::Metrics`], registered in its `new` with all label sets that are known by then (a series that is
//! not there can't be alerted on), and where it is counted: a method of the domain's `Observer`, or [`exposition`] for what is
//! looked up when somebody asks. Then a line in `docs/metrics.md`.

pub mod exposition;
pub mod log;
pub mod metrics;
mod resolved;
