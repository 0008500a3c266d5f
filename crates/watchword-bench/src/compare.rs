//! `watchword-bench compare`: what a verification costs the server, beside what it costs a bare HTTP server.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::aim::Aim;
use crate::child::RunningServer;
use crate::disk::{self, DiskSpeed};
use crate::error::Error;
use crate::figures::{decimal, duration, grouped, ratio};
use crate::machine::Machine;
use crate::measure::Subject;
use crate::options::{Caller, Measurement};
use crate::output::Output;
use crate::process::Watched;
use crate::report::{Head, Medians, RunReport};
use crate::stop::Stop;
use crate::target::{Measured, SERVER};
use crate::verification::{Api, PasscodeFrom};

/// CPU a verification, as a multiple of the bare server's.
const CPU_AIM: f64 = 3.0;

/// Commits of the store an operation.
const COMMITS_AIM: f64 = 0.2;

/// What the p99 of a call may take beside three times the disk's own p99, in milliseconds.
const P99_AIM_MS: f64 = 5.0;

/// Drive a server and the bare one in turn, and compare.
///
/// The bare server answers the same two calls with constants: the least that an HTTP server can cost.
#[derive(Args)]
#[command(override_usage = "watchword-bench compare [OPTIONS] [-- <SERVER ARGUMENT>...]")]
#[command(after_help = "\
Examples:
  The server of this repository, started for it with data of its own:
    watchword-bench compare --server-binary target/release/watchword

  The same with its data on another disk, and more of the server's own arguments:
    watchword-bench compare --server-binary target/release/watchword --data /mnt/fast -- --config watchword.toml

  Any server that runs already, and its store:
    watchword-bench compare --target http://127.0.0.1:9000 --server-pid 4711 --also-pid redis=$(pidof redis-server)

Ctrl-C ends it early and reports what was done until then. Exit code: 0 when every verification went through, whether
the aims are met or not; 1 when one did not or it was stopped; 2 when an option is wrong.")]
pub(crate) struct Options {
    #[command(flatten)]
    measurement: Measurement,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    head: Head,
    interrupted: bool,
    /// Where the data of a started server are.
    disk: Option<DiskSpeed>,
    target: String,
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

/// Starts the bare server, and the other where that is asked for, runs and reports; what was started is stopped at the
/// end, whatever it is.
///
/// # Errors
///
/// When a server can't be started, something can't be measured, a verification failed, or it was stopped early.
pub(crate) async fn run(options: Options, stop: Stop) -> Result<(), Error> {
    let Measurement { target, caller, amount, reporting } = options.measurement;
    let output = Output::new(reporting.json);
    let machine = Machine::read();
    output.section(&machine)?;
    let disk = match &target.server {
        Some(server) => Some(disk::measure(&server.folder()).await?),
        None => None,
    };
    if let Some(disk) = &disk {
        output.section(disk)?;
    }

    let bare = RunningServer::start_bare().await?;
    let real = Measured::open(&target, &caller, &reporting, &stop).await?;
    let bare_subject = bare_subject(&bare, &caller, &stop);
    let origin = real.origin().to_string();
    output.section(&format_args!(
        "{origin}, {}{} connections, {} verifications a run, {} runs each, in turn\n\n{TABLE_HEAD}",
        real.versions,
        amount.connections,
        grouped(amount.verifications),
        amount.runs,
    ))?;
    let subjects = [("bare", &bare_subject), (SERVER, &real.subject)];
    for (name, subject) in subjects {
        subject.prepare(amount.warm_up(), &format!("{name}: warm-up")).await?;
    }
    let mut runs = [Vec::new(), Vec::new()];
    'runs: for number in 1..=amount.runs.get() {
        for ((name, subject), runs) in subjects.into_iter().zip(&mut runs) {
            let report =
                subject.measure(amount.run(), &format!("{name}: run {number} of {}", amount.runs)).await?;
            report.must_be_clean()?;
            let figures = Medians::of(std::slice::from_ref(&report));
            output.section(&row(name, &format!("run {number}"), &figures, report.limit.name()))?;
            runs.push(report);
            if stop.asked() {
                break 'runs;
            }
        }
    }
    let [bare, server] = runs.map(Side::from);
    output.section(&row("bare", "median", &bare.medians, ""))?;
    output.section(&row(SERVER, "median", &server.medians, ""))?;
    output.section(&"")?;

    let aims = aims(&bare.medians, &server.medians, disk.as_ref());
    for aim in &aims {
        output.section(aim)?;
    }
    let head = Head::new("compare", real.versions, machine, &amount, real.subject.api.passcode_from);
    let interrupted = stop.asked();
    output.document(&Report { head, interrupted, disk, target: origin, bare, server, aims })?;
    stop.or_go_on()
}

fn bare_subject(bare: &RunningServer, caller: &Caller, stop: &Stop) -> Subject {
    // It gives a passcode back, and takes any.
    let api = Api { passcode_from: PasscodeFrom::Reply, ..caller.api(bare.endpoint.clone()) };
    let processes = vec![Watched { name: "bare".to_owned(), pid: bare.pid() }];
    Subject { api: Arc::new(api), processes, admin: None, stop: stop.clone() }
}

fn aims(bare: &Medians, server: &Medians, disk: Option<&DiskSpeed>) -> Vec<Aim> {
    let cpu = ratio(server.cpu_us_per_verification, bare.cpu_us_per_verification);
    let millis = |micros: Option<f64>| micros.map(|micros| micros / 1_000.0);
    let mut aims = vec![
        Aim::new("CPU a verification beside the bare server's", "x", cpu, CPU_AIM),
        Aim::new("commits an operation", "", server.commits_per_operation, COMMITS_AIM),
    ];
    if let Some(disk) = disk {
        let at_most = P99_AIM_MS + 3.0 * disk.p99_us as f64 / 1_000.0;
        let put = "p99 of PUT (aim: 5 ms + 3 x the disk's p99)";
        let check = "p99 of the check (aim: 5 ms + 3 x the disk's p99)";
        aims.push(Aim::new(put, "ms", millis(server.put_p99_us), at_most));
        aims.push(Aim::new(check, "ms", millis(server.check_p99_us), at_most));
    }
    aims
}

const TABLE_HEAD: &str = "                 CPU µs a verification  verifications/s      p99 PUT    p99 check  commits/operation  limited by";

fn row(side: &str, what: &str, figures: &Medians, limit: &str) -> String {
    let micros = |value: Option<f64>| duration(value.unwrap_or_default() as u64);
    format!(
        "{side:<8}{what:<8}{:>22}{:>17}{:>13}{:>13}{:>19}{limit:>12}",
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
