//! What can be set, section by section. `default.toml` says the same to people; a test holds the two together.

mod egov;
mod perfumer;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use watchword_core::guess::{GuessRule, LookupRule};
use watchword_core::ports::Retention;
use watchword_delivery::settings::Secret;
use watchword_http::dialects::otpgateway::PageSettings;

use super::value::{
    Dialect, ListenAddress, LogFormat, LogLevel, NamespaceName, Picture, ProviderName, ProxyNetwork,
    PublishKey, RootUrl, RouteKey, Site, StoreUrl, at_once, cool_down, duration, lifetime, limit,
    optional_duration, per_mille, per_minute, secret, store_timeout, timeout,
};

pub use egov::Egov;
pub use perfumer::{Perfumer, Webhook};

/// All sections as they are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sections {
    pub(super) server: Server,
    pub(super) admin: Admin,
    pub(super) store: Store,
    pub(super) keys: Keys,
    pub(super) guess: Guess,
    pub(super) retention: RetentionSection,
    pub(super) log: Log,
    pub(super) telemetry: Telemetry,
    pub(super) otp: Otp,
    pub(super) pages: PagesSection,
    pub(super) perfumer: Perfumer,
    pub(super) egov: Egov,
    pub(super) namespaces: BTreeMap<NamespaceName, NamespaceSection>,
    /// Read apart: what can be set depends on the kind.
    pub(super) providers: BTreeMap<ProviderName, IgnoredAny>,
    pub(super) routes: BTreeMap<RouteKey, RouteSection>,
}

/// `[server]`: the listener that clients use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The API that clients speak here.
    pub dialect: Dialect,
    /// Where it listens.
    pub listen: ListenAddress,
    /// How people reach it from outside; `None`: `http://`, or with TLS `https://`, and the address it listens on.
    pub root_url: Option<RootUrl>,
    /// The longest a request may take.
    #[serde(deserialize_with = "timeout")]
    pub timeout: Duration,
    /// Requests worked on at once; more are refused with 503.
    #[serde(deserialize_with = "at_once")]
    pub max_concurrent_requests: usize,
    /// Connections held at once; more wait to be accepted.
    #[serde(deserialize_with = "at_once")]
    pub max_connections: usize,
    /// Networks whose `Forwarded` and `X-Forwarded-For` are believed.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// The certificate that this listener shows; `None`: plain HTTP.
    pub tls: Option<Tls>,
}

/// `[server.tls]`: the listener's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file: the certificate, then those that lead to a root.
    pub certificate: PathBuf,
    /// PEM file with the certificate's private key.
    pub key: PathBuf,
}

/// `[telemetry]`: traces over OTLP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// The collector's address for OTLP over HTTP, like `http://127.0.0.1:4318`; `None`: no traces.
    pub otlp_endpoint: Option<RootUrl>,
    /// Of a thousand requests, so many are traced.
    #[serde(deserialize_with = "per_mille")]
    pub traced_per_mille: u32,
    /// The name that this server has in traces.
    pub service_name: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, traced_per_mille: 1_000, service_name: "watchword".to_owned() }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            listen: ListenAddress(SocketAddr::from((Ipv4Addr::LOCALHOST, 9000))),
            root_url: None,
            timeout: Duration::from_secs(5),
            max_concurrent_requests: 1_024,
            max_connections: 10_000,
            trusted_proxies: Vec::new(),
            tls: None,
        }
    }
}

/// `[admin]`: the listener for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Where it listens; `None`: [`Admin::DEFAULT`], or nowhere where that is taken.
    pub listen: Option<ListenAddress>,
}

impl Admin {
    /// Where it listens unless told otherwise.
    pub const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9001);
}

/// `[store]`: where the state is kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Which store, and where.
    pub url: StoreUrl,
    /// How long one that is a server of its own is waited for: for a connection, for an answer, and while it is started anew.
    #[serde(deserialize_with = "store_timeout")]
    pub timeout: Duration,
    /// The channel of Redis that tells of checks; `None`: nobody is told.
    pub publish_key: Option<PublishKey>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: StoreUrl::Sqlite("watchword.db".into()),
            timeout: Duration::from_secs(5),
            publish_key: None,
        }
    }
}

/// `[keys]`: what passcodes are sealed under.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    /// The key file; `None`: next to the embedded store.
    pub file: Option<PathBuf>,
}

/// `[guess]`: how many wrong guesses are allowed in a row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guess {
    burst: u32,
    #[serde(deserialize_with = "duration")]
    max_wait: Duration,
    budget: u32,
    #[serde(deserialize_with = "duration")]
    budget_wait: Duration,
    lookup_burst: u32,
    #[serde(deserialize_with = "duration")]
    lookup_wait: Duration,
}

impl Default for Guess {
    fn default() -> Self {
        let (guess, lookup) = (GuessRule::default(), LookupRule::default());
        Self {
            burst: guess.burst,
            max_wait: guess.max_wait,
            budget: guess.budget,
            budget_wait: guess.budget_wait,
            lookup_burst: lookup.burst,
            lookup_wait: lookup.wait,
        }
    }
}

impl Guess {
    /// The rule for wrong checks of a target.
    pub fn rule(&self) -> GuessRule {
        GuessRule {
            burst: self.burst,
            max_wait: self.max_wait,
            budget: self.budget,
            budget_wait: self.budget_wait,
        }
    }

    /// The rule for missed look-ups by passcode.
    pub fn lookup_rule(&self) -> LookupRule {
        LookupRule { burst: self.lookup_burst, wait: self.lookup_wait }
    }
}

/// `[retention]`: how long records are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSection {
    #[serde(deserialize_with = "optional_duration")]
    delivery_records: Option<Duration>,
}

impl RetentionSection {
    /// As a store takes it whose own default is `default`.
    pub fn or(&self, default: Retention) -> Retention {
        Retention { delivery_records: self.delivery_records.unwrap_or(default.delivery_records) }
    }

    /// As a store takes it that keeps records on disk.
    pub fn retention(&self) -> Retention {
        self.or(Retention::default())
    }
}

/// `[log]`: what is logged, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// What.
    pub level: LogLevel,
    /// How.
    pub format: LogFormat,
}

/// `[otp]`: what holds where a request does not say it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otp {
    /// How long a passcode is good.
    #[serde(deserialize_with = "lifetime")]
    pub ttl: Duration,
    /// Checks, counted as otpgateway counts them.
    #[serde(deserialize_with = "limit")]
    pub max_attempts: u32,
    /// Messages, the first included.
    #[serde(deserialize_with = "limit")]
    pub max_generate: u32,
}

impl Default for Otp {
    fn default() -> Self {
        Self { ttl: Duration::from_mins(5), max_attempts: 5, max_generate: 3 }
    }
}

/// `[pages]`: what people see.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PagesSection {
    /// Templates, texts and a style sheet in place of the built-in ones.
    pub(super) folder: Option<PathBuf>,
    /// The picture above the heading.
    pub(super) logo_url: Option<Picture>,
    /// The picture beside the title.
    pub(super) favicon_url: Option<Picture>,
    /// How long after a message the next can be asked for.
    #[serde(deserialize_with = "cool_down")]
    pub(super) resend_cool_down: Duration,
    /// Pages that one client may ask for in a minute; 0: no limit.
    #[serde(deserialize_with = "per_minute")]
    pub(super) requests_per_minute: u32,
}

impl Default for PagesSection {
    fn default() -> Self {
        let PageSettings { resend_cool_down, requests_per_minute, .. } = PageSettings::default();
        Self { folder: None, logo_url: None, favicon_url: None, resend_cool_down, requests_per_minute }
    }
}

/// `[namespaces.NAME]`: who may call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamespaceSection {
    #[serde(deserialize_with = "secret")]
    pub(super) secret: Secret,
    /// The sites that may frame its pages; `None`: any.
    pub(super) frame_ancestors: Option<Vec<Site>>,
}

/// `[routes.NAME]`: providers that are tried in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteSection {
    pub(super) providers: Vec<ProviderName>,
}
