//! A server's life: it listens before it touches anything, serves until it is told to stop, and then finishes what it began.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, join, select};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use watchword_core::parts::Parts;
use watchword_core::ports::{Clock as _, Random};
use watchword_http::server::{Certificates, Served, ServerSettings, TlsError, serve};

use crate::clock::{SyncError, SystemClock, keep_anchored};
use crate::config::{Admin, Config, Dialect};
use crate::doctor;
use crate::keys::{self, KeyError};
use crate::purge;
use crate::reload::{self, Load, Reloader};
use crate::take_over::{self, TakeOverError};
use crate::tasks::BackgroundTasks;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::store::WatchedStore;
use crate::wiring::{self, App, OpenedStore, StoreOpenError, WiringError};

/// How long messages in hand may take once the server is going down. What is not out by then is sent by whoever starts next.
pub(crate) const HELD_DELIVERIES_WITHIN: Duration = Duration::from_secs(10);

/// On top of what a request may take, how long it may take to finish once the server is going down.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

/// Operators get their answers until the end, and no longer.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);

/// Connections of operators and their machines at once.
const ADMIN_CONNECTIONS: u32 = 64;

/// Files that are open besides connections: the store's, the log's, connections to providers.
const OTHER_FILES: u64 = 256;

/// Why a server does not start, or not end well. Each text says what to do.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A listener can't be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] StoreOpenError),
    /// There are no keys to work with.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// What another product left can't be taken over.
    #[error(transparent)]
    TakeOver(#[from] TakeOverError),
    /// The store does not say what time it is.
    #[error(
        "the store does not say what time it is, and all servers on it go by that: {0}; on Redis the user must be allowed the \
         command TIME"
    )]
    Clock(#[from] SyncError),
    /// The listener's certificate can't be used.
    #[error("server.tls: {0}")]
    Tls(#[from] TlsError),
    /// The parts can't be made of it.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The system lets no handler for signals in.
    #[error("signals can't be listened to: {0}")]
    Signals(#[source] io::Error),
}

/// A listener that can't be had.
#[derive(Debug, Error)]
#[error("{setting}: {address} {}", problem(.source))]
pub struct ListenError {
    setting: &'static str,
    address: SocketAddr,
    source: io::Error,
}

fn problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "is in use by another program: stop that one, or choose another port".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "is no address of this machine: choose another one".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "may not be listened on by this user: choose a port above 1023, or allow it".to_owned()
        }
        _ => format!("can't be listened on: {error}"),
    }
}

/// The listeners of a server. They hold their ports from here on.
#[derive(Debug)]
pub struct Listeners {
    public: TcpListener,
    /// Where clients reach it.
    pub public_address: SocketAddr,
    admin: Option<TcpListener>,
    /// Where operators reach it, if they do.
    pub admin_address: Option<SocketAddr>,
}

impl Listeners {
    /// Listens. Where nobody said where the admin listener belongs and its usual port is taken, it goes on without.
    ///
    /// # Errors
    /// A port can't be had.
    pub async fn bind(config: &Config) -> Result<Self, ListenError> {
        let (public, public_address) = bind("server.listen", config.server.listen.0).await?;
        let admin = match config.admin.listen {
            Some(listen) => Some(bind("admin.listen", listen.0).await?),
            None => match bind("admin.listen", Admin::DEFAULT).await {
                Ok(admin) => Some(admin),
                Err(error) => {
                    tracing::warn!("no admin listener (/health, /ready, /metrics): {error}");
                    None
                }
            },
        };
        let (admin, admin_address) = admin.unzip();
        Ok(Self { public, public_address, admin, admin_address })
    }
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    let failed = |source| ListenError { setting, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// What a server takes from the machine.
pub struct Machine {
    /// The time; the store's from the start on, where that is shared.
    pub clock: Arc<SystemClock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// A server that is ready to run.
pub struct Server {
    listeners: Listeners,
    settings: ServerSettings,
    /// All but its listeners. Routes may still be added.
    pub app: App,
    parts: Parts,
    clock: SystemClock,
    close_store: BoxFuture<'static, ()>,
    tasks: BackgroundTasks,
    reloading: Option<(Load, Config, Signal)>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It finished what it began.
    Drained,
    /// It was told twice, and dropped what it had in hand.
    AtOnce,
}

impl Server {
    /// Opens the store, gets the keys and puts everything together.
    ///
    /// # Errors
    /// The store or the keys can't be used. Nothing was served, then.
    pub async fn prepare(
        config: &Config,
        listeners: Listeners,
        machine: Machine,
    ) -> Result<Self, ServeError> {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let metrics = Arc::new(Metrics::new(config.providers.keys()));
        let tls = config.server.tls.as_ref();
        let tls = tls.map(|tls| Certificates::load(&tls.certificate, &tls.key)).transpose()?;
        if let Some(certificates) = &tls {
            let warning = certificates.current().warning(machine.clock.now());
            warning.iter().for_each(|warning| tracing::warn!("{warning}"));
            metrics.show_certificate(certificates.clone());
        }
        let OpenedStore { store, prepare, redis, postgres, close } =
            wiring::open_store(config, Arc::clone(&metrics) as _)?;
        prepare.await?;
        if let Some(redis) = redis {
            // Nobody waits for it: it is advice.
            tokio::spawn(async move {
                for warning in doctor::warnings_of(&redis).await {
                    tracing::warn!("{warning}");
                }
            });
        }
        if let Some(postgres) = postgres.clone() {
            tokio::spawn(async move {
                for warning in doctor::warnings_of_postgres(&postgres).await {
                    tracing::warn!("{warning}");
                }
            });
        }
        // Before anything goes by the time: nodes that don't agree on it would take each other's codes for expired.
        machine.clock.anchor_at_start(&*store).await?;
        let keyring = keys::open(&config.keys, &*store, &*machine.random).await?;
        let store = Arc::new(WatchedStore::new(store, Arc::clone(&metrics)));
        let tasks = BackgroundTasks::default();
        let parts = Parts {
            store,
            clock: Arc::clone(&machine.clock) as _,
            random: machine.random,
            tasks: Arc::new(tasks.clone()),
            observer: Arc::clone(&metrics) as _,
            keyring: Arc::new(keyring),
        };
        if let (Dialect::Perfumer, Some(postgres)) = (config.server.dialect, &postgres) {
            take_over::from_perfumer(postgres, config, &parts).await?;
        }
        let traffic = metrics.traffic();
        let app = App::new(config, &parts, metrics, listeners.public_address)?;
        let max_connections = u32::try_from(config.server.max_connections).unwrap_or(u32::MAX);
        let drain_timeout = config.server.timeout + DRAIN_MARGIN;
        let settings =
            ServerSettings { max_connections, drain_timeout, tls, traffic, ..ServerSettings::default() };
        let clock = SystemClock::clone(&machine.clock);
        Ok(Self { listeners, settings, app, parts, clock, close_store: close, tasks, reloading: None })
    }

    /// Lets `hangup` and the admin listener have `load` read the configuration again; `config` is the one it runs by.
    #[must_use]
    pub fn reloading(mut self, load: Load, config: Config, hangup: Signal) -> Self {
        self.reloading = Some((load, config, hangup));
        self
    }

    /// Serves until SIGTERM or SIGINT, then finishes: requests first, then messages in hand, then the store. A second signal
    /// ends it at once. `started` is called when everything runs.
    ///
    /// # Errors
    /// Signals can't be listened to.
    pub async fn run(self, started: impl FnOnce(&Listeners)) -> Result<Ended, ServeError> {
        let mut signals = Signals::new().map_err(ServeError::Signals)?;
        if let Some(address) = self.listeners.admin_address {
            tracing::info!(%address, "the admin listener is open");
        }
        tracing::info!(address = %self.listeners.public_address, version = env!("CARGO_PKG_VERSION"), "listening");
        started(&self.listeners);

        let Self { listeners, settings, mut app, parts, clock, close_store, tasks, reloading } = self;
        let served = Served::from(app.public);
        let reloading = match reloading {
            Some((load, config, hangup)) => {
                let clock = Arc::clone(&parts.clock);
                let reloader = Arc::new(Reloader::new(
                    load,
                    config,
                    app.rewiring,
                    served.clone(),
                    settings.tls.clone(),
                    clock,
                ));
                app.admin = app.admin.merge(reload::router(Arc::clone(&reloader)));
                Some(tokio::spawn(reload_on(hangup, reloader)))
            }
            None => None,
        };
        let stop_admin = CancellationToken::new();
        let admin = listeners.admin.map(|listener| {
            let settings = ServerSettings {
                max_connections: ADMIN_CONNECTIONS,
                drain_timeout: ADMIN_DRAIN,
                ..ServerSettings::default()
            };
            let stop = stop_admin.clone().cancelled_owned();
            tokio::spawn(serve(listener, app.admin, Arc::clone(&parts.clock), settings, stop))
        });
        let draining = app.draining.clone().cancelled_owned();
        let public =
            tokio::spawn(serve(listeners.public, served, Arc::clone(&parts.clock), settings, draining));
        let dispatcher = app.dispatcher.clone();
        let dispatching = tokio::spawn(async move { dispatcher.run().await });
        let purging = tokio::spawn(purge::run(Arc::clone(&parts.store), Arc::clone(&parts.clock)));

        let anchoring = tokio::spawn(keep_anchored(clock, Arc::clone(&parts.store)));

        let signal = signals.next().await;
        tracing::info!(signal, "stopping: requests and messages in hand are finished first");
        app.draining.cancel();
        let finish = async {
            // A task of ours that panicked has nothing left to finish.
            let _ = public.await;
            app.dispatcher.stop();
            let held_until = parts.clock.now().after(HELD_DELIVERIES_WITHIN);
            let sent = join(dispatching, tasks.finished());
            if let Either::Right(_) = select(Box::pin(sent), parts.clock.sleep_until(held_until)).await {
                let held = app.dispatcher.held();
                tracing::warn!(held, "messages in hand were not finished; whoever starts next sends them");
            }
            purging.abort();
            anchoring.abort();
            if let Some(reloading) = reloading {
                reloading.abort();
            }
            stop_admin.cancel();
            if let Some(admin) = admin {
                let _ = admin.await;
            }
            close_store.await;
        };
        match select(Box::pin(finish), Box::pin(signals.next())).await {
            Either::Left(_) => {
                tracing::info!("stopped");
                Ok(Ended::Drained)
            }
            Either::Right((signal, _)) => {
                tracing::warn!(signal, "told again: stopping at once");
                Ok(Ended::AtOnce)
            }
        }
    }
}

/// Takes up a changed configuration at each signal.
async fn reload_on(mut hangup: Signal, reloader: Arc<Reloader>) {
    while hangup.recv().await.is_some() {
        // The log says how it went.
        let _ = reloader.reload_and_tell().await;
    }
}

/// What asks a process to stop.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Lets this process open as many files as the system allows: the usual limit, 1,024, is less than a server has connections.
pub fn allow_many_files(config: &Config) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = config.server.max_connections as u64 + OTHER_FILES;
    let Some(now) = current.filter(|now| *now < wanted) else { return };
    let allowed = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum });
    let now = if raised.is_ok() { allowed } else { now };
    if now < wanted {
        tracing::warn!(
            files = now,
            "this process may open fewer files than server.max_connections needs: raise `ulimit -n`, or lower the setting"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_can_not_be_had_says_what_to_do() {
        for (kind, words) in [
            (io::ErrorKind::AddrInUse, "is in use by another program: stop that one, or choose another port"),
            (io::ErrorKind::AddrNotAvailable, "is no address of this machine: choose another one"),
            (
                io::ErrorKind::PermissionDenied,
                "may not be listened on by this user: choose a port above 1023, or allow it",
            ),
        ] {
            let address = "127.0.0.1:80".parse().unwrap();
            let error = ListenError { setting: "server.listen", address, source: kind.into() };
            assert_eq!(error.to_string(), format!("server.listen: 127.0.0.1:80 {words}"));
        }
    }
}
