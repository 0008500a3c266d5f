//! What is reported of a run. The names of the fields are the names in the JSON document: docs/performance.md lists them,
//! and a test compares the list with what comes out. A field that changes its meaning or its name raises [`FORMAT`].

mod text;

use serde::Serialize;

use crate::error::{self, Error};
use crate::failure::Errors;
use crate::figures::median;
use crate::latency::Quantiles;
use crate::limit::{self, Facts, Limit};
use crate::load::{Load, LoadOutcome};
use crate::machine::{Machine, Versions};
use crate::metrics::StoreWork;
use crate::options::Amount;
use crate::process::{self, CpuTime, Memory, Watched};
use crate::verification::PasscodeFrom;

/// Version of the JSON documents' shape.
pub(crate) const FORMAT: u32 = 1;

/// How the document of each command that verifies begins.
#[derive(Clone, Serialize)]
pub(crate) struct Head {
    format: u32,
    command: &'static str,
    versions: Versions,
    machine: Machine,
    load: LoadReport,
}

/// What was asked for.
#[derive(Clone, Serialize)]
pub(crate) struct LoadReport {
    /// Verifications a second; `None` in a closed loop.
    rate: Option<f64>,
    connections: u32,
    /// In each run.
    verifications: u64,
    runs: u32,
    /// Who makes the passcodes.
    passcode_from: PasscodeFrom,
}

/// One run.
#[derive(Clone, Serialize)]
pub(crate) struct RunReport {
    asked: u64,
    pub(crate) completed: u64,
    failed: u64,
    /// Ended by a signal: it counts what was done until then.
    pub(crate) interrupted: bool,
    seconds: f64,
    /// Completed verifications a second.
    per_second: f64,
    put: Quantiles,
    check: Quantiles,
    /// PUT and check together.
    whole: Quantiles,
    errors: Errors,
    /// At a fixed rate, how late the turns were.
    pacing: Option<PacingReport>,
    pub(crate) limit: Limit,
    processes: Vec<ProcessReport>,
    load_program: ProcessReport,
    /// Which part of the machine's cores was used, by all that ran there, from 0 to 1.
    machine_busy: Option<f64>,
    store: Option<StoreWork>,
}

/// How late the turns of a fixed rate were.
#[derive(Clone, Serialize)]
struct PacingReport {
    rate: f64,
    /// From when a turn was due to when it was sent.
    lateness: Quantiles,
    /// The part of it during which a connection was free: the load program's own.
    own_lateness: Quantiles,
    /// Turns that were due more than a millisecond before a connection was free.
    waited_for_connection: u64,
}

/// What one process and its descendants used during a run, and its memory after it.
#[derive(Clone, Serialize)]
pub(crate) struct ProcessReport {
    /// `server`, or as it was named on the command line.
    name: String,
    pid: u32,
    /// The name of its program, at most 15 bytes.
    command: String,
    /// The process and its descendants, at the end.
    processes: u32,
    user_seconds: f64,
    system_seconds: f64,
    /// User and system seconds for 1,000 verifications. `None` when none completed.
    cpu_seconds_per_1000: Option<f64>,
    /// Of the process itself.
    memory: Memory,
}

/// What was measured around a load.
pub(crate) struct Around {
    pub(crate) processes: Vec<ProcessReport>,
    pub(crate) load_program: ProcessReport,
    pub(crate) machine_busy: Option<f64>,
    pub(crate) store: Option<StoreWork>,
}

impl Head {
    pub(crate) fn new(
        command: &'static str,
        versions: Versions,
        machine: Machine,
        amount: &Amount,
        passcode_from: PasscodeFrom,
    ) -> Self {
        let load = LoadReport {
            rate: amount.rate,
            connections: amount.connections.get(),
            verifications: amount.verifications,
            runs: amount.runs.get(),
            passcode_from,
        };
        Self { format: FORMAT, command, versions, machine, load }
    }
}

impl RunReport {
    pub(crate) fn new(load: Load, outcome: &LoadOutcome, around: Around) -> Self {
        let LoadOutcome { counts, elapsed, interrupted } = outcome;
        let Around { processes, load_program, machine_busy, store } = around;
        let seconds = elapsed.as_secs_f64();
        let put = counts.put.quantiles();
        let pacing = load.rate.zip(counts.lateness.as_ref()).map(|(rate, lateness)| PacingReport {
            rate,
            lateness: lateness.whole.quantiles(),
            own_lateness: lateness.own.quantiles(),
            waited_for_connection: lateness.waited,
        });
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let facts = Facts {
            paced: pacing.as_ref().map(|pacing| limit::Paced {
                own_p99_us: pacing.own_lateness.p99_us,
                waited: part(pacing.waited_for_connection as f64, pacing.lateness.count as f64),
            }),
            put_p99_us: put.p99_us,
            generator: part(load_program.cpu_seconds(), seconds * cores),
            machine: machine_busy,
        };
        Self {
            asked: load.count,
            completed: counts.completed,
            failed: counts.errors.total(),
            interrupted: *interrupted,
            seconds,
            per_second: part(counts.completed as f64, seconds),
            put,
            check: counts.check.quantiles(),
            whole: counts.whole.quantiles(),
            errors: counts.errors.clone(),
            pacing,
            limit: limit::limit(&facts),
            processes,
            load_program,
            machine_busy,
            store,
        }
    }

    /// CPU of the server, in microseconds a verification.
    fn cpu_us(&self) -> Option<f64> {
        self.processes.first()?.cpu_us()
    }

    /// CPU of the server and the other processes that were named, in microseconds a verification.
    fn cpu_of_all_us(&self) -> Option<f64> {
        let sum: Option<f64> = self.processes.iter().map(ProcessReport::cpu_us).sum();
        sum.filter(|_| !self.processes.is_empty())
    }

    /// An error when a verification failed: such a run measures something else.
    ///
    /// # Errors
    ///
    /// How many failed, and why.
    pub(crate) fn must_be_clean(&self) -> Result<(), Error> {
        error::failures(self.asked, &self.errors)
    }

    /// What the store did, for tests.
    #[cfg(test)]
    pub(crate) fn store(&self) -> Option<StoreWork> {
        self.store
    }
}

impl ProcessReport {
    /// What it has used since `before`, and its memory now.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub(crate) fn new(
        watched: &Watched,
        before: &CpuTime,
        now: CpuTime,
        completed: u64,
    ) -> Result<Self, Error> {
        let user_seconds = now.user.saturating_sub(before.user).as_secs_f64();
        let system_seconds = now.system.saturating_sub(before.system).as_secs_f64();
        let per_1000 = (user_seconds + system_seconds) * 1_000.0 / completed as f64;
        Ok(Self {
            name: watched.name.clone(),
            pid: watched.pid,
            command: now.command,
            processes: now.processes,
            user_seconds,
            system_seconds,
            cpu_seconds_per_1000: Some(per_1000).filter(|_| completed > 0),
            memory: process::memory(watched.pid)?,
        })
    }

    fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }

    /// CPU in microseconds a verification.
    fn cpu_us(&self) -> Option<f64> {
        self.cpu_seconds_per_1000.map(|seconds| seconds * 1_000.0)
    }
}

/// The medians over runs of what is compared. A run that was cut short counts only where there is no whole one.
#[derive(Clone, Serialize)]
pub(crate) struct Medians {
    /// Of the server.
    pub(crate) cpu_us_per_verification: Option<f64>,
    /// Of the server and all other processes that were named.
    pub(crate) cpu_of_all_us_per_verification: Option<f64>,
    pub(crate) per_second: Option<f64>,
    pub(crate) put_p99_us: Option<f64>,
    pub(crate) check_p99_us: Option<f64>,
    whole_p99_us: Option<f64>,
    pub(crate) commits_per_operation: Option<f64>,
}

impl Medians {
    pub(crate) fn of(runs: &[RunReport]) -> Self {
        let any_whole = runs.iter().any(|run| !run.interrupted);
        let counted = || runs.iter().filter(|run| !(any_whole && run.interrupted));
        let median_of = |value: fn(&RunReport) -> Option<f64>| median(counted().filter_map(value).collect());
        Self {
            cpu_us_per_verification: median_of(RunReport::cpu_us),
            cpu_of_all_us_per_verification: median_of(RunReport::cpu_of_all_us),
            per_second: median_of(|run| Some(run.per_second)),
            put_p99_us: median_of(|run| Some(run.put.p99_us as f64)),
            check_p99_us: median_of(|run| Some(run.check.p99_us as f64)),
            whole_p99_us: median_of(|run| Some(run.whole.p99_us as f64)),
            commits_per_operation: median_of(|run| run.store?.commits_per_operation),
        }
    }
}

/// A quotient; 0 where nothing can be divided.
fn part(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 { numerator / denominator } else { 0.0 }
}
