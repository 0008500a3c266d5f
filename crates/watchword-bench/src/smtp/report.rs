//! What is reported of sending mail.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use crate::aim::Aim;
use crate::figures::{decimal, duration, grouped};
use crate::latency::{Latencies, Quantiles};
use crate::machine::{Machine, Versions};

/// The JSON document. Its fields are in docs/performance.md.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) format: u32,
    pub(super) command: &'static str,
    pub(super) versions: Versions,
    pub(super) machine: Machine,
    pub(super) server: String,
    pub(super) connections: u32,
    /// In each run.
    pub(super) messages: u64,
    pub(super) interrupted: bool,
    pub(super) runs: Vec<Run>,
    /// The median.
    pub(super) cpu_us_per_message: Option<f64>,
    pub(super) aims: [Aim; 1],
}

/// One run.
#[derive(Serialize)]
pub(super) struct Run {
    sent: u64,
    interrupted: bool,
    seconds: f64,
    per_second: f64,
    /// Of this process, user and system. `None` when nothing was sent.
    pub(super) cpu_us_per_message: Option<f64>,
    /// From handing a message to the provider to its answer.
    send: Quantiles,
}

impl Run {
    pub(super) fn new(
        sent: u64,
        elapsed: Duration,
        cpu: Duration,
        latencies: &Latencies,
        interrupted: bool,
    ) -> Self {
        let seconds = elapsed.as_secs_f64();
        Self {
            sent,
            interrupted,
            seconds,
            per_second: sent as f64 / seconds,
            cpu_us_per_message: (sent > 0).then(|| cpu.as_secs_f64() * 1e6 / sent as f64),
            send: latencies.quantiles(),
        }
    }
}

impl Display for Run {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} messages in {:.2} s, {} a second, CPU {} µs a message, p50 {}, p99 {}, max {}{}",
            grouped(self.sent),
            self.seconds,
            grouped(self.per_second as u64),
            decimal(self.cpu_us_per_message, 1),
            duration(self.send.p50_us),
            duration(self.send.p99_us),
            duration(self.send.max_us),
            if self.interrupted { ", STOPPED EARLY" } else { "" },
        )
    }
}
