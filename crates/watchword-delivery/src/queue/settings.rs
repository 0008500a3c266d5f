//! The settings of messages through Queue, and what is wrong with them.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use watchword_core::delivery::ProviderId;

use crate::checks::{
    base_url, check_max_conns, check_not_empty, default_max_conns, http_timeout, take_credentials, wrong,
};
use crate::kind::BuildError;
use crate::settings::{Secret, optional_duration};

/// A Queue, and the service that it hands messages on to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSettings {
    /// Where Queue is, without `/task`. It may hold credentials.
    pub url: Secret,
    /// Where Queue finds the service, without the path of the endpoint. It may hold credentials.
    pub service_url: Secret,
    /// Queue's worker for it.
    pub worker: String,
    /// What kind of service it is.
    pub sends: Sends,
    /// The `APP_TOKEN` of a service for Telegram. Empty is unset.
    #[serde(default)]
    pub app_token: Option<Secret>,
    /// How long one try may take: 3 s by default and where it is under 1 s, at most 5 min.
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// Messages handed over at once: 1 to 10,000, by default 10.
    #[serde(default = "default_max_conns")]
    pub max_conns: usize,
}

/// What a service behind Queue sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sends {
    /// Messages by SMS: perfumerlabs/sms.
    Sms,
    /// The passcode, read out by a robot: perfumerlabs/sms.
    Call,
    /// Mail: perfumerlabs/email.
    Email,
    /// Messages to chats of Telegram: 1flx/http-telegram-notify.
    Telegram,
}

impl Sends {
    /// The path of the endpoint (wire contract of perfumer, "Sending").
    const fn endpoint(self) -> &'static str {
        match self {
            Self::Sms => "/sms",
            Self::Call => "/call",
            Self::Email => "/smtp",
            Self::Telegram => "/msg",
        }
    }
}

/// Settings that can work.
pub(super) struct Checked {
    /// Without credentials.
    pub(super) url: Url,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) endpoint: Secret,
    pub(super) timeout: Duration,
}

impl QueueSettings {
    /// Settings with all that has a default left to it.
    pub fn new(url: impl Into<Secret>, service_url: impl Into<Secret>, worker: &str, sends: Sends) -> Self {
        Self {
            url: url.into(),
            service_url: service_url.into(),
            worker: worker.to_owned(),
            sends,
            app_token: None,
            timeout: None,
            max_conns: default_max_conns(),
        }
    }

    pub(super) fn check(&self, id: &ProviderId) -> Result<Checked, BuildError> {
        let mut url = base_url(id, "url", self.url.expose())?;
        let authorization = take_credentials(&mut url);
        if let Ok(mut path) = url.path_segments_mut() {
            // An `http` or `https` URL always has one.
            path.pop_if_empty().push("task");
        }
        let service = self.service_url.expose();
        base_url(id, "service_url", service)?;
        check_not_empty(id, "worker", &self.worker)?;
        if let Some(token) = &self.app_token
            && HeaderValue::from_str(token.expose()).is_err()
        {
            return Err(wrong(id, "app_token", "must be one line of printable ASCII"));
        }
        check_max_conns(id, self.max_conns)?;
        Ok(Checked {
            url,
            authorization,
            endpoint: format!("{}{}", service.trim_end_matches('/'), self.sends.endpoint()).into(),
            timeout: http_timeout(id, self.timeout)?,
        })
    }
}
