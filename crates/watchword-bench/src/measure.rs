//! One run with all that is measured around it.

use std::sync::Arc;

use crate::client::Origin;
use crate::error::Error;
use crate::load::{self, Load, LoadOutcome};
use crate::metrics;
use crate::process::{self, CpuTime};
use crate::report::{ProcessReport, RunReport};
use crate::verification::Api;

/// A server under load, and what to read of it.
pub(crate) struct Subject {
    pub(crate) api: Arc<Api>,
    /// Processes whose cost is measured, the server's first.
    pub(crate) pids: Vec<u32>,
    /// Where the server's counters are.
    pub(crate) admin: Option<Origin>,
}

impl Subject {
    /// Applies a load whose failures end the program: a warm-up, or a filling.
    ///
    /// # Errors
    ///
    /// When any of it fails.
    pub(crate) async fn prepare(&self, load: Load) -> Result<(), Error> {
        let outcome = load::apply(&self.api, load).await?;
        failures(outcome.failed, load.count, &outcome.failures)
    }

    /// Applies a load and measures it. Failed verifications are in the report: [`RunReport::must_be_clean`].
    ///
    /// # Errors
    ///
    /// When nothing can be measured: no connection, a process that ended, metrics that can't be read.
    pub(crate) async fn measure(&self, load: Load) -> Result<RunReport, Error> {
        let counters = self.counters().await?;
        let cpu = self.cpu_times()?;
        let own = process::cpu_time(std::process::id())?;

        let outcome = load::apply(&self.api, load).await?;

        let own = ProcessReport::new(std::process::id(), &own, outcome.completed)?;
        let processes = self.pids.iter().zip(&cpu);
        let processes: Result<Vec<_>, Error> =
            processes.map(|(&pid, before)| ProcessReport::new(pid, before, outcome.completed)).collect();
        let store = metrics::work(counters, self.counters().await?);
        Ok(RunReport { processes: processes?, load_program: own, store, ..RunReport::from(load.count, &outcome) })
    }

    fn cpu_times(&self) -> Result<Vec<CpuTime>, Error> {
        self.pids.iter().map(|&pid| process::cpu_time(pid)).collect()
    }

    async fn counters(&self) -> Result<Option<metrics::StoreCounters>, Error> {
        match &self.admin {
            Some(admin) => metrics::read(admin).await,
            None => Ok(None),
        }
    }
}

/// An error when anything failed.
pub(crate) fn failures(failed: u64, asked: u64, seen: &[String]) -> Result<(), Error> {
    if failed == 0 {
        return Ok(());
    }
    Err(Error::Failures { failed, asked, first: seen.first().cloned().unwrap_or_default() })
}
