//! Reports for a person.

use std::fmt::{self, Display, Formatter};

use super::{Medians, PacingReport, ProcessReport, RunReport};
use crate::figures::{decimal, duration, grouped, mebibytes};
use crate::latency::Quantiles;
use crate::metrics::StoreWork;
use crate::process::Memory;

impl Display for RunReport {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} verifications in {:.2} s, {} a second, {} failed{}",
            grouped(self.completed),
            self.seconds,
            grouped(self.per_second as u64),
            grouped(self.failed),
            if self.interrupted { ", STOPPED EARLY" } else { "" },
        )?;
        for error in self.errors.kinds() {
            writeln!(formatter, "  failed: {error}")?;
        }
        write!(formatter, "  {:<8}", "")?;
        for column in ["mean", "p50", "p90", "p95", "p99", "p99.9", "max"] {
            write!(formatter, "{column:>11}")?;
        }
        writeln!(formatter)?;
        for (call, quantiles) in [("PUT", &self.put), ("check", &self.check), ("both", &self.whole)] {
            row(formatter, call, quantiles)?;
        }
        if let Some(pacing) = &self.pacing {
            write!(formatter, "{pacing}")?;
        }
        writeln!(formatter, "  limited by {}", self.limit)?;
        for process in &self.processes {
            let Memory { resident_kib, peak_kib } = process.memory;
            let (resident, peak) = (mebibytes(resident_kib), mebibytes(peak_kib));
            writeln!(formatter, "  {process}; resident {resident}, peak {peak}")?;
        }
        if let Some(StoreWork { commits, operations, commits_per_operation }) = self.store {
            let (commits, operations) = (grouped(commits as u64), grouped(operations as u64));
            let ratio = decimal(commits_per_operation, 3);
            writeln!(formatter, "  store: {commits} commits for {operations} operations, {ratio} each")?;
        }
        if let Some(busy) = self.machine_busy {
            writeln!(formatter, "  machine: {:.0} % of all cores used", busy * 100.0)?;
        }
        write!(formatter, "  {}", self.load_program)
    }
}

impl Display for PacingReport {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        row(formatter, "late", &self.lateness)?;
        row(formatter, "own", &self.own_lateness)?;
        writeln!(
            formatter,
            "  `late`: from when a turn was due to when it was sent; `own`: the load program's part of it\n  \
             asked for {} a second; {} of {} turns were due while all connections were busy",
            decimal(Some(self.rate), 2),
            grouped(self.waited_for_connection),
            grouped(self.lateness.count),
        )
    }
}

fn row(formatter: &mut Formatter<'_>, name: &str, quantiles: &Quantiles) -> fmt::Result {
    let Quantiles { count: _, mean_us, p50_us, p90_us, p95_us, p99_us, p999_us, max_us } = *quantiles;
    write!(formatter, "  {name:<8}")?;
    for micros in [mean_us as u64, p50_us, p90_us, p95_us, p99_us, p999_us, max_us] {
        write!(formatter, "{:>11}", duration(micros))?;
    }
    writeln!(formatter)
}

impl Display for ProcessReport {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({}", self.name, self.command, self.pid)?;
        if self.processes > 1 {
            write!(formatter, " and {} below it", self.processes - 1)?;
        }
        write!(
            formatter,
            "): CPU {:.2} s user + {:.2} s system, {} s per 1,000",
            self.user_seconds,
            self.system_seconds,
            decimal(self.cpu_seconds_per_1000, 4),
        )
    }
}

impl Display for Medians {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let micros = |value: Option<f64>| duration(value.unwrap_or_default() as u64);
        write!(
            formatter,
            "{} a second, p99 PUT {}, check {}, both {}; CPU {} µs a verification, {} commits an operation",
            grouped(self.per_second.unwrap_or_default() as u64),
            micros(self.put_p99_us),
            micros(self.check_p99_us),
            micros(self.whole_p99_us),
            decimal(self.cpu_us_per_verification, 1),
            decimal(self.commits_per_operation, 3),
        )?;
        match self.cpu_of_all_us_per_verification {
            Some(all) if self.cpu_us_per_verification != Some(all) => {
                write!(formatter, "; CPU of all processes named {all:.1} µs a verification")
            }
            _ => Ok(()),
        }
    }
}
