//! A server that is ready to be measured, started for it or not.

use std::sync::Arc;

use crate::child::RunningServer;
use crate::client::{Authorities, Endpoint, Origin};
use crate::error::Error;
use crate::machine::Versions;
use crate::measure::Subject;
use crate::options::{Caller, Reporting, Server, Target};
use crate::preflight::{self, Ready};
use crate::process::Watched;
use crate::stop::Stop;
use crate::store::RunningStore;

/// What reports call the server's process.
pub(crate) const SERVER: &str = "server";

/// A server that answers, with all that is measured of it. Stopped when dropped, if it was started.
pub(crate) struct Measured {
    pub(crate) subject: Subject,
    pub(crate) versions: Versions,
    /// The server that was started.
    pub(crate) started: Option<RunningServer>,
}

impl Measured {
    /// Connects to the server that runs, or starts one with its store where there is one, and tries one verification.
    ///
    /// # Errors
    ///
    /// When it can't be started or does not answer as it should; the text says what to mend.
    pub(crate) async fn open(
        target: &Target,
        caller: &Caller,
        reporting: &Reporting,
        store: Option<&RunningStore>,
        stop: &Stop,
    ) -> Result<Self, Error> {
        if let Some(server) = &target.server {
            return Self::start(server, caller, reporting, store, stop).await;
        }
        let endpoint = endpoint(&target.target, target.ca.as_ref())?;
        let admin =
            target.admin.as_ref().map(|admin| self::endpoint(admin, target.ca.as_ref())).transpose()?;
        let Ready { api, product } = preflight::check(caller.api(endpoint), caller).await?;
        let processes = watched(target.server_pid, reporting);
        let subject = Subject { api: Arc::new(api), processes, admin, stop: stop.clone() };
        Ok(Self { subject, versions: Versions::read(None, product).await, started: None })
    }

    /// Starts a server, with its store where there is one, and tries one verification.
    ///
    /// # Errors
    ///
    /// As for [`Measured::open`].
    pub(crate) async fn start(
        server: &Server,
        caller: &Caller,
        reporting: &Reporting,
        store: Option<&RunningStore>,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let started = RunningServer::start(server, store.map(RunningStore::url), caller.api).await?;
        let mut measured = Self::of(started, server, caller, reporting, stop).await?;
        // After the server.
        measured.subject.processes.splice(1..1, store.map(RunningStore::watched));
        Ok(measured)
    }

    /// Tries one verification with a server that was started.
    ///
    /// # Errors
    ///
    /// As for [`Measured::open`].
    pub(crate) async fn of(
        started: RunningServer,
        server: &Server,
        caller: &Caller,
        reporting: &Reporting,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let api = caller.api(started.endpoint.clone());
        let Ready { api, product } = preflight::check(api, caller).await?;
        let processes = watched(Some(started.pid()), reporting);
        let admin = started.admin.clone();
        let subject = Subject { api: Arc::new(api), processes, admin, stop: stop.clone() };
        let versions = Versions::read(Some(&server.server_binary), product).await;
        Ok(Self { subject, versions, started: Some(started) })
    }
}

fn endpoint(origin: &Origin, authorities: Option<&Authorities>) -> Result<Endpoint, Error> {
    Endpoint::new(origin.clone(), authorities)
        .map_err(|source| Error::TlsSetUp { target: origin.to_string(), source })
}

/// The server first.
fn watched(server: Option<u32>, reporting: &Reporting) -> Vec<Watched> {
    let server = server.map(|pid| Watched { name: SERVER.to_owned(), pid });
    server.into_iter().chain(reporting.also_pid.iter().cloned()).collect()
}
