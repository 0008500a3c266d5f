//! The settings of a mail server, and what is wrong with them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio_rustls::TlsConnector;
use watchword_core::delivery::ProviderId;

use super::letter::to_ascii_domain;
use crate::kind::{BuildError, Shared};
use crate::settings::{Secret, optional_duration};
use crate::trust;

/// Which mail server carries messages, and how. Names and defaults are otpgateway's; `ca_file`, `hello_hostname` and
/// `idle_timeout` are our own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// The server's name or IP address. Its certificate must be for it.
    pub host: String,
    /// By default 587; 465 where `tls_type` is [`TlsType::Tls`], 25 where it is [`TlsType::None`].
    #[serde(default)]
    pub port: Option<u16>,
    /// How to sign in. Left out: not at all without a user name; with one, by what the server offers of PLAIN, LOGIN and
    /// CRAM-MD5, in this order.
    #[serde(default)]
    pub auth_protocol: Option<AuthProtocol>,
    /// Who signs in. Empty is unset.
    #[serde(default)]
    pub username: Option<String>,
    /// With what. Empty is unset.
    #[serde(default)]
    pub password: Option<Secret>,
    /// How the connection is secured.
    #[serde(default)]
    pub tls_type: TlsType,
    /// Takes any certificate, also a stranger's: passcodes and password are then open to whoever sits in between.
    #[serde(default)]
    pub tls_skip_verify: bool,
    /// A file of root certificates (PEM) to trust besides the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The sender: `a@example.com` or `Name <a@example.com>`.
    #[serde(default = "default_sender")]
    pub from_email: String,
    /// What we call ourselves to the server: a host name or an IP address. By default this machine's name.
    #[serde(default)]
    pub hello_hostname: Option<String>,
    /// Connections at most, each carrying one message at a time: 1 to 10,000, by default 10.
    #[serde(default = "default_max_conns")]
    pub max_conns: usize,
    /// How long one try may take, connecting included: by default 5 s, 2 s where it is under 1 s, at most 5 min.
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// How long an unused connection is kept: 1 s to 10 min, by default 15 s.
    #[serde(default, deserialize_with = "optional_duration")]
    pub idle_timeout: Option<Duration>,
}

/// How to sign in to a mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum AuthProtocol {
    /// LOGIN: the password as it is, in an older way than PLAIN.
    #[serde(rename = "login")]
    Login,
    /// CRAM-MD5 (RFC 2195): the password itself is not sent.
    #[serde(rename = "cram")]
    Cram,
    /// PLAIN (RFC 4616): the password as it is.
    #[serde(rename = "plain")]
    Plain,
    /// Not at all.
    #[serde(rename = "none", alias = "")]
    None,
}

/// How a connection to a mail server is secured. There is no "TLS where it can be had": who sits in between could take it away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TlsType {
    /// Not at all: for a server on this machine.
    #[serde(rename = "none")]
    None,
    /// TLS from the first byte (RFC 8314).
    #[serde(rename = "TLS", alias = "tls")]
    Tls,
    /// Clear text until both sides agree on TLS (RFC 3207); a server without it gets nothing.
    #[default]
    #[serde(rename = "STARTTLS", alias = "starttls", alias = "")]
    StartTls,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT_FOR_TOO_SHORT: Duration = Duration::from_secs(2);
const LEAST_TIMEOUT: Duration = Duration::from_secs(1);
const MOST_TIMEOUT: Duration = Duration::from_mins(5);
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
const IDLE_TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(10);
const MOST_CONNECTIONS: usize = 10_000;

fn default_sender() -> String {
    "otp@localhost".to_owned()
}

const fn default_max_conns() -> usize {
    10
}

/// A server that can be asked.
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) sign_in: Option<SignIn>,
    pub(super) hello: ClientId,
}

/// What makes a connection secure.
pub(super) enum Security {
    None,
    Tls(TlsConnector, ServerName<'static>),
    StartTls(TlsConnector, ServerName<'static>),
}

/// How to sign in, and as whom.
pub(super) struct SignIn {
    /// `None`: as the server offers.
    pub(super) protocol: Option<AuthProtocol>,
    pub(super) username: String,
    pub(super) password: Secret,
}

/// Settings that can work.
pub(super) struct Checked {
    pub(super) endpoint: Endpoint,
    pub(super) sender: Mailbox,
    pub(super) timeout: Duration,
    pub(super) idle_timeout: Duration,
}

impl SmtpSettings {
    /// That server, all else by default.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: None,
            auth_protocol: None,
            username: None,
            password: None,
            tls_type: TlsType::default(),
            tls_skip_verify: false,
            ca_file: None,
            from_email: default_sender(),
            hello_hostname: None,
            max_conns: default_max_conns(),
            timeout: None,
            idle_timeout: None,
        }
    }

    pub(super) fn check(&self, id: &ProviderId, shared: &Shared) -> Result<Checked, BuildError> {
        let wrong = |setting, problem| BuildError::Setting { provider: id.clone(), setting, problem };
        let name = ServerName::try_from(self.host.clone()).map_err(|_| {
            wrong("host", "must be a host name or an IP address, without scheme, port and brackets")
        })?;
        if self.port == Some(0) {
            return Err(wrong("port", "must be 1 to 65535; leave it out to use the usual one"));
        }
        if !(1..=MOST_CONNECTIONS).contains(&self.max_conns) {
            return Err(wrong("max_conns", "must be 1 to 10000"));
        }
        let timeout = match self.timeout {
            None => DEFAULT_TIMEOUT,
            Some(short) if short < LEAST_TIMEOUT => TIMEOUT_FOR_TOO_SHORT,
            Some(timeout) => timeout,
        };
        if timeout > MOST_TIMEOUT {
            return Err(wrong("timeout", "must be at most 5m"));
        }
        let idle_timeout = self.idle_timeout.unwrap_or(DEFAULT_IDLE_TIMEOUT);
        if !IDLE_TIMEOUTS.contains(&idle_timeout) {
            return Err(wrong("idle_timeout", "must be 1s to 10m"));
        }
        let sender = sender(&self.from_email).ok_or_else(|| {
            wrong(
                "from_email",
                "must be an e-mail address, like otp@example.com or \"Name <otp@example.com>\"",
            )
        })?;
        let hello = match self.hello_hostname.as_deref().filter(|name| !name.is_empty()) {
            None => ClientId::default(),
            Some(name) => client_id(name)
                .ok_or_else(|| wrong("hello_hostname", "must be a host name or an IP address"))?,
        };
        let sign_in = self.sign_in(id, shared)?;
        let security = self.security(id, name)?;
        self.warn_of_risks(id, shared, sign_in.is_some());
        let port = self.port.unwrap_or(match self.tls_type {
            TlsType::None => 25,
            TlsType::Tls => 465,
            TlsType::StartTls => 587,
        });
        let endpoint = Endpoint { host: self.host.clone(), port, security, sign_in, hello };
        Ok(Checked { endpoint, sender, timeout, idle_timeout })
    }

    fn sign_in(&self, id: &ProviderId, shared: &Shared) -> Result<Option<SignIn>, BuildError> {
        let wrong = |setting, problem| BuildError::Setting { provider: id.clone(), setting, problem };
        let username = self.username.as_deref().filter(|name| !name.is_empty());
        let password = self.password.as_ref().filter(|password| !password.expose().is_empty());
        match (self.auth_protocol, username) {
            (Some(AuthProtocol::None), Some(_)) => {
                shared.warn(id, "`auth_protocol` is none, so `username` and `password` are not used");
                return Ok(None);
            }
            (None | Some(AuthProtocol::None), None) => {
                if password.is_some() {
                    shared.warn(id, "`password` without `username` is not used");
                }
                return Ok(None);
            }
            _ => {}
        }
        let username = username.ok_or_else(|| {
            wrong("username", "is needed to sign in; set it, or set `auth_protocol` to \"none\"")
        })?;
        let password = password.ok_or_else(|| {
            wrong("password", "is needed to sign in; set it, or set `auth_protocol` to \"none\"")
        })?;
        if [username, password.expose()].iter().any(|text| text.contains('\0')) {
            return Err(wrong("password", "and `username` must not hold a zero byte"));
        }
        Ok(Some(SignIn {
            protocol: self.auth_protocol,
            username: username.to_owned(),
            password: password.clone(),
        }))
    }

    fn security(&self, id: &ProviderId, name: ServerName<'static>) -> Result<Security, BuildError> {
        let connector = || {
            trust::connector(self.ca_file.as_deref(), self.tls_skip_verify)
                .map_err(|source| BuildError::Trust { provider: id.clone(), source })
        };
        Ok(match self.tls_type {
            TlsType::None => Security::None,
            TlsType::Tls => Security::Tls(connector()?, name),
            TlsType::StartTls => Security::StartTls(connector()?, name),
        })
    }

    fn warn_of_risks(&self, id: &ProviderId, shared: &Shared, signs_in: bool) {
        let local = self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if self.tls_type == TlsType::None && signs_in && !local {
            shared.warn(
                id,
                "`tls_type` is none: the password crosses the network unencrypted; use STARTTLS or TLS",
            );
        }
        if self.tls_type != TlsType::None && self.tls_skip_verify {
            shared.warn(id, "`tls_skip_verify` is on: anybody in between can read passcodes and password; use `ca_file` instead");
        }
    }
}

/// The sender, its domain as it is on the wire.
fn sender(text: &str) -> Option<Mailbox> {
    if text.contains(char::is_control) {
        return None;
    }
    let mailbox: Mailbox = text.trim().parse().ok()?;
    let email = to_ascii_domain(&mailbox.email).filter(|email| email.user().is_ascii())?;
    Some(Mailbox::new(mailbox.name, email))
}

fn client_id(name: &str) -> Option<ClientId> {
    match name.parse() {
        Ok(IpAddr::V4(ip)) => Some(ClientId::Ipv4(ip)),
        Ok(IpAddr::V6(ip)) => Some(ClientId::Ipv6(ip)),
        Err(_) => {
            let is_name =
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
            (is_name && name.len() <= 253).then(|| ClientId::Domain(name.to_owned()))
        }
    }
}
