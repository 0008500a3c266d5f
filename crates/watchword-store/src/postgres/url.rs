//! The URLs that name a PostgreSQL store.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// Where a PostgreSQL store is.
///
/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or `postgresql://…`; user, password and database percent-encoded. Several hosts may
/// stand there, `HOST:PORT,HOST:PORT`: the first that takes writes is used. After a `?` may stand, each once:
///
/// | parameter | means |
/// |---|---|
/// | `sslmode` | `disable`; `prefer` (default): TLS where the server speaks it; `require`: TLS, whoever the server is; `verify-full`: TLS, and the certificate is the host's |
/// | `sslrootcert` | for `verify-full`: a PEM file of the authorities to trust, instead of the system's |
/// | `schema` | where the tables are; `public` unless said |
/// | `real_host` | `HOST` or `HOST:PORT` of the server itself, where the URL's host is a pooler such as PgBouncer: migrations and notifications go there |
///
/// and those of libpq that have to do with connecting: `application_name`, `connect_timeout`, `target_session_attrs` (default
/// `read-write` where there are several hosts), `keepalives…`, `channel_binding`.
#[derive(Clone)]
pub struct PostgresUrl {
    pub(super) config: Config,
    pub(super) verify: Verify,
    pub(super) schema: Option<String>,
    pub(super) real_host: Option<(String, Option<u16>)>,
    shown: String,
}

/// Whom a server on the other side of TLS may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    /// Anybody.
    Nobody,
    /// Whom the system's authorities certify.
    BySystem,
    /// Whom the authorities in this file certify.
    ByFile(PathBuf),
}

/// What a [`PostgresUrl`] says, one by one.
#[derive(Clone)]
pub struct PostgresPlace {
    /// The server, or the pooler before it: a name or an address.
    pub host: String,
    /// Of `host` and of `real_host`.
    pub port: u16,
    /// The database.
    pub database: String,
    /// Who we are.
    pub user: String,
    /// What proves it.
    pub password: String,
    /// Where the tables are; `None`: in `public`.
    pub schema: Option<String>,
    /// The server itself, where `host` is a pooler.
    pub real_host: Option<String>,
}

/// A URL that names no PostgreSQL store. The text never shows the URL, for a password may be in it.
#[derive(Clone, Debug, Error)]
#[error(
    "{0}; write it like \"postgres://user:password@127.0.0.1:5432/database\", with percent signs for what has a meaning in URLs (\"@\" is \"%40\")"
)]
pub struct PostgresUrlError(String);

/// The longest name that PostgreSQL keeps whole.
const LONGEST_NAME: usize = 63;

impl PostgresUrl {
    /// Reads one.
    ///
    /// # Errors
    /// It names no PostgreSQL store.
    pub fn parse(text: &str) -> Result<Self, PostgresUrlError> {
        let wrong = |reason: &str| PostgresUrlError(reason.to_owned());
        let (scheme, _) = text.split_once("://").ok_or_else(|| wrong("has no \"://\""))?;
        if !["postgres", "postgresql"].contains(&scheme) {
            return Err(wrong("is none of PostgreSQL's schemes"));
        }
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let mut ours = Ours::default();
        let mut drivers = String::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let slot = match name {
                "sslmode" => &mut ours.sslmode,
                "sslrootcert" => &mut ours.sslrootcert,
                "schema" => &mut ours.schema,
                "real_host" => &mut ours.real_host,
                _ => {
                    drivers.push(if drivers.is_empty() { '?' } else { '&' });
                    drivers.push_str(parameter);
                    continue;
                }
            };
            let value = percent_decode_str(value).decode_utf8().map_err(|_| wrong("holds no UTF-8"))?;
            if slot.replace(value.into_owned()).is_some() {
                return Err(PostgresUrlError(format!("has \"{name}\" twice")));
            }
        }
        let config = Config::from_str(&format!("{place}{drivers}"))
            .map_err(|error| PostgresUrlError(super::errors::told(error).to_string()))?;
        Self::new(config, ours)
    }

    /// The store at `place`.
    ///
    /// # Errors
    /// The schema's or the real host's name can't be one.
    pub fn of(place: &PostgresPlace) -> Result<Self, PostgresUrlError> {
        let mut config = Config::new();
        config.host(&place.host).port(place.port).dbname(&place.database);
        config.user(&place.user).password(&place.password);
        let real_host = place.real_host.as_ref().map(|host| format!("{host}:{}", place.port));
        Self::new(config, Ours { schema: place.schema.clone(), real_host, ..Ours::default() })
    }

    /// Whether the server itself is named besides the host that operations go to.
    pub const fn has_real_host(&self) -> bool {
        self.real_host.is_some()
    }

    fn new(mut config: Config, ours: Ours) -> Result<Self, PostgresUrlError> {
        let wrong = |reason: &str| PostgresUrlError(reason.to_owned());
        if config.get_hosts().is_empty() {
            return Err(wrong("names no host"));
        }
        if config.get_user().is_none_or(str::is_empty) {
            return Err(wrong("names no user"));
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(wrong("names no database"));
        }
        let (mode, mut verify) = match ours.sslmode.as_deref().unwrap_or("prefer") {
            "disable" => (SslMode::Disable, Verify::Nobody),
            "prefer" => (SslMode::Prefer, Verify::Nobody),
            "require" => (SslMode::Require, Verify::Nobody),
            "verify-full" => (SslMode::Require, Verify::BySystem),
            _ => {
                return Err(wrong("has an sslmode that is none of disable, prefer, require and verify-full"));
            }
        };
        config.ssl_mode(mode);
        if let Some(file) = ours.sslrootcert {
            if verify == Verify::Nobody {
                return Err(wrong("has an sslrootcert, which only sslmode=verify-full looks at"));
            }
            verify = Verify::ByFile(file.into());
        }
        if ours.schema.as_deref().is_some_and(|name| !is_plain(name)) {
            return Err(wrong(SCHEMA_ADVICE));
        }
        let real_host = ours.real_host.map(|text| real_host_of(&text)).transpose()?;
        if config.get_application_name().is_none() {
            config.application_name("watchword");
        }
        if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let shown = shown(&config);
        Ok(Self { config, verify, schema: ours.schema, real_host, shown })
    }
}

#[derive(Default)]
struct Ours {
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    schema: Option<String>,
    real_host: Option<String>,
}

const SCHEMA_ADVICE: &str = "has a schema whose name is not 1 to 63 letters, digits, \"_\" and \"-\" of ASCII, beginning with no digit";

/// Whether a name of a schema may stand in our functions. Quotes and dollar signs could end their bodies.
pub(super) fn is_plain(name: &str) -> bool {
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(is_of_names)
        && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn real_host_of(text: &str) -> Result<(String, Option<u16>), PostgresUrlError> {
    let wrong = || PostgresUrlError("has a real_host that is neither HOST nor HOST:PORT".to_owned());
    // An address of IPv6 stands in brackets where a port follows.
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, Some(port.parse().map_err(|_| wrong())?))
        }
        _ => (text, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_owned(), port)) }
}

/// Without user and password.
fn shown(config: &Config) -> String {
    let port = |index: usize| {
        let ports = config.get_ports();
        ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432)
    };
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<_> = hosts.collect();
    format!("postgres://{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        (&self.config, &self.verify, &self.schema, &self.real_host)
            == (&other.config, &other.verify, &other.schema, &other.real_host)
    }
}

impl Eq for PostgresUrl {}

/// Without user and password.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresPlace({}:{}/{})", self.host, self.port, self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_by_its_hosts_and_database_alone() {
        for (url, shown) in [
            ("postgres://otp:s3cret@127.0.0.1/otp", "postgres://127.0.0.1:5432/otp"),
            ("postgresql://otp:s3c%40ret@db:6432/otp?sslmode=disable", "postgres://db:6432/otp"),
            ("postgres://otp@one:1,two:2/otp", "postgres://one:1,two:2/otp"),
            ("postgres://otp:s3cret@pool:6432/otp?real_host=db:5432&schema=otp", "postgres://pool:6432/otp"),
        ] {
            let parsed = PostgresUrl::parse(url).unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert!(!format!("{parsed:?}").contains("s3c"));
        }
    }

    #[test]
    fn the_modes_of_tls_are_those_of_libpq() {
        let of = |query: &str| {
            let url = PostgresUrl::parse(&format!("postgres://otp@db/otp{query}")).unwrap();
            (url.config.get_ssl_mode(), url.verify)
        };
        assert_eq!(of(""), (SslMode::Prefer, Verify::Nobody));
        assert_eq!(of("?sslmode=disable"), (SslMode::Disable, Verify::Nobody));
        assert_eq!(of("?sslmode=prefer"), (SslMode::Prefer, Verify::Nobody));
        assert_eq!(of("?sslmode=require"), (SslMode::Require, Verify::Nobody));
        assert_eq!(of("?sslmode=verify-full"), (SslMode::Require, Verify::BySystem));
        assert_eq!(
            of("?sslmode=verify-full&sslrootcert=/etc/otp%20ca.pem"),
            (SslMode::Require, Verify::ByFile("/etc/otp ca.pem".into()))
        );
    }

    #[test]
    fn the_server_behind_a_pooler_is_named_with_or_without_its_port() {
        for (given, host) in [
            ("db", ("db", None)),
            ("db:5433", ("db", Some(5433))),
            ("[::1]:5433", ("::1", Some(5433))),
            ("::1", ("::1", None)),
        ] {
            let url = PostgresUrl::parse(&format!("postgres://otp@pool/otp?real_host={given}")).unwrap();
            assert_eq!(url.real_host, Some((host.0.to_owned(), host.1)));
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_shown() {
        for url in [
            "postgres",
            "postgres:127.0.0.1",
            "http://otp:s3cret@one/otp",
            "postgres://otp:s3cret@one:port/otp",
            "postgres://otp:s3cret@one",
            "postgres://:s3cret@one/otp",
            "postgres://otp:s3cret@/otp",
            "postgres://otp:s3cret@one/otp?sslmode=verify",
            "postgres://otp:s3cret@one/otp?sslmode=prefer&sslmode=prefer",
            "postgres://otp:s3cret@one/otp?sslrootcert=/s3cret.pem",
            "postgres://otp:s3cret@one/otp?schema=s3cret%22",
            "postgres://otp:s3cret@one/otp?schema=1",
            "postgres://otp:s3cret@one/otp?real_host=:5432",
            "postgres://otp:s3cret@one/otp?password_=s3cret",
        ] {
            let refused = PostgresUrl::parse(url).unwrap_err();
            assert!(!refused.to_string().contains("s3c"), "{refused}");
        }
    }
}
