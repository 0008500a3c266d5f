//! `watchword-bench history`: whether what was sent before makes a verification dearer.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::aim::Aim;
use crate::error::Error;
use crate::figures::{grouped, ratio};
use crate::machine::Machine;
use crate::options::{Amount, Caller, Reporting, Server};
use crate::output::Output;
use crate::report::{Head, Medians, RunReport};
use crate::stop::Stop;
use crate::stopwatch;
use crate::store::{RunningStore, StoreOptions};
use crate::target::Measured;

/// CPU a verification with history, as a multiple of that without.
const CPU_AIM: f64 = 1.3;

/// Lifetime of what is sent to become history, in seconds: long enough to be sent.
const LIFETIME: u32 = 10;

/// Send many messages and let them expire, and measure what a verification costs then.
///
/// Two servers are started, one with history and one without, each with a store of its own.
#[derive(Args)]
#[command(after_help = "\
Examples:
  A server in Perfumer's place, with PostgreSQL and with SQLite, under limits and without:
    watchword-bench history --server-binary target/release/watchword --api perfumer --store postgres --limits
    watchword-bench history --server-binary target/release/watchword --api perfumer --store postgres
    watchword-bench history --server-binary target/release/watchword --api perfumer --limits
    watchword-bench history --server-binary target/release/watchword --api perfumer")]
pub(crate) struct Options {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    caller: Caller,
    #[command(flatten)]
    amount: Amount,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    reporting: Reporting,
    /// Messages sent before, each to an address of its own.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    sent: u64,
    /// Seconds to wait then, so that what expires is removed.
    #[arg(long, default_value_t = 75, value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: u64,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    head: Head,
    interrupted: bool,
    without: Side,
    with: Side,
    aims: Vec<Aim>,
}

/// One server and its history.
#[derive(Serialize)]
struct Side {
    sent: u64,
    sending_seconds: f64,
    runs: Vec<RunReport>,
    medians: Medians,
}

/// A server that is running.
struct Running {
    measured: Measured,
    /// Stopped with it.
    _store: Option<RunningStore>,
    side: Side,
}

/// Starts two servers, gives one its history, measures both in turn and reports; all are stopped at the end, whatever it is.
///
/// # Errors
///
/// When something can't be started or measured, or a verification failed.
pub(crate) async fn run(options: Options, stop: Stop) -> Result<(), Error> {
    let Options { amount, reporting, .. } = &options;
    let output = Output::new(reporting.json);
    let machine = Machine::read();
    output.section(&machine)?;

    let mut without = start(&options, 0, output, &stop).await?;
    let mut with = start(&options, options.sent, output, &stop).await?;
    stopwatch::wait(Duration::from_secs(options.wait)).await;
    for running in [&without, &with] {
        running.measured.subject.prepare(amount.warm_up(), "warm-up").await?;
    }
    'runs: for number in 1..=amount.runs.get() {
        for running in [&mut without, &mut with] {
            let what = format!("run {number} of {}, {} sent before", amount.runs, grouped(running.side.sent));
            let report = running.measured.subject.measure(amount.run(), &what).await?;
            report.must_be_clean()?;
            output.section(&format_args!("\n{what}: {report}"))?;
            running.side.runs.push(report);
            if stop.asked() {
                break 'runs;
            }
        }
    }
    let versions = with.measured.versions.clone();
    let passcode_from = with.measured.subject.api.passcode_from;
    let (without, with) = (without.finish(), with.finish());

    output.section(&"")?;
    for side in [&without, &with] {
        output.section(&format_args!("medians with {} sent before: {}", grouped(side.sent), side.medians))?;
    }
    output.section(&"")?;
    let cpu =
        ratio(with.medians.cpu_of_all_us_per_verification, without.medians.cpu_of_all_us_per_verification);
    let aims = vec![Aim::new("CPU a verification, with history beside without", "x", cpu, CPU_AIM)];
    for aim in &aims {
        output.section(aim)?;
    }
    let head = Head::new("history", versions, machine, amount, passcode_from);
    output.document(&Report { head, interrupted: stop.asked(), without, with, aims })?;
    stop.or_go_on()
}

/// Starts a server with its store, and sends so many messages.
async fn start(options: &Options, sent: u64, output: Output, stop: &Stop) -> Result<Running, Error> {
    let Options { server, caller, reporting, .. } = options;
    let store = match options.store.kind() {
        Some(kind) => Some(options.store.open(kind, &server.folder()).await?),
        None => None,
    };
    let measured = Measured::start(server, caller, reporting, store.as_ref(), stop).await?;
    let started = stopwatch::now();
    if sent > 0 {
        let what = format!("{} sent before", grouped(sent));
        measured.subject.prepare(options.amount.filling(sent, LIFETIME), &what).await?;
        output.section(&format_args!("{what}, in {:.1} s", started.elapsed().as_secs_f64()))?;
    }
    let sending_seconds = started.elapsed().as_secs_f64();
    let side = Side { sent, sending_seconds, runs: Vec::new(), medians: Medians::of(&[]) };
    Ok(Running { measured, _store: store, side })
}

impl Running {
    fn finish(mut self) -> Side {
        self.side.medians = Medians::of(&self.side.runs);
        self.side
    }
}
