//! From a configuration to a server: which part is given to which.
//!
//! # How to add one more
//!
//! - **A store**: its arm in [`open_store`].
//! - **A dialect**: its router in `Rewiring::public`, what it is told in `wiring/dialects.rs`.

mod dialects;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use watchword_core::delivery::{NodeId, ProviderId};
use watchword_core::dispatcher::{Carrier, Dispatcher, Route, Routes};
use watchword_core::engine::{Engine, EngineSettings};
use watchword_core::error::InvalidInput;
use watchword_core::parts::Parts;
use watchword_core::ports::{Observer, Random, Store};
use watchword_core::verification::RouteName;
use watchword_http::dialects::egov::{self, EgovSettings};
use watchword_http::dialects::{otpgateway, perfumer};
use watchword_http::front::{Front, FrontSettings, Limits};
use watchword_http::health::{self, Probes};
use watchword_http::server::Served;
use watchword_store::{
    Announcing, OpenError, PostgresOpenError, PostgresOptions, PostgresStore, PostgresUrl, RedisOpenError,
    RedisOptions, RedisStore, SqliteOptions, SqliteStore,
};

use crate::config::{Config, ConfiguredProvider, Dialect, StoreUrl};
use crate::keys::{self, KeyError, KeySource};
use crate::telemetry::exposition::Exposition;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::provider::traced;
use crate::telemetry::traces;

pub use dialects::origin;
pub(crate) use dialects::perfumer_settings;
use dialects::{egov_settings, otpgateway_settings};

/// A store that was opened, and how to let go of it.
pub struct OpenedStore {
    /// As the domain uses it.
    pub store: Arc<dyn Store>,
    /// Waits for its server and brings what is there to what this version needs. A server does so before it uses the store.
    pub prepare: BoxFuture<'static, Result<(), StoreOpenError>>,
    /// The same, where it is Redis: its servers can say how they are set up.
    pub redis: Option<Arc<RedisStore>>,
    /// The same, where it is PostgreSQL: it may have what another product left, and its server can say how it is set up.
    pub postgres: Option<Arc<PostgresStore>>,
    /// Finishes what is under way. Operations fail from then on.
    pub close: BoxFuture<'static, ()>,
}

/// Why a store can't be used. Each text says what to do.
#[derive(Debug, Error)]
pub enum StoreOpenError {
    /// The embedded one.
    #[error(transparent)]
    Sqlite(#[from] OpenError),
    /// A shared one.
    #[error(transparent)]
    Redis(#[from] RedisOpenError),
    /// A shared one.
    #[error(transparent)]
    Postgres(#[from] PostgresOpenError),
}

/// Why the parts of a server can't be put together.
#[derive(Debug, Error)]
pub enum WiringError {
    /// A name is none that the domain takes.
    #[error("the configuration can't be used: {0}")]
    Name(#[from] InvalidInput),
    /// Other services can't be asked.
    #[error("DIGIT's services can't be reached, for TLS can't be used here: {0}")]
    Clients(#[from] reqwest::Error),
}

/// Opens the store that the configuration names.
///
/// # Errors
/// It can't be used; the text says why, and what to do.
pub fn open_store(config: &Config, observer: Arc<dyn Observer>) -> Result<OpenedStore, StoreOpenError> {
    let retention = config.retention.retention();
    match &config.store.url {
        StoreUrl::Sqlite(path) => {
            let options = SqliteOptions { retention, observer, ..SqliteOptions::default() };
            let store = Arc::new(SqliteStore::open(path, options)?);
            let closing = Arc::clone(&store);
            let close = Box::pin(async move { closing.close().await });
            Ok(OpenedStore {
                store,
                prepare: Box::pin(std::future::ready(Ok(()))),
                redis: None,
                postgres: None,
                close,
            })
        }
        StoreUrl::Redis(url) => {
            let announcing = config.store.publish_key.as_ref();
            let announcing =
                announcing.map(|key| Announcing { channel: key.0.clone(), words: otpgateway::EVENTS });
            let options = RedisOptions::default();
            let options = RedisOptions {
                timeout: config.store.timeout,
                retention: config.retention.or(options.retention),
                announcing,
                observer,
                ..options
            };
            let store = Arc::new(RedisStore::open(url, options)?);
            // Nothing of it waits in this process.
            let close = Box::pin(std::future::ready(()));
            let redis = Some(Arc::clone(&store));
            Ok(OpenedStore {
                store,
                prepare: Box::pin(std::future::ready(Ok(()))),
                redis,
                postgres: None,
                close,
            })
        }
        StoreUrl::Postgres(url) => {
            let options = PostgresOptions {
                retention,
                observer,
                timeout: config.store.timeout,
                patience_at_start: patience(url),
                ..PostgresOptions::default()
            };
            let store = Arc::new(PostgresStore::open(url, options)?);
            let preparing = Arc::clone(&store);
            let prepare = Box::pin(async move { Ok(preparing.prepare().await?) });
            let close = Box::pin(std::future::ready(()));
            let postgres = Some(Arc::clone(&store));
            Ok(OpenedStore { store, prepare, redis: None, postgres, close })
        }
    }
}

/// How long a start waits for PostgreSQL. One whose real host is named is waited for as long as it takes (wire contract of
/// perfumer, "Environment").
fn patience(url: &PostgresUrl) -> Option<Duration> {
    if url.has_real_host() { None } else { PostgresOptions::default().patience_at_start }
}

/// A server, all but its listeners.
pub struct App {
    /// Gets messages out; somebody must run it.
    pub dispatcher: Dispatcher,
    /// What clients call.
    pub public: Router,
    /// What operators call.
    pub admin: Router,
    /// To be canceled once the server is going down.
    pub draining: CancellationToken,
    /// Puts together anew what another configuration changes.
    pub rewiring: Rewiring,
}

impl App {
    /// Puts it together. `listen` is where clients reach it; `metrics` show what these parts do.
    ///
    /// # Errors
    /// A name in the configuration is none that the domain takes.
    pub fn new(
        config: &Config,
        parts: &Parts,
        metrics: Arc<Metrics>,
        listen: SocketAddr,
    ) -> Result<Self, WiringError> {
        let carriers = Carriers::default().of(config);
        let dispatcher = Dispatcher::new(parts.clone(), node_id(&*parts.random)?, carriers.routes(config));
        let limits = Limits { max_concurrent: config.server.max_concurrent_requests, ..Limits::default() };
        let settings = FrontSettings {
            limits,
            trusted_proxies: config.server.trusted_proxies.iter().map(|network| network.0).collect(),
            adopt_trace: Some(traces::adopt),
        };
        let front =
            Front::new(Arc::clone(&parts.clock), &*parts.random, Arc::clone(&parts.observer), settings);
        let rewiring = Rewiring {
            parts: parts.clone(),
            dispatcher: dispatcher.clone(),
            front: front.clone(),
            metrics: Arc::clone(&metrics),
            listen,
            carriers: Mutex::new(carriers),
            egov_clients: Mutex::new(None),
        };
        let (public, engine) = rewiring.public(config)?;
        let draining = CancellationToken::new();
        let (store, clock) = (Arc::clone(&parts.store), Arc::clone(&parts.clock));
        let exposition = Exposition::new(metrics, store, clock, dispatcher.clone(), front);
        let admin = health::router(Probes {
            engine,
            clock: Arc::clone(&parts.clock),
            draining: draining.clone(),
            metrics: Arc::new(move || {
                let exposition = exposition.clone();
                Box::pin(async move { exposition.text().await })
            }),
        });
        Ok(Self { dispatcher, public, admin, draining, rewiring })
    }
}

/// Puts together anew what another configuration changes, while the server runs.
pub struct Rewiring {
    parts: Parts,
    dispatcher: Dispatcher,
    front: Front,
    metrics: Arc<Metrics>,
    listen: SocketAddr,
    carriers: Mutex<Carriers>,
    egov_clients: Mutex<Option<(EgovSettings, Arc<egov::Clients>)>>,
}

impl Rewiring {
    fn public(&self, config: &Config) -> Result<(Router, Engine), WiringError> {
        let settings = EngineSettings { guess: config.guess.rule(), lookup: config.guess.lookup_rule() };
        let engine = Engine::new(self.parts.clone(), self.dispatcher.clone(), settings);
        let front = self.front.clone();
        let router = match config.server.dialect {
            Dialect::Otpgateway => {
                let settings = Arc::new(otpgateway_settings(config, self.listen)?);
                otpgateway::router(engine.clone(), settings, front)
            }
            Dialect::Perfumer => perfumer::router(engine.clone(), Arc::new(perfumer_settings(config)), front),
            Dialect::Egov => {
                let settings = Arc::new(egov_settings(config));
                let clients = self.egov_clients(&settings)?;
                egov::router(engine.clone(), settings, clients, front)
            }
        };
        Ok((router, engine))
    }

    /// Those that are in use where the settings are the same: they have connections, and answers that they keep.
    fn egov_clients(&self, settings: &EgovSettings) -> Result<Arc<egov::Clients>, WiringError> {
        let mut in_use = self.egov_clients.lock();
        if let Some((known, clients)) = &*in_use
            && known == settings
        {
            return Ok(Arc::clone(clients));
        }
        let random = Arc::clone(&self.parts.random);
        let clients = Arc::new(egov::Clients::new(settings, &self.parts.clock, random)?);
        *in_use = Some((settings.clone(), Arc::clone(&clients)));
        Ok(clients)
    }

    /// Lets the secrets of `next` open the data key that the store may keep, before they are taken up.
    ///
    /// # Errors
    /// They can't, and the next start would be refused.
    pub async fn admit(&self, held: &KeySource, next: &KeySource) -> Result<(), KeyError> {
        keys::admit(held, next, &*self.parts.store, &*self.parts.random).await
    }

    /// Counts a reload of the configuration: taken up, or refused for its mistakes.
    pub fn count_reload(&self, ok: bool) {
        self.metrics.reloaded(ok);
    }

    /// Serves by `config` from here on. A provider whose settings did not change goes on as it is: with its connections, its
    /// bulkhead and its breaker. Routes that are gone stay for requests that came before; what is given back is to be
    /// called once those are answered.
    ///
    /// # Errors
    /// The parts can't be made of it. Nothing has changed then.
    pub fn take_up(
        &self,
        config: &Config,
        served: &Served,
    ) -> Result<impl FnOnce() + Send + 'static, WiringError> {
        let (public, _) = self.public(config)?;
        self.metrics.know_providers(config.providers.keys());
        let mut carriers = self.carriers.lock();
        *carriers = carriers.of(config);
        let routes = carriers.routes(config);
        self.dispatcher.replace_routes(routes.clone().beside(&self.dispatcher.routes()));
        served.replace(public);
        let joined = self.dispatcher.routes();
        let dispatcher = self.dispatcher.clone();
        Ok(move || {
            // Otherwise they were replaced again, and whoever did that looks after them.
            if Arc::ptr_eq(&joined, &dispatcher.routes()) {
                dispatcher.replace_routes(routes);
            }
        })
    }
}

/// The providers that are in use, each with its bulkhead and breaker.
#[derive(Default)]
struct Carriers(BTreeMap<ProviderId, (ConfiguredProvider, Arc<Carrier>)>);

impl Carriers {
    /// Those that `config` asks for: as they are where their settings are the same, else new ones.
    fn of(&self, config: &Config) -> Self {
        let carrier = |(id, configured): (&ProviderId, &ConfiguredProvider)| {
            let same = self.0.get(id).filter(|(known, _)| known.is_same_as(configured)).cloned();
            let new = || (configured.clone(), Carrier::new(traced(Arc::clone(&configured.provider))));
            (id.clone(), same.unwrap_or_else(new))
        };
        Self(config.providers.iter().map(carrier).collect())
    }

    /// Routes that share a provider share its bulkhead and breaker.
    fn routes(&self, config: &Config) -> Routes {
        let route = |(name, providers): (&RouteName, &Vec<ProviderId>)| {
            let carriers = providers.iter().filter_map(|id| self.0.get(id));
            (name.clone(), Route::new(carriers.map(|(_, carrier)| Arc::clone(carrier)).collect()))
        };
        config.routes.iter().map(route).collect()
    }
}

/// A name for this process, unlike those of others on the same store.
fn node_id(random: &dyn Random) -> Result<NodeId, InvalidInput> {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    NodeId::new(&format!("{:016x}", u64::from_be_bytes(bytes)))
}

/// An engine that sends by the routes of `config`, and what gets its messages out; somebody must run that.
pub(crate) fn sending_engine(config: &Config, parts: &Parts) -> Result<(Engine, Dispatcher), InvalidInput> {
    let routes = Carriers::default().of(config).routes(config);
    let dispatcher = Dispatcher::new(parts.clone(), node_id(&*parts.random)?, routes);
    let settings = EngineSettings { guess: config.guess.rule(), lookup: config.guess.lookup_rule() };
    Ok((Engine::new(parts.clone(), dispatcher.clone(), settings), dispatcher))
}

/// An engine that sends nothing: nobody runs its dispatcher, and there is no route. `name` is the node's.
pub(crate) fn idle_engine(parts: &Parts, name: &str) -> Result<Engine, WiringError> {
    let dispatcher = Dispatcher::new(parts.clone(), NodeId::new(name)?, Routes::default());
    Ok(Engine::new(parts.clone(), dispatcher, EngineSettings::default()))
}

#[cfg(test)]
mod tests;
