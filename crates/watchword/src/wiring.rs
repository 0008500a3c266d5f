//! From a configuration to a server: which part is given to which.
//!
//! # How to add one more
//!
//! - **A store**: its arm in [`open_store`].
//! - **A dialect**: its router in [`App::new`], merged with the others.
//! - **A kind of provider**: which addresses it takes, in `address_rule`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use watchword_core::address::Channel;
use watchword_core::delivery::{BodyFormat, NodeId, ProviderId};
use watchword_core::dispatcher::{Carrier, Dispatcher, Route, Routes};
use watchword_core::engine::{Engine, EngineSettings};
use watchword_core::error::InvalidInput;
use watchword_core::parts::Parts;
use watchword_core::ports::{Observer, Random, Store};
use watchword_core::verification::RouteName;
use watchword_delivery::http::AddressKind;
use watchword_delivery::kafka;
use watchword_delivery::queue::Sends;
use watchword_delivery::registry::ProviderSettings;
use watchword_http::dialects::otpgateway::{
    self, Access, AddressRule, BuiltIn, Compose, OtpgatewaySettings, PageSettings, ProviderProfile, Templated,
};
use watchword_http::dialects::perfumer::{self, BasicAuth, ChannelRoutes, PerfumerSettings, WebhookSettings};
use watchword_http::front::{Front, FrontSettings, Limits};
use watchword_http::health::{self, Probes};
use watchword_http::server::Served;
use watchword_store::{
    Announcing, OpenError, PostgresOpenError, PostgresOptions, PostgresStore, RedisOpenError, RedisOptions,
    RedisStore, SqliteOptions, SqliteStore,
};

use crate::clock::SystemClock;
use crate::config::{Config, ConfiguredProvider, Dialect, MessageTemplates, Perfumer, StoreUrl};
use crate::telemetry::exposition::Exposition;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::provider::traced;
use crate::telemetry::traces;

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
    /// Puts it together. `clock` is that of the parts; `listen` is where clients reach it; `metrics` show what these parts do.
    ///
    /// # Errors
    /// A name in the configuration is none that the domain takes.
    pub fn new(
        config: &Config,
        parts: &Parts,
        clock: &SystemClock,
        metrics: Arc<Metrics>,
        listen: SocketAddr,
    ) -> Result<Self, InvalidInput> {
        let nodes_clock = clock.clone();
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
        };
        let (public, engine) = rewiring.public(config)?;
        let draining = CancellationToken::new();
        let (store, clock) = (Arc::clone(&parts.store), Arc::clone(&parts.clock));
        let exposition = Exposition::new(metrics, store, clock, dispatcher.clone(), front);
        let admin = health::router(Probes {
            engine,
            clock: Arc::clone(&parts.clock),
            draining: draining.clone(),
            obstacle: Arc::new(move || {
                nodes_clock.is_waiting().then_some("the store does not say what time it is; see the log\n")
            }),
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
}

impl Rewiring {
    fn public(&self, config: &Config) -> Result<(Router, Engine), InvalidInput> {
        let settings = EngineSettings { guess: config.guess.rule(), lookup: config.guess.lookup_rule() };
        let engine = Engine::new(self.parts.clone(), self.dispatcher.clone(), settings);
        let front = self.front.clone();
        let router = match config.server.dialect {
            Dialect::Otpgateway => {
                let settings = Arc::new(otpgateway_settings(config, self.listen)?);
                otpgateway::router(engine.clone(), settings, front)
            }
            Dialect::Perfumer => perfumer::router(engine.clone(), Arc::new(perfumer_settings(config)), front),
            // Its calls are yet to come.
            Dialect::Egov => Router::new(),
        };
        Ok((router, engine))
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
    /// A name in the configuration is none that the domain takes. Nothing has changed then.
    pub fn take_up(
        &self,
        config: &Config,
        served: &Served,
    ) -> Result<impl FnOnce() + Send + 'static, InvalidInput> {
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
pub(crate) fn idle_engine(parts: &Parts, name: &str) -> Result<Engine, InvalidInput> {
    let dispatcher = Dispatcher::new(parts.clone(), NodeId::new(name)?, Routes::default());
    Ok(Engine::new(parts.clone(), dispatcher, EngineSettings::default()))
}

fn otpgateway_settings(config: &Config, listen: SocketAddr) -> Result<OtpgatewaySettings, InvalidInput> {
    let access = config.namespaces.iter().map(|(namespace, secret)| Access {
        namespace: namespace.clone(),
        secret: secret.expose().to_owned(),
    });
    let mut providers = Vec::with_capacity(config.routes.len());
    for (name, ids) in &config.routes {
        // People see the first provider's medium; the others stand in for it.
        if let Some((id, configured)) = ids.first().and_then(|id| config.providers.get_key_value(id)) {
            let ConfiguredProvider { settings, .. } = configured;
            let shown = settings.presentation(id);
            let channel = Channel::new(shown.channel)?;
            let profile = ProviderProfile::new(name.clone(), channel, address_rule(settings));
            providers.push(ProviderProfile {
                address_name: shown.address_name.to_owned(),
                passcode_length: shown.passcode_length,
                max_address_length: shown.max_address_length,
                composer: composer(config.messages.get(id), settings).unwrap_or(profile.composer),
                ..profile
            });
        }
    }
    let root_url = match &config.server.root_url {
        Some(url) => url.as_str().to_owned(),
        None => match &config.server.tls {
            None => origin(listen),
            Some(_) => origin(listen).replacen("http:", "https:", 1),
        },
    };
    Ok(OtpgatewaySettings {
        root_url,
        namespaces: access.collect(),
        providers,
        // The configuration has checked its size.
        default_ttl: u32::try_from(config.otp.ttl.as_secs()).unwrap_or(u32::MAX),
        default_max_attempts: config.otp.max_attempts,
        default_max_generate: config.otp.max_generate,
        server_timeout: config.server.timeout,
        pages: PageSettings {
            pages: Arc::clone(&config.pages.pages),
            frame_ancestors: config.frame_ancestors.clone(),
            resend_cool_down: config.pages.resend_cool_down,
            requests_per_minute: config.pages.requests_per_minute,
        },
    })
}

/// What the dialect perfumer is told. A channel goes by the route of its name.
pub(crate) fn perfumer_settings(config: &Config) -> PerfumerSettings {
    let Perfumer { username, password, webhook, .. } = &config.perfumer;
    let default = PerfumerSettings::default();
    let route = |name: &str| config.routes.keys().find(|route| route.as_str() == name).cloned();
    let basic_auth = username.clone().zip(password.as_ref());
    PerfumerSettings {
        namespace: config.perfumer.namespace().cloned().unwrap_or(default.namespace),
        basic_auth: basic_auth
            .map(|(username, password)| BasicAuth { username, password: password.expose().to_owned() }),
        routes: ChannelRoutes {
            sms: route("sms"),
            call: route("call"),
            email: route("email"),
            telegram: route("telegram"),
        },
        webhook: WebhookSettings {
            secret: webhook.secret.as_ref().map(|secret| secret.expose().to_owned()),
            groups: webhook.groups,
            digits: webhook.digits,
            lifetime: webhook.lifetime,
            text: webhook.text.clone(),
        },
        server_timeout: config.server.timeout,
    }
}

/// Words the messages of a provider. The configuration has tried its templates: `None` does not come.
fn composer(messages: Option<&MessageTemplates>, settings: &ProviderSettings) -> Option<Arc<dyn Compose>> {
    let format = match settings {
        ProviderSettings::Smtp(_) => BodyFormat::Html,
        ProviderSettings::Queue(queue) if queue.sends == Sends::Email => BodyFormat::Html,
        ProviderSettings::Queue(_)
        | ProviderSettings::Kafka(_)
        | ProviderSettings::Telegram(_)
        | ProviderSettings::Discard(_)
        | ProviderSettings::Webhook(_)
        | ProviderSettings::Http(_)
        | ProviderSettings::KaleyraSms(_)
        | ProviderSettings::KaleyraWhatsapp(_)
        | ProviderSettings::PinpointSms(_)
        | ProviderSettings::Inbox(_) => BodyFormat::Text,
    };
    // What sends to Telegram behind Queue leaves previews on: Telegram would open the link, which holds the passcode.
    let is_previewed = matches!(settings, ProviderSettings::Queue(queue) if queue.sends == Sends::Telegram);
    let link = address_rule(settings) != AddressRule::Phone && !is_previewed;
    let built_in = BuiltIn { subject: None, link, format };
    let subject = messages.and_then(|messages| messages.subject.as_deref());
    let body = messages.and_then(|messages| messages.body.as_ref());
    let body = body.map(|body| (body.source.as_str(), body.format));
    if subject.is_none() && body.is_none() {
        return Some(Arc::new(built_in));
    }
    Some(Arc::new(Templated::new(subject, body, built_in).ok()?))
}

/// Which addresses a provider takes.
fn address_rule(settings: &ProviderSettings) -> AddressRule {
    match settings {
        ProviderSettings::Smtp(_) => AddressRule::Email,
        ProviderSettings::Http(http) => match http.address {
            AddressKind::Any => AddressRule::Any,
            AddressKind::Phone => AddressRule::Phone,
            AddressKind::Email => AddressRule::Email,
        },
        ProviderSettings::KaleyraSms(_)
        | ProviderSettings::KaleyraWhatsapp(_)
        | ProviderSettings::PinpointSms(_) => AddressRule::Phone,
        ProviderSettings::Queue(queue) => match queue.sends {
            Sends::Sms | Sends::Call => AddressRule::Phone,
            Sends::Email => AddressRule::Email,
            Sends::Telegram => AddressRule::Any,
        },
        ProviderSettings::Kafka(kafka) => match kafka.sends {
            kafka::Sends::Sms => AddressRule::Phone,
            kafka::Sends::Email => AddressRule::Email,
        },
        ProviderSettings::Telegram(_)
        | ProviderSettings::Discard(_)
        | ProviderSettings::Webhook(_)
        | ProviderSettings::Inbox(_) => AddressRule::Any,
    }
}

/// Where a browser on this machine reaches a server that listens there: scheme, address and port.
pub fn origin(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

#[cfg(test)]
mod tests;
