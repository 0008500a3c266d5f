//! One run with all that is measured around it.

use std::sync::Arc;

use crate::client::Endpoint;
use crate::error::{Error, failures};
use crate::load::{self, Load};
use crate::machine::CoreTime;
use crate::metrics;
use crate::process::{self, Watched};
use crate::report::{Around, ProcessReport, RunReport};
use crate::stop::Stop;
use crate::verification::Api;

/// What reports call this program.
const LOAD_PROGRAM: &str = "load program";

/// A server under load, and what to read of it.
pub(crate) struct Subject {
    pub(crate) api: Arc<Api>,
    /// Processes whose cost is measured, the server's first.
    pub(crate) processes: Vec<Watched>,
    /// Where the server's counters are.
    pub(crate) admin: Option<Endpoint>,
    /// Ends a load early.
    pub(crate) stop: Stop,
}

impl Subject {
    /// Applies a load whose failures end the program: a warm-up, or a filling.
    ///
    /// # Errors
    ///
    /// When any of it fails, or it was stopped: there is nothing to report yet.
    pub(crate) async fn prepare(&self, load: Load, what: &str) -> Result<(), Error> {
        let outcome = load::apply(&self.api, load, &self.stop, what).await?;
        failures(load.count, &outcome.counts.errors)?;
        self.stop.or_go_on()
    }

    /// Applies a load and measures it. Failed verifications are in the report: [`RunReport::must_be_clean`].
    ///
    /// # Errors
    ///
    /// When nothing can be measured: no connection, a process that ended, metrics that can't be read.
    pub(crate) async fn measure(&self, load: Load, what: &str) -> Result<RunReport, Error> {
        let counters = self.counters().await?;
        let before: Result<Vec<_>, Error> =
            self.processes.iter().map(|watched| process::cpu_time(watched.pid)).collect();
        let before = before?;
        let own = process::own_cpu_time()?;
        let cores = CoreTime::read();

        let outcome = load::apply(&self.api, load, &self.stop, what).await?;

        let machine_busy = CoreTime::read().zip(cores).and_then(|(now, before)| now.busy_since(before));
        let completed = outcome.counts.completed;
        let around = async {
            let watched = Watched { name: LOAD_PROGRAM.to_owned(), pid: std::process::id() };
            let load_program = ProcessReport::new(&watched, &own, process::own_cpu_time()?, completed)?;
            let mut processes = Vec::new();
            for (watched, before) in self.processes.iter().zip(&before) {
                let now = process::cpu_time(watched.pid)?;
                processes.push(ProcessReport::new(watched, before, now, completed)?);
            }
            let store = metrics::work(counters, self.counters().await?);
            Ok(Around { processes, load_program, machine_busy, store })
        };
        match around.await {
            Ok(around) => Ok(RunReport::new(load, &outcome, around)),
            Err(error) => {
                // When the server is gone, the verifications that failed say more than its missing figures.
                failures(load.count, &outcome.counts.errors)?;
                Err(error)
            }
        }
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
        r#"{"status":"success","data":{"otp":"1"}}"#
    }

    #[tokio::test]
    async fn a_run_counts_what_the_server_did_during_it_and_not_before() {
        let calls = Calls::new(AtomicU32::new(1_000));
        let routes =
            Router::new().route("/api/otp/{id}", put(call).post(call)).route("/metrics", get(metrics));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::at(listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, routes.with_state(calls)).await.unwrap() });

        let processes = vec![Watched { name: "server".to_owned(), pid: std::process::id() }];
        let api = Arc::new(Api::sample(endpoint.clone()));
        let subject = Subject { api, processes, admin: Some(endpoint), stop: crate::stop::channel().1 };
        let connections = NonZeroU32::new(2).unwrap();
        let load = Load { work: Work::Verify, count: 50, connections, rate: None, max_errors: 1 };
        let report = subject.measure(load, "run").await.unwrap();
        report.must_be_clean().unwrap();
        let store = report.store().unwrap();
        assert_eq!((store.commits, store.operations), (50.0, 200.0));
        assert_eq!(store.commits_per_operation, Some(0.25));
    }
}
