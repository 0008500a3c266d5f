//! Taking up a changed configuration while the server runs: on SIGHUP, or when `watchword reload` asks.
//!
//! The whole configuration is read and checked again; with a mistake in it nothing changes. What a running server can't
//! change, such as where it listens, is named and waits for a restart.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use thiserror::Error;
use tokio::sync::Mutex;
use watchword_core::ports::Clock;
use watchword_http::server::{Certificate, Certificates, Served, TlsError};

use crate::config::{Config, ConfigError, Server};
use crate::keys::{KeyError, KeySource};
use crate::wiring::{Rewiring, WiringError};

/// Reads the configuration again, from where it was read at start. It may block.
pub type Load = Arc<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// A request to the admin listener that lacks this header is none of ours: no page in a browser can send it across origins.
pub const HEADER: &str = "x-watchword-reload";

/// The longest that any request may take, and some more: so long retired routes stay.
const ROUTES_RETIRE_AFTER: Duration = Duration::from_secs(310);

/// Why nothing was taken up.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The parts can't be made of it.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The secrets can't be taken up: the next start could not open the store's data key with them.
    #[error("keys: {0}")]
    Keys(#[from] KeyError),
    /// The listener's certificate can't be used.
    #[error("server.tls: {0}")]
    Tls(#[from] TlsError),
    /// The configuration could not be read to its end.
    #[error(
        "the configuration could not be read: reading it failed in a way that is a mistake in Watchword; see the log"
    )]
    Broken,
}

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What holds from now on.
    pub taken_up: Vec<&'static str>,
    /// What was changed and holds after a restart only.
    pub needs_restart: Vec<&'static str>,
    /// What an operator should know though it works.
    pub warnings: Vec<String>,
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.taken_up[..] {
            [] => {
                writeln!(
                    f,
                    "the configuration was read; nothing that a running server takes up has changed"
                )?;
            }
            changed => writeln!(f, "taken up: {}", changed.join(", "))?,
        }
        if !self.needs_restart.is_empty() {
            writeln!(f, "changed, and needs a restart: {}", self.needs_restart.join(", "))?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

/// Takes up a changed configuration.
pub struct Reloader {
    load: Load,
    rewiring: Rewiring,
    served: Served,
    certificates: Option<Certificates>,
    clock: Arc<dyn Clock>,
    /// What holds now. One reload at a time.
    in_force: Mutex<Config>,
}

impl Reloader {
    /// For a server that runs by `config`, whose clients are answered by `served` and see `certificates`.
    pub fn new(
        load: Load,
        config: Config,
        rewiring: Rewiring,
        served: Served,
        certificates: Option<Certificates>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { load, rewiring, served, certificates, clock, in_force: Mutex::new(config) }
    }

    /// Reads the configuration again and takes it up.
    ///
    /// # Errors
    /// It has mistakes. Nothing changed.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let mut in_force = self.in_force.lock().await;
        let load = Arc::clone(&self.load);
        let next = tokio::task::spawn_blocking(move || load()).await.map_err(|_| ReloadError::Broken)??;
        let renewed = self.read_certificate(&next).await?;
        self.rewiring.admit(&in_force.keys, &next.keys).await?;
        let retire = self.rewiring.take_up(&next, &self.served)?;
        let retire_at = self.clock.sleep_until(self.clock.now().after(ROUTES_RETIRE_AFTER));
        tokio::spawn(async move {
            retire_at.await;
            retire();
        });
        let mut reloaded = Reloaded {
            taken_up: differences(&taken_up(&in_force, &next)),
            needs_restart: differences(&needs_restart(&in_force, &next)),
            warnings: next.warnings.clone(),
        };
        if let Some((certificates, renewed)) = renewed {
            reloaded.warnings.extend(renewed.warning(self.clock.now()));
            if !certificates.current().is_same_as(&renewed) {
                reloaded.taken_up.push("server.tls");
            }
            certificates.replace(renewed);
        }
        // What waits for a restart is told of again the next time.
        *in_force = Config {
            server: Server {
                root_url: next.server.root_url.clone(),
                timeout: next.server.timeout,
                tls: in_force
                    .server
                    .tls
                    .as_ref()
                    .and(next.server.tls.clone())
                    .or(in_force.server.tls.clone()),
                ..in_force.server.clone()
            },
            admin: in_force.admin.clone(),
            store: in_force.store.clone(),
            keys: KeySource { place: in_force.keys.place.clone(), secrets: next.keys.secrets.clone() },
            retention: in_force.retention.clone(),
            log: in_force.log.clone(),
            telemetry: in_force.telemetry.clone(),
            ..next
        };
        Ok(reloaded)
    }

    /// The certificate that `next` names, which may be another one in the same files. `None`: there is no TLS.
    async fn read_certificate(
        &self,
        next: &Config,
    ) -> Result<Option<(&Certificates, Certificate)>, ReloadError> {
        let (Some(certificates), Some(tls)) = (&self.certificates, next.server.tls.clone()) else {
            return Ok(None);
        };
        let read = move || Certificate::read(&tls.certificate, &tls.key);
        let renewed = tokio::task::spawn_blocking(read).await.map_err(|_| ReloadError::Broken)??;
        Ok(Some((certificates, renewed)))
    }

    /// As [`Self::reload`], and tells the log and the metrics.
    pub async fn reload_and_tell(&self) -> Result<Reloaded, ReloadError> {
        let reloaded = self.reload().await;
        self.rewiring.count_reload(reloaded.is_ok());
        match &reloaded {
            Ok(Reloaded { taken_up, needs_restart, warnings }) => {
                tracing::info!(?taken_up, ?needs_restart, "the configuration was taken up");
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
            }
            Err(error) => tracing::error!("the configuration was not taken up, nothing changed: {error}"),
        }
        reloaded
    }
}

/// `POST /reload`, for the admin listener.
pub fn router(reloader: Arc<Reloader>) -> Router {
    Router::new().route("/reload", post(answer)).with_state(reloader)
}

async fn answer(State(reloader): State<Arc<Reloader>>, headers: HeaderMap) -> Response {
    if !headers.contains_key(HEADER) {
        let text = "use `watchword reload`, or send the header `X-Watchword-Reload: 1`\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    match reloader.reload_and_tell().await {
        Ok(reloaded) => (StatusCode::OK, reloaded.to_string()).into_response(),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{error}\n")).into_response(),
    }
}

type Difference = (&'static str, bool);

fn differences(all: &[Difference]) -> Vec<&'static str> {
    all.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
}

fn taken_up(old: &Config, new: &Config) -> Vec<Difference> {
    let secrets = |config: &Config| -> Vec<(String, String)> {
        let all = config.namespaces.iter();
        all.map(|(name, secret)| (name.as_str().to_owned(), secret.expose().to_owned())).collect()
    };
    let same_providers = old.providers.len() == new.providers.len()
        && old
            .providers
            .iter()
            .zip(&new.providers)
            .all(|((one, old), (other, new))| one == other && old.is_same_as(new));
    vec![
        ("server.root_url", old.server.root_url != new.server.root_url),
        ("server.timeout", old.server.timeout != new.server.timeout),
        ("namespaces", secrets(old) != secrets(new)),
        ("providers", !same_providers),
        ("messages", old.messages != new.messages),
        ("routes", old.routes != new.routes),
        ("guess", old.guess != new.guess),
        ("otp", old.otp != new.otp),
        ("perfumer", !old.perfumer.is_same_as(&new.perfumer)),
        ("egov", old.egov != new.egov),
        ("server.dialect", old.server.dialect != new.server.dialect),
    ]
}

fn needs_restart(old: &Config, new: &Config) -> Vec<Difference> {
    vec![
        ("server.listen", old.server.listen != new.server.listen),
        (
            "server.max_concurrent_requests",
            old.server.max_concurrent_requests != new.server.max_concurrent_requests,
        ),
        ("server.max_connections", old.server.max_connections != new.server.max_connections),
        ("server.trusted_proxies", old.server.trusted_proxies != new.server.trusted_proxies),
        ("server.tls", old.server.tls.is_some() != new.server.tls.is_some()),
        // Requests have the new time at once; how long they may take while the server stops was fixed at its start.
        ("server.timeout (while it stops)", old.server.timeout < new.server.timeout),
        ("admin", old.admin != new.admin),
        ("store", old.store != new.store),
        ("keys", !old.keys.is_same_place(&new.keys)),
        ("retention", old.retention != new.retention),
        ("log", old.log != new.log),
        ("telemetry", old.telemetry != new.telemetry),
    ]
}
