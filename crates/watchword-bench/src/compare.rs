//! `watchword-bench compare`: what a verification costs the server, beside what it costs a bare HTTP server.

use clap::Args;
use serde::Serialize;

use crate::child::RunningServer;
use crate::disk::{self, DiskSpeed};
use crate::error::Error;
use crate::machine::Machine;
use crate::measure::Subject;
use crate::options::{Amount, Caller, Server};
use crate::report::{Aim, Medians, Output, RunReport, decimal, duration, grouped, ratio};

/// CPU a verification, as a multiple of the bare server's.
const CPU_AIM: f64 = 3.0;

/// Commits of the store an operation.
const COMMITS_AIM: f64 = 0.2;

/// What the p99 of a call may take beside three times the disk's own p99, in milliseconds.
const P99_AIM_MS: f64 = 5.0;

/// Start the bare server and a real one, drive both in turn, and compare.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    caller: Caller,
    #[command(flatten)]
    amount: Amount,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    disk: DiskSpeed,
    connections: u32,
    verifications: u64,
    rate: Option<f64>,
    bare: Side,
    server: Side,
    aims: Vec<Aim>,
}

#[derive(Serialize)]
struct Side {
    runs: Vec<RunReport>,
    medians: Medians,
}

impl From<Vec<RunReport>> for Side {
    fn from(runs: Vec<RunReport>) -> Self {
        Self { medians: Medians::of(&runs), runs }
    }
}

/// Starts both servers, runs and reports; both are stopped at the end, whatever it is.
///
/// # Errors
///
/// When a server can't be started, something can't be measured, or a verification failed.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let Options { server, caller, amount, json } = options;
    let output = Output::new(json);
    let machine = Machine::read();
    output.section(&machine)?;
    let disk = disk::measure(&server.folder()).await?;
    output.section(&disk)?;

    let bare = RunningServer::start_bare().await?;
    let real = RunningServer::start(&server).await?;
    let subjects = [("bare", subject(&bare, &caller)), ("server", subject(&real, &caller))];
    output.section(&format_args!(
        "{} connections, {} verifications a run, {} runs each, in turn\n\n{TABLE_HEAD}",
        amount.connections,
        grouped(amount.verifications),
        amount.runs,
    ))?;
    for (_, subject) in &subjects {
        subject.prepare(amount.warm_up()).await?;
    }
    let mut runs = [Vec::new(), Vec::new()];
    for number in 1..=amount.runs.get() {
        for ((name, subject), runs) in subjects.iter().zip(&mut runs) {
            let report = subject.measure(amount.run()).await?;
            report.must_be_clean()?;
            output.section(&row(
                name,
                &format!("run {number}"),
                &Medians::of(std::slice::from_ref(&report)),
            ))?;
            runs.push(report);
        }
    }
    let [bare, server] = runs.map(Side::from);
    output.section(&row("bare", "median", &bare.medians))?;
    output.section(&row("server", "median", &server.medians))?;
    output.section(&"")?;

    let aims = aims(&bare.medians, &server.medians, &disk);
    for aim in &aims {
        output.section(aim)?;
    }
    let (connections, verifications, rate) = (amount.connections.get(), amount.verifications, amount.rate);
    output.document(&Report { machine, disk, connections, verifications, rate, bare, server, aims })
}

fn subject(server: &RunningServer, caller: &Caller) -> Subject {
    Subject { api: caller.api(server.origin.clone()), pids: vec![server.pid()], admin: server.admin.clone() }
}

fn aims(bare: &Medians, server: &Medians, disk: &DiskSpeed) -> Vec<Aim> {
    let cpu = ratio(server.cpu_us_per_verification, bare.cpu_us_per_verification);
    let millis = |micros: Option<f64>| micros.map(|micros| micros / 1_000.0);
    let p99_aim = P99_AIM_MS + 3.0 * disk.p99_us as f64 / 1_000.0;
    vec![
        Aim::new("CPU a verification beside the bare server's", "x", cpu, CPU_AIM),
        Aim::new("commits an operation", "", server.commits_per_operation, COMMITS_AIM),
        Aim::new("p99 of PUT (aim: 5 ms + 3 x the disk's p99)", "ms", millis(server.put_p99_us), p99_aim),
        Aim::new(
            "p99 of the check (aim: 5 ms + 3 x the disk's p99)",
            "ms",
            millis(server.check_p99_us),
            p99_aim,
        ),
    ]
}

const TABLE_HEAD: &str =
    "                 CPU µs a verification  verifications/s      p99 PUT    p99 check  commits/operation";

fn row(side: &str, what: &str, figures: &Medians) -> String {
    let micros = |value: Option<f64>| duration(value.unwrap_or_default() as u64);
    format!(
        "{side:<8}{what:<8}{:>22}{:>17}{:>13}{:>13}{:>19}",
        decimal(figures.cpu_us_per_verification, 1),
        grouped(figures.per_second.unwrap_or_default() as u64),
        micros(figures.put_p99_us),
        micros(figures.check_p99_us),
        decimal(figures.commits_per_operation, 3),
    )
}

impl std::fmt::Display for DiskSpeed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "disk under {}: append of 4 KiB with fdatasync, {} times: p50 {}, p99 {}",
            self.folder.display(),
            grouped(self.appends.into()),
            duration(self.p50_us),
            duration(self.p99_us),
        )
    }
}
