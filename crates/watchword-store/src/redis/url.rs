//! The URLs that name a Redis store.

use std::fmt;
use std::path::{Path, PathBuf};

use ::redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use ::redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisError,
    TlsCertificates, TlsMode,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;

/// Where sentinels listen.
const SENTINEL_PORT: u16 = 26_379;

/// Where a Redis store is: one server, the sentinels that know which server it is, or the nodes of a cluster to begin with.
///
/// | URL | names |
/// |---|---|
/// | `redis://HOST:PORT/DB` | one server |
/// | `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB` | the server that these sentinels know as SERVICE |
/// | `redis+cluster://HOST:PORT,HOST:PORT` | a cluster; one node is enough to find the others |
///
/// `rediss` in place of `redis` is over TLS, to sentinels too. `USER:PASSWORD@` may stand before the hosts, percent-encoded; it
/// is never shown. After a `?`, with `&` between them and percent-encoded, may stand:
///
/// - `key_prefix=NAME`: what all keys begin with, for installations that share a server.
/// - `ca_file=PATH`: the root certificates, in PEM, that vouch for the servers, in place of the system's.
/// - `sentinel_username=NAME`, `sentinel_password=SECRET`: what the sentinels themselves ask for.
#[derive(Clone)]
pub struct RedisUrl {
    pub(super) place: Place,
    pub(super) key_prefix: Option<String>,
    ca_file: Option<PathBuf>,
    given: String,
    shown: String,
}

#[derive(Clone)]
pub(super) enum Place {
    One(Box<ConnectionInfo>),
    Sentinels(Box<Sentinels>),
    Cluster(Vec<ConnectionInfo>),
}

/// The sentinels, and what they watch.
#[derive(Clone)]
pub(super) struct Sentinels {
    /// Where they are; credentials and database are the watched server's.
    infos: Vec<ConnectionInfo>,
    service: String,
    username: Option<String>,
    password: Option<String>,
}

/// A URL that names no Redis store. The text never shows the URL, for a password may be in it.
#[derive(Clone, Debug, Error)]
#[error(
    "{0}; write it like \"redis://127.0.0.1:6379/0\", \"redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/mymaster\" or \
     \"redis+cluster://10.0.0.1:6379,10.0.0.2:6379\""
)]
pub struct RedisUrlError(String);

/// What stands after the question mark.
#[derive(Default)]
struct Query {
    key_prefix: Option<String>,
    ca_file: Option<PathBuf>,
    sentinel_username: Option<String>,
    sentinel_password: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Sentinels,
    Cluster,
}

impl RedisUrl {
    /// Reads one.
    ///
    /// # Errors
    /// It names no Redis store.
    pub fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("has no \"://\""))?;
        let (protocol, kind) = match scheme {
            "redis" | "rediss" => (scheme, Kind::One),
            "redis+sentinel" => ("redis", Kind::Sentinels),
            "rediss+sentinel" => ("rediss", Kind::Sentinels),
            "redis+cluster" => ("redis", Kind::Cluster),
            "rediss+cluster" => ("rediss", Kind::Cluster),
            _ => return Err(wrong("is none of Redis's schemes")),
        };
        let (rest, query) = match rest.split_once('?') {
            None => (rest, Query::default()),
            Some((rest, query)) => (rest, Query::parse(query, kind, protocol == "rediss")?),
        };
        let (credentials, hosts) = match rest.rsplit_once('@') {
            Some((before, hosts)) => (format!("{before}@"), hosts),
            None => (String::new(), rest),
        };
        let node = |host: &str| {
            if host.contains('#') {
                return Err(wrong("has a \"#\""));
            }
            let url = format!("{protocol}://{credentials}{host}");
            let info = url.into_connection_info().map_err(|error| RedisUrlError(error.to_string()))?;
            let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
            Ok(info.set_redis_settings(settings))
        };
        let (place, path) = match kind {
            Kind::One => (Place::One(Box::new(node(hosts)?)), String::new()),
            Kind::Cluster => {
                let hosts = hosts.trim_end_matches('/');
                if hosts.contains('/') {
                    return Err(wrong("names a database, and a cluster has only one"));
                }
                (Place::Cluster(hosts.split(',').map(node).collect::<Result<_, _>>()?), String::new())
            }
            Kind::Sentinels => {
                let sentinels = Sentinels::parse(hosts, &query, node)?;
                let path = format!("/{}", sentinels.service);
                (Place::Sentinels(Box::new(sentinels)), path)
            }
        };
        let shown = format!("{scheme}://{}{path}", place.hosts());
        let Query { key_prefix, ca_file, .. } = query;
        Ok(Self { place, key_prefix, ca_file, given: text.to_owned(), shown })
    }

    pub(super) fn uses_tls(&self) -> bool {
        self.shown.starts_with("rediss")
    }

    /// The root certificates that it names.
    pub(super) fn certificates(&self) -> Result<Option<TlsCertificates>, RedisError> {
        self.ca_file.as_deref().map(certificates_in).transpose()
    }
}

impl Place {
    fn hosts(&self) -> String {
        let infos = match self {
            Self::One(info) => std::slice::from_ref(&**info),
            Self::Sentinels(sentinels) => &sentinels.infos,
            Self::Cluster(infos) => infos,
        };
        infos.iter().map(shown).collect::<Vec<_>>().join(",")
    }
}

impl Sentinels {
    /// Reads `HOST:PORT,HOST:PORT/SERVICE/DB`.
    fn parse(
        text: &str,
        query: &Query,
        node: impl Fn(&str) -> Result<ConnectionInfo, RedisUrlError>,
    ) -> Result<Self, RedisUrlError> {
        let (hosts, path) = text.split_once('/').unwrap_or((text, ""));
        let (service, database) = path.split_once('/').unwrap_or((path, ""));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if service.is_empty() || !service.bytes().all(is_plain) {
            return Err(wrong(
                "does not say after the sentinels which service they watch, like \"/mymaster\"",
            ));
        }
        let sentinel = |host: &str| {
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
            let port = if has_port { String::new() } else { format!(":{SENTINEL_PORT}") };
            node(&format!("{host}{port}/{database}"))
        };
        Ok(Self {
            infos: hosts.split(',').map(sentinel).collect::<Result<_, _>>()?,
            service: service.to_owned(),
            username: query.sentinel_username.clone(),
            password: query.sentinel_password.clone(),
        })
    }

    /// What asks them, one each: an answer is taken from whoever has one, and nobody waits for one that is silent.
    pub(super) fn clients(
        &self,
        certificates: Option<&TlsCertificates>,
    ) -> Result<Vec<SentinelClient>, RedisError> {
        self.infos.iter().map(|info| self.client(info.addr(), certificates.cloned())).collect()
    }

    fn client(
        &self,
        address: &ConnectionAddr,
        certificates: Option<TlsCertificates>,
    ) -> Result<SentinelClient, RedisError> {
        let uses_tls = matches!(address, ConnectionAddr::TcpTls { .. });
        let address = [address.clone()];
        let mut builder = SentinelClientBuilder::new(address, &self.service, SentinelServerType::Master)?
            .set_client_to_redis_protocol(ProtocolVersion::RESP3);
        // All have the same.
        if let Some(settings) = self.infos.first().map(ConnectionInfo::redis_settings) {
            builder = builder.set_client_to_redis_db(settings.db());
            if let Some(username) = settings.username() {
                builder = builder.set_client_to_redis_username(username);
            }
            if let Some(password) = settings.password() {
                builder = builder.set_client_to_redis_password(password);
            }
        }
        if let Some(username) = &self.username {
            builder = builder.set_client_to_sentinel_username(username);
        }
        if let Some(password) = &self.password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if uses_tls {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        builder.build()
    }
}

impl Query {
    fn parse(text: &str, kind: Kind, uses_tls: bool) -> Result<Self, RedisUrlError> {
        let mut query = Self::default();
        // Any host will do: what is read are the pairs.
        let url = ::redis::parse_redis_url(&format!("redis://localhost?{text}"));
        let url = url.filter(|url| url.fragment().is_none()).ok_or_else(|| wrong("has a \"#\""))?;
        for (name, value) in url.query_pairs() {
            let place = match &*name {
                "key_prefix" if is_key_prefix(&value) => &mut query.key_prefix,
                "key_prefix" => return Err(wrong(PREFIX_ADVICE)),
                "ca_file" if uses_tls && !value.is_empty() => {
                    query.ca_file = Some(PathBuf::from(&*value));
                    continue;
                }
                "ca_file" => {
                    return Err(wrong("has a `ca_file` that is empty, or \"redis\" in place of \"rediss\""));
                }
                "sentinel_username" if kind == Kind::Sentinels => &mut query.sentinel_username,
                "sentinel_password" if kind == Kind::Sentinels => &mut query.sentinel_password,
                _ => return Err(wrong(QUERY_ADVICE)),
            };
            *place = Some(value.into_owned());
        }
        Ok(query)
    }
}

/// The same server, known by these root certificates.
pub(super) fn trusting(
    info: &ConnectionInfo,
    certificates: Option<&TlsCertificates>,
) -> Result<ConnectionInfo, RedisError> {
    let Some(certificates) = certificates else { return Ok(info.clone()) };
    Ok(Client::build_with_tls(info.clone(), certificates.clone())?.get_connection_info().clone())
}

/// A server's address, as people write it.
pub(super) fn shown(info: &ConnectionInfo) -> String {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            }
        }
        other => other.to_string(),
    }
}

fn certificates_in(path: &Path) -> Result<TlsCertificates, RedisError> {
    let failed = |reason: String| {
        let text = format!("`ca_file` {} {reason}", path.display());
        RedisError::from(std::io::Error::other(text))
    };
    let unusable = |error: &dyn fmt::Display| {
        failed(format!("can't be used: {error}; it must hold certificates in PEM"))
    };
    let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| unusable(&error))?;
    if found.is_empty() {
        return Err(failed("holds no certificate; it must hold at least one in PEM".to_owned()));
    }
    Ok(TlsCertificates { client_tls: None, root_cert: Some(pem) })
}

fn wrong(reason: &str) -> RedisUrlError {
    RedisUrlError(reason.to_owned())
}

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        self.given == other.given
    }
}

impl Eq for RedisUrl {}

/// Without user, password and database.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

const QUERY_ADVICE: &str = "has after its \"?\" something else than key_prefix=NAME, ca_file=PATH, and for sentinels sentinel_username=NAME and sentinel_password=SECRET";

const PREFIX_ADVICE: &str =
    "has a `key_prefix` that is not 1 to 64 of A to Z, a to z, 0 to 9, \"-\", \"_\", \".\" and \":\"";

/// Braces would say which slot of a cluster keys are in, so only plain names are taken.
fn is_key_prefix(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
