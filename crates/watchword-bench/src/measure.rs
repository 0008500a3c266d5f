//! One run with all that is measured around it.

use std::sync::Arc;

use crate::client::Origin;
use crate::error::{Error, failures};
use crate::load::{self, Load};
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
        Ok(RunReport::new(load.count, &outcome, processes?, own, store))
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::extract::State;
    use axum::routing::{get, put};
    use tokio::net::TcpListener;

    use super::*;
    use crate::load::Work;

    type Calls = Arc<AtomicU32>;

    /// One commit for each PUT, two operations for each call.
    async fn metrics(State(calls): State<Calls>) -> String {
        let calls = calls.load(Ordering::SeqCst);
        let (commits, operations) = (calls / 2, calls);
        format!(
            "watchword_store_commits_total {commits}\n\
             watchword_store_operations_total{{operation=\"a\"}} {operations}\n\
             watchword_store_operations_total{{operation=\"b\"}} {operations}\n"
        )
    }

    async fn call(State(calls): State<Calls>) -> &'static str {
        calls.fetch_add(1, Ordering::SeqCst);
        r#"{"data":{"otp":"1"}}"#
    }

    #[tokio::test]
    async fn a_run_counts_what_the_server_did_during_it_and_not_before() {
        let calls = Calls::new(AtomicU32::new(1_000));
        let routes =
            Router::new().route("/api/otp/{id}", put(call).post(call)).route("/metrics", get(metrics));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Origin::at(listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, routes.with_state(calls)).await.unwrap() });

        let api = Arc::new(Api::new(origin.clone(), "dev", "dev", "inbox"));
        let subject = Subject { api, pids: vec![std::process::id()], admin: Some(origin) };
        let connections = NonZeroU32::new(2).unwrap();
        let report =
            subject.measure(Load { work: Work::Verify, count: 50, connections, rate: None }).await.unwrap();
        report.must_be_clean().unwrap();
        let store = report.store.unwrap();
        assert_eq!((store.commits, store.operations), (50.0, 200.0));
        assert_eq!(store.commits_per_operation, Some(0.25));
        assert_eq!(report.processes.len(), 1);
    }
}
