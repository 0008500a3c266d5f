//! The URLs that name a Redis store.

use std::fmt;

use ::redis::{ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion};
use thiserror::Error;

/// Where a Redis store is: one server, or the nodes of a cluster to begin with.
///
/// | URL | names |
/// |---|---|
/// | `redis://HOST:PORT/DB` | one server |
/// | `rediss://HOST:PORT/DB` | one server, over TLS |
/// | `redis+cluster://HOST:PORT,HOST:PORT` | a cluster; one node is enough to find the others |
/// | `rediss+cluster://HOST:PORT,HOST:PORT` | a cluster, over TLS |
///
/// `USER:PASSWORD@` may stand before the hosts, percent-encoded; it is never shown. `?key_prefix=NAME` may stand at the end: what all
/// keys begin with, for installations that share a server.
#[derive(Clone)]
pub struct RedisUrl {
    pub(super) place: Place,
    pub(super) key_prefix: Option<String>,
    given: String,
    shown: String,
}

#[derive(Clone)]
pub(super) enum Place {
    One(Box<ConnectionInfo>),
    Cluster(Vec<ConnectionInfo>),
}

/// A URL that names no Redis store. The text never shows the URL, for a password may be in it.
#[derive(Clone, Debug, Error)]
#[error("{0}; write it like \"redis://127.0.0.1:6379/0\" or \"redis+cluster://10.0.0.1:6379,10.0.0.2:6379\"")]
pub struct RedisUrlError(String);

impl RedisUrl {
    /// Reads one.
    ///
    /// # Errors
    /// It names no Redis store.
    pub fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let wrong = |reason: &str| RedisUrlError(reason.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("has no \"://\""))?;
        let (scheme, is_cluster) = match scheme {
            "redis" | "rediss" => (scheme, false),
            "redis+cluster" => ("redis", true),
            "rediss+cluster" => ("rediss", true),
            _ => return Err(wrong("is none of Redis's schemes")),
        };
        let (rest, key_prefix) = match rest.split_once('?') {
            None => (rest, None),
            Some((rest, query)) => (rest, Some(key_prefix_of(query).ok_or_else(|| wrong(PREFIX_ADVICE))?)),
        };
        let (credentials, hosts) =
            rest.rsplit_once('@').map_or(("", rest), |(before, hosts)| (before, hosts));
        let at = if rest.contains('@') { "@" } else { "" };
        let node = |host: &str| {
            if host.contains('#') {
                return Err(wrong("has a \"#\""));
            }
            let url = format!("{scheme}://{credentials}{at}{host}");
            let info = url.into_connection_info().map_err(|error| RedisUrlError(error.to_string()))?;
            let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
            Ok(info.set_redis_settings(settings))
        };
        let shown = |infos: &[ConnectionInfo]| {
            infos.iter().map(|info| info.addr().to_string()).collect::<Vec<_>>().join(",")
        };
        if !is_cluster {
            let info = node(hosts)?;
            let shown = format!("{scheme}://{}", shown(std::slice::from_ref(&info)));
            return Ok(Self { place: Place::One(Box::new(info)), key_prefix, given: text.to_owned(), shown });
        }
        let hosts = hosts.trim_end_matches('/');
        if hosts.contains('/') {
            return Err(wrong("names a database, and a cluster has only one"));
        }
        let infos = hosts.split(',').map(node).collect::<Result<Vec<_>, _>>()?;
        let shown = format!("{scheme}+cluster://{}", shown(&infos));
        Ok(Self { place: Place::Cluster(infos), key_prefix, given: text.to_owned(), shown })
    }

    pub(super) fn uses_tls(&self) -> bool {
        self.shown.starts_with("rediss")
    }
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

const PREFIX_ADVICE: &str = "has after its \"?\" something else than key_prefix=NAME, the name of 1 to 64 of A to Z, a to z, 0 to 9, \"-\", \"_\", \".\" and \":\"";

/// Braces would say which slot of a cluster keys are in, so only plain names are taken.
fn key_prefix_of(query: &str) -> Option<String> {
    let name = query.strip_prefix("key_prefix=")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    ((1..=64).contains(&name.len()) && name.bytes().all(is_plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_by_its_hosts_alone() {
        for (url, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379"),
            ("rediss://user:s3cret@db.example:6380/2", "rediss://db.example:6380"),
            ("redis://:s3c%40ret@db.example/0", "redis://db.example:6379"),
            ("redis+cluster://:s3cret@one:1,two:2", "redis+cluster://one:1,two:2"),
            ("rediss+cluster://one:1/", "rediss+cluster://one:1"),
            ("redis://:s3cret@one:1/3?key_prefix=OTP", "redis://one:1"),
        ] {
            let parsed = RedisUrl::parse(url).unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert!(!format!("{parsed:?}").contains("s3c"));
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_shown() {
        for url in [
            "redis",
            "redis:127.0.0.1",
            "http://s3cret@one",
            "redis://:s3cret@one:port",
            "redis://:s3cret@one/name",
            "rediss://:s3cret@one/#insecure",
            "redis+cluster://:s3cret@one:1,two:2/3",
            "redis+cluster://:s3cret@one:1,,two:2",
            "redis://:s3cret@one:1?key_prefix={a}",
            "redis://:s3cret@one:1?timeout=1",
        ] {
            let error = RedisUrl::parse(url).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
