//! What is reported of a run, for a person and for a machine.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Write as _};

use serde::Serialize;

use crate::error::{self, Error};
use crate::latency::Quantiles;
use crate::load::LoadOutcome;
use crate::metrics::StoreWork;
use crate::process::{self, CpuTime, Memory};

/// Where results go: text as it comes, or one JSON document at the end.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn text() -> Self {
        Self { json: false }
    }

    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A piece of text, on a line of its own; nothing where JSON is wanted.
    pub(crate) fn section(self, text: &impl Display) -> Result<(), Error> {
        if self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Error::Output)
    }

    /// The whole result; nothing where text is wanted.
    pub(crate) fn document(self, result: &impl Serialize) -> Result<(), Error> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(result).map_err(Error::Json)?;
        writeln!(io::stdout().lock(), "{text}").map_err(Error::Output)
    }
}

/// One run.
#[derive(Clone, Serialize)]
pub(crate) struct RunReport {
    pub(crate) asked: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    /// The first different failures.
    pub(crate) failures: Vec<String>,
    pub(crate) seconds: f64,
    /// Completed verifications a second.
    pub(crate) per_second: f64,
    pub(crate) put: Quantiles,
    pub(crate) check: Quantiles,
    pub(crate) processes: Vec<ProcessReport>,
    pub(crate) load_program: ProcessReport,
    pub(crate) store: Option<StoreWork>,
}

/// What one process used during a run, and its memory after it.
#[derive(Clone, Serialize)]
pub(crate) struct ProcessReport {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) user_seconds: f64,
    pub(crate) system_seconds: f64,
    /// User and system seconds for 1,000 verifications. `None` when none completed.
    pub(crate) cpu_seconds_per_1000: Option<f64>,
    pub(crate) memory: Memory,
}

impl RunReport {
    pub(crate) fn new(
        asked: u64,
        outcome: &LoadOutcome,
        processes: Vec<ProcessReport>,
        load_program: ProcessReport,
        store: Option<StoreWork>,
    ) -> Self {
        let seconds = outcome.elapsed.as_secs_f64();
        Self {
            asked,
            completed: outcome.completed,
            failed: outcome.failed,
            failures: outcome.failures.clone(),
            seconds,
            per_second: outcome.completed as f64 / seconds,
            put: outcome.put.quantiles(),
            check: outcome.check.quantiles(),
            processes,
            load_program,
            store,
        }
    }

    /// CPU of the first named process, in microseconds a verification.
    pub(crate) fn cpu_us(&self) -> Option<f64> {
        self.processes.first()?.cpu_us()
    }

    pub(crate) fn commits_per_operation(&self) -> Option<f64> {
        self.store?.commits_per_operation
    }

    /// An error when a verification failed: such a run measures something else.
    pub(crate) fn must_be_clean(&self) -> Result<(), Error> {
        error::failures(self.failed, self.asked, &self.failures)
    }
}

impl ProcessReport {
    /// Reads the process now and compares with what it had used before.
    pub(crate) fn new(pid: u32, before: &CpuTime, completed: u64) -> Result<Self, Error> {
        let now = process::cpu_time(pid)?;
        let user_seconds = now.user.saturating_sub(before.user).as_secs_f64();
        let system_seconds = now.system.saturating_sub(before.system).as_secs_f64();
        let per_1000 = (user_seconds + system_seconds) * 1_000.0 / completed as f64;
        Ok(Self {
            pid,
            name: now.name,
            user_seconds,
            system_seconds,
            cpu_seconds_per_1000: Some(per_1000).filter(|_| completed > 0),
            memory: process::memory(pid)?,
        })
    }

    /// CPU in microseconds a verification.
    pub(crate) fn cpu_us(&self) -> Option<f64> {
        self.cpu_seconds_per_1000.map(|seconds| seconds * 1_000.0)
    }
}

/// The medians over runs of what is compared.
#[derive(Clone, Serialize)]
pub(crate) struct Medians {
    pub(crate) cpu_us_per_verification: Option<f64>,
    pub(crate) per_second: Option<f64>,
    pub(crate) put_p99_us: Option<f64>,
    pub(crate) check_p99_us: Option<f64>,
    pub(crate) commits_per_operation: Option<f64>,
}

impl Medians {
    pub(crate) fn of(runs: &[RunReport]) -> Self {
        let median_of =
            |value: fn(&RunReport) -> Option<f64>| median(runs.iter().filter_map(value).collect());
        Self {
            cpu_us_per_verification: median_of(RunReport::cpu_us),
            per_second: median_of(|run| Some(run.per_second)),
            put_p99_us: median_of(|run| Some(run.put.p99_us as f64)),
            check_p99_us: median_of(|run| Some(run.check.p99_us as f64)),
            commits_per_operation: median_of(RunReport::commits_per_operation),
        }
    }
}

/// A figure beside what it should at most be.
#[derive(Clone, Serialize)]
pub(crate) struct Aim {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) measured: Option<f64>,
    pub(crate) at_most: f64,
    /// `None` when it could not be measured.
    pub(crate) met: Option<bool>,
}

impl Aim {
    pub(crate) fn new(what: &'static str, unit: &'static str, measured: Option<f64>, at_most: f64) -> Self {
        Self { what, unit, measured, at_most, met: measured.map(|measured| measured <= at_most) }
    }
}

impl Display for Aim {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let verdict = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not measured",
        };
        let (what, unit, measured) = (self.what, self.unit, decimal(self.measured, 2));
        write!(formatter, "{what:<58}{measured:>9} {unit:<5} aim {:>7.2}  {verdict}", self.at_most)
    }
}

impl Display for RunReport {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} verifications in {:.2} s, {} a second, {} failed",
            grouped(self.completed),
            self.seconds,
            grouped(self.per_second as u64),
            grouped(self.failed),
        )?;
        for failure in &self.failures {
            writeln!(formatter, "  failure: {failure}")?;
        }
        writeln!(
            formatter,
            "  {:<8}{:>11}{:>11}{:>11}{:>11}{:>11}",
            "", "p50", "p95", "p99", "p99.9", "max"
        )?;
        for (call, quantiles) in [("PUT", &self.put), ("check", &self.check)] {
            let Quantiles { p50_us, p95_us, p99_us, p999_us, max_us } = *quantiles;
            let [p50, p95, p99, p999, max] = [p50_us, p95_us, p99_us, p999_us, max_us].map(duration);
            writeln!(formatter, "  {call:<8}{p50:>11}{p95:>11}{p99:>11}{p999:>11}{max:>11}")?;
        }
        for process in &self.processes {
            let Memory { resident_kib, peak_kib } = process.memory;
            writeln!(
                formatter,
                "  {process}; resident {}, peak {}",
                mebibytes(resident_kib),
                mebibytes(peak_kib)
            )?;
        }
        if let Some(StoreWork { commits, operations, commits_per_operation }) = self.store {
            let (commits, operations) = (grouped(commits as u64), grouped(operations as u64));
            let ratio = decimal(commits_per_operation, 3);
            writeln!(formatter, "  store: {commits} commits for {operations} operations, {ratio} each")?;
        }
        write!(formatter, "  load: {}", self.load_program)
    }
}

impl Display for ProcessReport {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} ({}): CPU {:.2} s user + {:.2} s system, {} s per 1,000",
            self.name,
            self.pid,
            self.user_seconds,
            self.system_seconds,
            decimal(self.cpu_seconds_per_1000, 4),
        )
    }
}

/// The middle one, or the mean of the middle two. `None` of none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// `numerator / denominator`, where both are there and the result is a number.
pub(crate) fn ratio(numerator: Option<f64>, denominator: Option<f64>) -> Option<f64> {
    Some(numerator? / denominator?).filter(|ratio| ratio.is_finite())
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with so many decimals, or a dash.
pub(crate) fn decimal(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// Microseconds in the unit that reads best.
pub(crate) fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.2} ms", micros as f64 / 1_000.0),
        _ => format!("{:.2} s", micros as f64 / 1_000_000.0),
    }
}

/// KiB as MiB.
pub(crate) fn mebibytes(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_of_what_is_not_there_are_not_there() {
        let medians = [
            (vec![], None),
            (vec![3.0], Some(3.0)),
            (vec![9.0, 1.0, 5.0], Some(5.0)),
            (vec![4.0, 1.0, 2.0, 9.0], Some(3.0)),
        ];
        for (values, expected) in medians {
            assert_eq!(median(values), expected);
        }
        let ratios = [
            (Some(3.0), Some(2.0), Some(1.5)),
            (Some(3.0), Some(0.0), None),
            (Some(0.0), Some(0.0), None),
            (None, Some(1.0), None),
            (Some(1.0), None, None),
        ];
        for (numerator, denominator, expected) in ratios {
            assert_eq!(ratio(numerator, denominator), expected);
        }
    }

    #[test]
    fn numbers_read_well() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        for (micros, text) in [(999, "999 µs"), (1_500, "1.50 ms"), (2_345_678, "2.35 s")] {
            assert_eq!(duration(micros), text);
        }
        assert_eq!((decimal(Some(0.12345), 3).as_str(), decimal(None, 3).as_str()), ("0.123", "-"));
    }

    #[test]
    fn an_aim_is_met_up_to_and_with_its_limit() {
        for (measured, met) in [(Some(3.0), Some(true)), (Some(3.1), Some(false)), (None, None)] {
            assert_eq!(Aim::new("cost", "x", measured, 3.0).met, met);
        }
    }
}
