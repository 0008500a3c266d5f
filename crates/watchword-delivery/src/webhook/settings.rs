//! The settings of a webhook, and what is wrong with them.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use watchword_core::delivery::ProviderId;

use crate::checks::{
    Shown, basic, check_max_conns, check_requestable, default_max_conns, http_timeout, http_url,
    take_credentials,
};
use crate::kind::{BuildError, Shared};
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

    pub(super) fn shown(&self) -> Shown<'_> {
        Shown {
            channel_name: self.channel_name.as_deref(),
            address_name: self.address_name.as_deref(),
            max_address_len: self.max_address_len,
            max_otp_len: self.max_otp_len,
        }
    }

    pub(super) fn check(&self, id: &ProviderId, shared: &Shared) -> Result<Checked, BuildError> {
        let mut url = http_url(id, self.url.expose())?;
        let authorization = self.authorization(id, shared, &mut url);
        check_requestable(id, "url", &url)?;
        check_max_conns(id, self.max_conns)?;
        let timeout = http_timeout(id, self.timeout)?;
        self.shown().check(id)?;
        Ok(Checked { url, authorization, timeout })
    }

    /// The credentials: the settings' own, else those in the URL, which is left without.
    fn authorization(&self, id: &ProviderId, shared: &Shared, url: &mut Url) -> Option<HeaderValue> {
        let in_url = take_credentials(url);
        let username = self.username.as_deref().filter(|name| !name.is_empty());
        let password = self.password.as_ref().map(Secret::expose).filter(|password| !password.is_empty());
        if let (Some(username), Some(password)) = (username, password) {
            return Some(basic(username.as_bytes(), password.as_bytes()));
        }
        if username.is_some() || password.is_some() {
            shared.warn(id, "BasicAuth needs `username` and `password`; one is missing, so neither is sent");
        }
        in_url
    }
}

/// Settings that can work.
pub(super) struct Checked {
    pub(super) url: Url,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) timeout: Duration,
}
