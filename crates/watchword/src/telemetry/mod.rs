//! What operators see: the log, the metrics and traces.
//!
//! # How to add a metric
//!
//! One field in [`metrics::Metrics`], registered in its `new` with all label sets that are known by then (a series that is
//! not there can't be alerted on), and where it is counted: a method of the domain's `Observer`, or [`exposition`] for what is
//! looked up when somebody asks. Then a line in `docs/metrics.md`.

//!
//! # How to add a span
//!
//! `debug_span!` with the target of [`traces`], where [`store`] and [`provider`] make theirs. Its fields leave the house: ids and
//! names of outcomes only.

mod exporter;
pub mod exposition;
pub mod log;
pub mod metrics;
pub mod provider;
mod resolved;
pub mod store;
pub mod traces;

use crate::config::{Log, Telemetry};
use traces::Traces;

/// Starts the log and the traces of this process. What is given back is to be shut down at the end.
///
/// It is to be called outside of an async runtime. Where traces can't be sent, the log says so and the server does without.
pub fn start(log: &Log, telemetry: &Telemetry) -> Traces {
    let (traces, error) = match Traces::new(telemetry) {
        Ok(traces) => (traces, None),
        Err(error) => (Traces::default(), Some(error)),
    };
    log::start(log, &traces);
    if let Some(error) = error {
        tracing::warn!(%error, "there are no traces: telemetry.otlp_endpoint can't be used");
    }
    traces
}
