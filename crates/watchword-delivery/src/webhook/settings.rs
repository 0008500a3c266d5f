//! The settings of a webhook, and what is wrong with them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use watchword_core::address::Channel;
use watchword_core::delivery::ProviderId;

use crate::kind::BuildError;
use crate::settings::{Secret, optional_duration};

/// Where a webhook is posted to. Names and defaults are otpgateway's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where messages are posted to: http or https, without a fragment.
    pub url: Secret,
    /// For BasicAuth, when the password is set too. Empty is unset.
    #[serde(default)]
    pub username: Option<String>,
    /// For BasicAuth, when the username is set too. Empty is unset.
    #[serde(default)]
    pub password: Option<Secret>,
    /// How long one try may take, redirects included: 3 s by default and where it is under 1 s, at most 5 min.
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// Messages posted at once: 1 to 10,000, by default 10.
    #[serde(default = "default_max_conns")]
    pub max_conns: usize,
    /// What people call the medium; by default the provider's name.
    #[serde(default)]
    pub channel_name: Option<String>,
    /// What people call an address of it; by default `Address`.
    #[serde(default)]
    pub address_name: Option<String>,
    /// Characters of an address at most, for the field it is typed into. 0 is no limit, as is none.
    #[serde(default)]
    pub max_address_len: Option<usize>,
    /// Digits of a generated passcode: at most 128, by default and where it is 0: 6.
    #[serde(default)]
    pub max_otp_len: Option<usize>,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
const LEAST_TIMEOUT: Duration = Duration::from_secs(1);
const MOST_TIMEOUT: Duration = Duration::from_mins(5);
const MOST_CONNECTIONS: usize = 10_000;
const MOST_PASSCODE_LENGTH: usize = 128;

const fn default_max_conns() -> usize {
    10
}

impl WebhookSettings {
    /// A webhook at this URL, all else by default.
    pub fn new(url: impl Into<Secret>) -> Self {
        Self {
            url: url.into(),
            username: None,
            password: None,
            timeout: None,
            max_conns: default_max_conns(),
            channel_name: None,
            address_name: None,
            max_address_len: None,
            max_otp_len: None,
        }
    }

    pub(super) fn check(&self, id: &ProviderId) -> Result<Checked, BuildError> {
        let wrong = |setting, problem| BuildError::Setting { provider: id.clone(), setting, problem };
        let mut url = Url::parse(self.url.expose()).map_err(|source| BuildError::Url {
            provider: id.clone(),
            setting: "url",
            source,
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("url", "must begin with http:// or https://"));
        }
        if url.fragment().is_some() {
            return Err(wrong("url", "must not have a fragment; remove the `#` and what follows"));
        }
        let authorization = self.authorization(id, &mut url);
        if http::Uri::try_from(url.as_str()).is_err() {
            return Err(wrong(
                "url",
                "has a host or path that can't be requested; percent-encode what is not a letter or digit",
            ));
        }
        if !(1..=MOST_CONNECTIONS).contains(&self.max_conns) {
            return Err(wrong("max_conns", "must be 1 to 10000"));
        }
        let timeout = self.timeout.filter(|timeout| *timeout >= LEAST_TIMEOUT).unwrap_or(DEFAULT_TIMEOUT);
        if timeout > MOST_TIMEOUT {
            return Err(wrong("timeout", "must be at most 5m"));
        }
        if self.channel_name.as_deref().is_some_and(|name| Channel::new(name).is_err()) {
            return Err(wrong(
                "channel_name",
                "must be one line of 1 to 64 bytes; leave it out to use the provider's name",
            ));
        }
        if self.max_otp_len.is_some_and(|length| length > MOST_PASSCODE_LENGTH) {
            return Err(wrong("max_otp_len", "must be at most 128"));
        }
        Ok(Checked { url, authorization, timeout })
    }

    /// The credentials: the settings' own, else those in the URL, which is left without.
    fn authorization(&self, id: &ProviderId, url: &mut Url) -> Option<HeaderValue> {
        let in_url = (url.username().to_owned(), url.password().map(str::to_owned));
        // Neither can fail: a URL with a host takes both.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let username = self.username.as_deref().filter(|name| !name.is_empty());
        let password = self.password.as_ref().map(Secret::expose).filter(|password| !password.is_empty());
        if let (Some(username), Some(password)) = (username, password) {
            return Some(basic(username.as_bytes(), password.as_bytes()));
        }
        if username.is_some() || password.is_some() {
            tracing::warn!(provider = %id, "BasicAuth needs `username` and `password`; one is missing, so neither is sent");
        }
        let (username, password) = in_url;
        if username.is_empty() && password.is_none() {
            return None;
        }
        let username: Vec<u8> = percent_decode_str(&username).collect();
        let password: Vec<u8> = percent_decode_str(password.as_deref().unwrap_or_default()).collect();
        Some(basic(&username, &password))
    }
}

/// Settings that can work.
pub(super) struct Checked {
    pub(super) url: Url,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) timeout: Duration,
}

/// RFC 7617, section 2.
fn basic(username: &[u8], password: &[u8]) -> HeaderValue {
    let pair = [username, b":", password].concat();
    #[expect(clippy::expect_used, reason = "the Base64 alphabet is printable ASCII")]
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).expect("a header value");
    value.set_sensitive(true);
    value
}
