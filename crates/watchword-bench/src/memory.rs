//! `watchword-bench memory`: what live verifications cost in memory, and whether they make a verification dearer.

use clap::Args;
use serde::Serialize;

use crate::aim::Aim;
use crate::child::RunningServer;
use crate::error::Error;
use crate::figures::{grouped, mebibytes, ratio};
use crate::machine::Machine;
use crate::options::{Amount, Caller, Reporting, Server};
use crate::output::Output;
use crate::process::{self, Memory};
use crate::report::{Head, Medians, RunReport};
use crate::stop::Stop;
use crate::stopwatch;
use crate::target::Measured;

/// Resident memory of a server that has just started, in MiB.
const IDLE_AIM_MIB: f64 = 20.0;

/// Resident memory with all the live verifications, in MiB.
const FULL_AIM_MIB: f64 = 80.0;

/// CPU a verification with many live ones, as a multiple of that with few.
const CPU_AIM: f64 = 1.3;

/// Lifetime of what is loaded, in seconds: longer than any measurement.
const LIFETIME: u32 = 86_400;

/// Load many live verifications, and measure memory and the cost of one more.
///
/// Two servers are started, one with few live verifications and one with many.
#[derive(Args)]
#[command(after_help = "\
Example:
    watchword-bench memory --server-binary target/release/watchword --live 1000000 --verifications 60000 --runs 3")]
pub(crate) struct Options {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    caller: Caller,
    #[command(flatten)]
    amount: Amount,
    #[command(flatten)]
    reporting: Reporting,
    /// Live verifications to load.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    live: u64,
    /// Live verifications of the server that it is compared with.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    few: u64,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    head: Head,
    interrupted: bool,
    few: Side,
    many: Side,
    aims: Vec<Aim>,
}

/// One server with its live verifications.
#[derive(Serialize)]
struct Side {
    live: u64,
    idle: Memory,
    loading_seconds: f64,
    loaded: Memory,
    after_runs: Memory,
    runs: Vec<RunReport>,
    medians: Medians,
}

/// A server that is loaded and still running.
struct Filled {
    pid: u32,
    measured: Measured,
    side: Side,
}

/// Starts two servers, fills them, measures both in turn and reports; both are stopped at the end, whatever it is.
///
/// # Errors
///
/// When a server can't be started, something can't be measured, or a verification failed.
pub(crate) async fn run(options: Options, stop: Stop) -> Result<(), Error> {
    let Options { amount, reporting, .. } = &options;
    let output = Output::new(reporting.json);
    let machine = Machine::read();
    output.section(&machine)?;

    let mut few = fill(&options, options.few, output, &stop).await?;
    let mut many = fill(&options, options.live, output, &stop).await?;
    for filled in [&few, &many] {
        filled.measured.subject.prepare(amount.warm_up(), "warm-up").await?;
    }
    'runs: for number in 1..=amount.runs.get() {
        for filled in [&mut few, &mut many] {
            let live = grouped(filled.side.live);
            let what = format!("run {number} of {}, {live} live", amount.runs);
            let report = filled.measured.subject.measure(amount.run(), &what).await?;
            report.must_be_clean()?;
            output.section(&format_args!("\n{what}: {report}"))?;
            filled.side.runs.push(report);
            if stop.asked() {
                break 'runs;
            }
        }
    }
    let versions = many.measured.versions.clone();
    let passcode_from = many.measured.subject.api.passcode_from;
    let (few, many) = (few.finish()?, many.finish()?);

    output.section(&"")?;
    for side in [&few, &many] {
        output.section(&format_args!("medians with {} live: {}", grouped(side.live), side.medians))?;
    }
    output.section(&"")?;
    let aims = aims(&few, &many);
    for aim in &aims {
        output.section(aim)?;
    }
    let head = Head::new("memory", versions, machine, amount, passcode_from);
    output.document(&Report { head, interrupted: stop.asked(), few, many, aims })?;
    stop.or_go_on()
}

/// Starts a server and leaves so many live verifications in it.
async fn fill(options: &Options, live: u64, output: Output, stop: &Stop) -> Result<Filled, Error> {
    let server = RunningServer::start(&options.server, None, options.caller.api).await?;
    let pid = server.pid();
    let idle = process::memory(pid)?;
    output.section(&format_args!("idle: {idle}"))?;
    let measured = Measured::of(server, &options.server, &options.caller, &options.reporting, stop).await?;

    let started = stopwatch::now();
    let what = format!("{} live", grouped(live));
    measured.subject.prepare(options.amount.filling(live, LIFETIME), &what).await?;
    let loading_seconds = started.elapsed().as_secs_f64();
    let loaded = process::memory(pid)?;
    output.section(&format_args!("{what}, loaded in {loading_seconds:.1} s: {loaded}"))?;

    let medians = Medians::of(&[]);
    let side = Side { live, idle, loading_seconds, loaded, after_runs: loaded, runs: Vec::new(), medians };
    Ok(Filled { pid, measured, side })
}

impl Filled {
    /// Reads the memory once more and stops the server.
    fn finish(mut self) -> Result<Side, Error> {
        self.side.after_runs = process::memory(self.pid)?;
        self.side.medians = Medians::of(&self.side.runs);
        Ok(self.side)
    }
}

fn aims(few: &Side, many: &Side) -> Vec<Aim> {
    let mib = |kib: u64| Some(kib as f64 / 1_024.0);
    let cpu = ratio(many.medians.cpu_us_per_verification, few.medians.cpu_us_per_verification);
    vec![
        Aim::new("resident idle", "MiB", mib(many.idle.resident_kib), IDLE_AIM_MIB),
        Aim::new("resident with all live", "MiB", mib(many.loaded.resident_kib), FULL_AIM_MIB),
        Aim::new(
            "resident with all live, after the runs",
            "MiB",
            mib(many.after_runs.resident_kib),
            FULL_AIM_MIB,
        ),
        Aim::new("CPU a verification, many live beside few", "x", cpu, CPU_AIM),
    ]
}

impl std::fmt::Display for Memory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "resident {}, peak {}", mebibytes(self.resident_kib), mebibytes(self.peak_kib))
    }
}
