//! The kinds of values that settings have, and what each accepts.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use watchword_core::delivery::ProviderId;
use watchword_core::namespace::Namespace;
use watchword_core::verification::RouteName;
use watchword_delivery::settings::{Secret, parse_duration};
use watchword_http::pages::{FrameAncestor, ImageUrl};
use watchword_store::{PostgresUrl, RedisUrl};

/// Reads a text and lets `parse` say what is wrong with it.
fn text<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    deserializer: D,
    expecting: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    struct Text<F>(&'static str, F);

    impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Text<F> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<M: serde::de::Error>(self, text: &str) -> Result<T, M> {
            (self.1)(text).map_err(M::custom)
        }
    }

    deserializer.deserialize_str(Text(expecting, parse))
}

/// Gives a type its `Deserialize` by way of [`text`].
macro_rules! from_text {
    ($type:ty, $expecting:literal, $parse:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text(deserializer, $expecting, $parse)
            }
        }
    };
}

/// An IP address and a port to listen on. Port 0: any that is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

from_text!(ListenAddress, "an IP address and a port, like \"127.0.0.1:9000\"", |text| text
    .parse()
    .map(Self)
    .map_err(|_| "must be an IP address and a port, like \"127.0.0.1:9000\" or \"[::]:9000\""));

impl std::str::FromStr for ListenAddress {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The API that clients speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// otpgateway's: BasicAuth by namespace, and pages for people.
    #[default]
    Otpgateway,
    /// Perfumer OTP's: a channel a path, limits, the Telegram bot.
    Perfumer,
    /// DIGIT's user-otp and egov-otp.
    Egov,
}

from_text!(Dialect, "a dialect, like \"otpgateway\"", |text| match text {
    "otpgateway" => Ok(Self::Otpgateway),
    "perfumer" => Ok(Self::Perfumer),
    "egov" => Ok(Self::Egov),
    _ => Err("must be \"otpgateway\", \"perfumer\" or \"egov\""),
});

/// Where people reach the server: a URL without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootUrl(String);

impl RootUrl {
    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

from_text!(RootUrl, "a URL, like \"https://otp.example.com\"", |text| {
    let wrong = "must be a URL, like \"https://otp.example.com\", without `?` and `#`";
    let uri: http::Uri = text.parse().map_err(|_| wrong)?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if !is_web || text.contains(['?', '#']) {
        return Err(wrong);
    }
    Ok(Self(text.trim_end_matches('/').to_owned()))
});

/// Where a service is that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl(pub reqwest::Url);

from_text!(ServiceUrl, "a URL, like \"http://egov-user:8080/user/_search\"", |text| {
    let url = reqwest::Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.map(Self).ok_or("must be a URL, like \"http://egov-user:8080/user/_search\"")
});

/// Where a picture is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture(pub ImageUrl);

from_text!(Picture, "a URL, like \"https://example.com/logo.png\"", |text| ImageUrl::new(text).map(Self));

/// A site that may frame pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site(pub FrameAncestor);

from_text!(Site, "a site, like \"https://app.example.com\"", |text| FrameAncestor::new(text).map(Self));

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyNetwork(pub IpNet);

from_text!(ProxyNetwork, "an IP address or a network, like \"10.0.0.0/8\"", |text| {
    let network = text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
    network.map(Self).map_err(|_| "must be an IP address or a network, like \"127.0.0.1\" or \"10.0.0.0/8\"")
});

/// Which store, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// The embedded one, in this file.
    Sqlite(PathBuf),
    /// A shared one, in Redis.
    Redis(Box<RedisUrl>),
    /// A shared one, in PostgreSQL.
    Postgres(Box<PostgresUrl>),
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Redis(url) => url.fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

from_text!(StoreUrl, "a store's URL, like \"sqlite:watchword.db\"", |text| {
    let known = "write it like \"sqlite:watchword.db\", \"postgres://user:password@127.0.0.1:5432/database\" or \
                 \"redis://127.0.0.1:6379\"";
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(format!("must begin with the kind of store; {known}"));
    };
    match scheme {
        "sqlite" => {
            // Both `sqlite:PATH` and `sqlite://PATH` are in use elsewhere.
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() || path.contains(['?', '\0']) {
                return Err(format!("must name a file and nothing else; {known}"));
            }
            Ok(Self::Sqlite(path.into()))
        }
        "redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" | "redis+cluster" | "rediss+cluster" => {
            RedisUrl::parse(text).map(|url| Self::Redis(Box::new(url))).map_err(|error| error.to_string())
        }
        "postgres" | "postgresql" => PostgresUrl::parse(text)
            .map(|url| Self::Postgres(Box::new(url)))
            .map_err(|error| error.to_string()),
        // The text after the scheme may hold a password.
        _ => Err(format!("there is no store of the kind `{scheme}:`; {known}")),
    }
});

/// The name of a channel that Redis publishes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishKey(pub String);

from_text!(PublishKey, "the name of a channel, like \"otp-events\"", |text| match text {
    "" => Err("must be the name of a channel, like \"otp-events\""),
    name => Ok(Self(name.to_owned())),
});

/// A filter for the log: a level, or levels by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel(String);

impl LogLevel {
    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

from_text!(LogLevel, "a level, like \"info\"", |text| {
    // The filter takes any other word for the name of a module, and then shows nothing else.
    let is_level = |word: &str| word.trim().parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    let words_are_levels = text.split(',').all(|part| part.contains('=') || is_level(part));
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) if words_are_levels => Ok(Self(text.to_ascii_lowercase())),
        _ => Err(
            "must be `error`, `warn`, `info`, `debug` or `trace`, or levels by module like \"info,watchword_store=debug\"",
        ),
    }
});

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For programs: one object a line.
    Json,
}

/// What a caller proves itself by: any text but none.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let secret = Secret::deserialize(deserializer)?;
    if secret.expose().is_empty() { Err(D::Error::custom("must not be empty")) } else { Ok(secret) }
}

/// The name of a namespace in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NamespaceName(pub Namespace);

from_text!(NamespaceName, "a name", |text| {
    if text.contains(':') {
        return Err("a namespace's name can't have a colon: it is a user name of BasicAuth".to_owned());
    }
    Namespace::new(text).map(Self).map_err(|error| error.to_string())
});

/// The name of a provider in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProviderName(pub ProviderId);

from_text!(ProviderName, "a provider's name", |text| ProviderId::new(text).map(Self));

/// The name of a route in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RouteKey(pub RouteName);

from_text!(RouteKey, "a route's name", |text| RouteName::new(text).map(Self));

/// A length of time within bounds, for `#[serde(deserialize_with)]`.
fn bounded<'de, D: Deserializer<'de>>(
    deserializer: D,
    bounds: RangeInclusive<Duration>,
    in_words: &'static str,
) -> Result<Duration, D::Error> {
    let duration = duration(deserializer)?;
    if bounds.contains(&duration) { Ok(duration) } else { Err(D::Error::custom(in_words)) }
}

/// Any length of time, 0 included.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    text(deserializer, "a length of time in quotes, like \"15m\"", parse_duration)
}

/// How long a request may take.
pub(super) fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    bounded(deserializer, Duration::from_secs(1)..=Duration::from_mins(5), "must be from 1s to 5m")
}

/// How long a store may take to answer.
pub(super) fn store_timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    bounded(deserializer, Duration::from_millis(100)..=Duration::from_mins(1), "must be from 100ms to 1m")
}

/// A length of time that may be left out.
pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// How long a passcode lives (wire contract of otpgateway: whole seconds, a year at most).
pub(super) fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let year = Duration::from_hours(365 * 24);
    let lifetime = bounded(deserializer, Duration::from_secs(1)..=year, "must be from 1s to 8760h (a year)")?;
    if lifetime.subsec_nanos() == 0 { Ok(lifetime) } else { Err(D::Error::custom("must be whole seconds")) }
}

/// How long after a message the next can be asked for.
pub(super) fn cool_down<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    bounded(deserializer, Duration::ZERO..=Duration::from_hours(1), "must be from 0s to 1h")
}

/// A whole number within bounds.
fn whole<'de, D: Deserializer<'de>>(deserializer: D, bounds: RangeInclusive<u64>) -> Result<u64, D::Error> {
    struct Whole(RangeInclusive<u64>);

    impl Visitor<'_> for Whole {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a whole number from {} to {}", self.0.start(), self.0.end())
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<u64, E> {
            let found = serde::de::Unexpected::Unsigned(number);
            if self.0.contains(&number) { Ok(number) } else { Err(E::invalid_value(found, &self)) }
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<u64, E> {
            Err(E::invalid_value(serde::de::Unexpected::Signed(number), &self))
        }
    }

    deserializer.deserialize_u64(Whole(bounds))
}

/// How many at once: 1 to 1,000,000.
pub(super) fn at_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    // A million fits everywhere.
    whole(deserializer, 1..=1_000_000).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

/// A verification's limit: 1 to 1,000,000 (wire contract of otpgateway).
pub(super) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole(deserializer, 1..=1_000_000).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// So many of a thousand.
pub(super) fn per_mille<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole(deserializer, 0..=1_000).map(|number| u32::try_from(number).unwrap_or(1_000))
}

/// So many in a minute; 0 is no limit.
pub(super) fn per_minute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole(deserializer, 0..=1_000_000).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// Digits of a passcode that must differ from all others that are good: fewer run out, more nobody types.
pub(super) fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(deserializer, 4..=12).map(|number| usize::try_from(number).unwrap_or(12))
}

/// As [`secret`], for what may be left out.
pub(super) fn secret_if_set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    secret(deserializer).map(Some)
}

/// How many parts of a tenant: a few.
pub(super) fn parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(deserializer, 0..=100).map(|number| usize::try_from(number).unwrap_or(100))
}
