//! `watchword-bench run`: load on a server that runs already.

use clap::Args;
use serde::Serialize;

use crate::client::Origin;
use crate::error::Error;
use crate::machine::Machine;
use crate::measure::Subject;
use crate::options::{Amount, Caller};
use crate::report::{Medians, Output, RunReport, decimal, duration, grouped};

/// Drive a running server, any that speaks the otpgateway API.
#[derive(Args)]
pub(crate) struct Options {
    /// Where the server is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000")]
    target: Origin,
    #[command(flatten)]
    caller: Caller,
    #[command(flatten)]
    amount: Amount,
    /// Process whose CPU and memory are measured, the server's first; may be repeated.
    #[arg(long)]
    pid: Vec<u32>,
    /// Admin listener of a Watchword server, to count its commits.
    #[arg(long, value_name = "URL")]
    admin: Option<Origin>,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    target: String,
    connections: u32,
    rate: Option<f64>,
    runs: Vec<RunReport>,
    medians: Medians,
}

/// Warms up, runs and reports.
///
/// # Errors
///
/// When something can't be measured, or a verification failed.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let Options { target, caller, amount, pid, admin, json } = options;
    let output = Output::new(json);
    let machine = Machine::read();
    output.section(&machine)?;
    output.section(&format_args!("{target}, {} connections", amount.connections))?;

    let subject = Subject { api: caller.api(target.clone()), pids: pid, admin };
    subject.prepare(amount.warm_up()).await?;
    let mut runs = Vec::new();
    for number in 1..=amount.runs.get() {
        let report = subject.measure(amount.run()).await?;
        output.section(&format_args!("\nrun {number} of {}: {report}", amount.runs))?;
        let clean = report.must_be_clean();
        runs.push(report);
        if clean.is_err() {
            break;
        }
    }

    let medians = Medians::of(&runs);
    output.section(&format_args!("\nmedians: {medians}"))?;
    let clean = runs.iter().try_for_each(RunReport::must_be_clean);
    let (connections, rate) = (amount.connections.get(), amount.rate);
    output.document(&Report { machine, target: target.to_string(), connections, rate, runs, medians })?;
    clean
}

impl std::fmt::Display for Medians {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = |value: Option<f64>| duration(value.unwrap_or_default() as u64);
        write!(
            formatter,
            "{} a second, p99 PUT {}, check {}; CPU {} µs a verification, {} commits an operation",
            grouped(self.per_second.unwrap_or_default() as u64),
            micros(self.put_p99_us),
            micros(self.check_p99_us),
            decimal(self.cpu_us_per_verification, 1),
            decimal(self.commits_per_operation, 3),
        )
    }
}
