//! The two that are compared.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::Serialize;

use super::Options;
use crate::bare::CallsOptions;
use crate::child::RunningServer;
use crate::error::Error;
use crate::load::Load;
use crate::machine::Versions;
use crate::measure::Subject;
use crate::options::{Amount, Caller};
use crate::process::Watched;
use crate::report::{Medians, RunReport};
use crate::stop::Stop;
use crate::store::traffic::StoreTraffic;
use crate::store::{Counters, RunningStore, StoreKind};
use crate::target::{Measured, SERVER};
use crate::verification::{Api, PasscodeFrom};

/// Both, ready for their load.
pub(super) struct Sides {
    pub(super) bare: Running,
    pub(super) server: Running,
    pub(super) versions: Versions,
}

/// One of them.
pub(super) struct Running {
    pub(super) name: &'static str,
    pub(super) subject: Subject,
    pub(super) store: Option<RunningStore>,
    runs: Vec<RunReport>,
    /// What its store had done before the first run.
    before: Option<Counters>,
    /// Stopped with it.
    _started: Option<RunningServer>,
}

/// What came of one of them.
#[derive(Serialize)]
pub(super) struct Side {
    runs: Vec<RunReport>,
    pub(super) medians: Medians,
    /// What its store did, where it has one.
    pub(super) traffic: Option<StoreTraffic>,
}

impl Sides {
    /// Starts what is to be started. Where there is a store, the server's goes first: the bare server's calls are as long as
    /// the server's are.
    ///
    /// # Errors
    ///
    /// When something can't be started or does not answer as it should.
    pub(super) async fn open(options: &Options, stop: &Stop) -> Result<Self, Error> {
        let measurement = &options.measurement;
        let (target, caller, reporting) = (&measurement.target, &measurement.caller, &measurement.reporting);
        let folder = target.server.as_ref().map(|server| server.folder()).unwrap_or_else(std::env::temp_dir);
        let a_store = async || match options.store.kind() {
            Some(kind) => options.store.open(kind, &folder).await.map(Some),
            None => Ok(None),
        };
        let store = a_store().await?;
        let Measured { subject, versions, started } =
            Measured::open(target, caller, reporting, store.as_ref(), stop).await?;
        let server = Running::new(SERVER, subject, store, started);

        let store = a_store().await?;
        let calls = match (&store, options.store.kind()) {
            (Some(store), Some(StoreKind::Redis)) => {
                let traffic = server.sample(&measurement.amount).await?;
                traffic.map(|traffic| CallsOptions::as_long_as(store.url(), &traffic))
            }
            (Some(store), Some(StoreKind::Postgres)) => {
                Some(CallsOptions::of_one_row(store.url(), options.store.bare_writes()))
            }
            _ => None,
        };
        let started = RunningServer::start_bare(calls.as_ref()).await?;
        let subject = bare_subject(&started, store.as_ref(), caller, stop);
        let bare = Running::new("bare", subject, store, Some(started));
        Ok(Self { bare, server, versions })
    }
}

fn bare_subject(bare: &RunningServer, store: Option<&RunningStore>, caller: &Caller, stop: &Stop) -> Subject {
    // It gives a passcode back, and takes any.
    let api = Api { passcode_from: PasscodeFrom::Reply, ..caller.api(bare.endpoint.clone()) };
    let bare = Watched { name: "bare".to_owned(), pid: bare.pid() };
    let processes = std::iter::once(bare).chain(store.map(RunningStore::watched)).collect();
    Subject { api: Arc::new(api), processes, admin: None, stop: stop.clone() }
}

impl Running {
    fn new(
        name: &'static str,
        subject: Subject,
        store: Option<RunningStore>,
        started: Option<RunningServer>,
    ) -> Self {
        Self { name, subject, store, runs: Vec::new(), before: None, _started: started }
    }

    /// What its store does for a verification, by a load after which it is warm.
    async fn sample(&self, amount: &Amount) -> Result<Option<StoreTraffic>, Error> {
        let Some(store) = &self.store else { return Ok(None) };
        let (load, what) = (amount.warm_up(), format!("{}: sample of its calls", self.name));
        self.subject.prepare(load, &what).await?;
        let before = store.counters().await?;
        self.subject.prepare(load, &what).await?;
        Ok(store.counters().await?.each(&before, load.count))
    }

    /// The last thing before its runs.
    ///
    /// # Errors
    ///
    /// When its warm-up fails, or its store can't be asked.
    pub(super) async fn warm_up(&mut self, load: Load) -> Result<(), Error> {
        self.subject.prepare(load, &format!("{}: warm-up", self.name)).await?;
        self.before = self.counters().await?;
        Ok(())
    }

    /// One run, in which no verification may fail.
    ///
    /// # Errors
    ///
    /// When one does, or something can't be measured.
    pub(super) async fn measure(
        &mut self,
        load: Load,
        number: u32,
        of: NonZeroU32,
    ) -> Result<RunReport, Error> {
        let what = format!("{}: run {number} of {of}", self.name);
        let report = self.subject.measure(load, &what).await?;
        report.must_be_clean()?;
        self.runs.push(report.clone());
        Ok(report)
    }

    /// Of a store of its own.
    async fn counters(&self) -> Result<Option<Counters>, Error> {
        match &self.store {
            Some(store) if !store.is_shared => store.counters().await.map(Some),
            _ => Ok(None),
        }
    }

    /// What came of all runs.
    ///
    /// # Errors
    ///
    /// When its store can't be asked.
    pub(super) async fn finish(self) -> Result<Side, Error> {
        let completed = self.runs.iter().map(|run| run.completed).sum();
        let counters = self.before.zip(self.counters().await?);
        let traffic = counters.and_then(|(before, after)| after.each(&before, completed));
        Ok(Side { medians: Medians::of(&self.runs), runs: self.runs, traffic })
    }
}
