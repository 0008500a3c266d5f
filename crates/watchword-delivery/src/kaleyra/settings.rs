//! The settings of messages through Kaleyra, and what is wrong with them.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use watchword_core::delivery::ProviderId;

use crate::checks::{
    check_max_conns, check_not_empty, check_requestable, default_max_conns, http_timeout, service_url, wrong,
};
use crate::kind::BuildError;
use crate::settings::{Secret, optional_duration};

/// Where Kaleyra is, for accounts of every region.
const BASE_URL: &str = "https://api.kaleyra.io";

/// An account that sends by SMS. Names and defaults are otpgateway's; `base_url` is ours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KaleyraSmsSettings {
    /// The account's key.
    pub api_key: Secret,
    /// The account's SID.
    pub sid: String,
    /// The sender id that people see.
    pub sender: String,
    /// The entity id that India's registry gave. Empty is unset.
    #[serde(default)]
    pub sms_entity_id: Option<String>,
    /// The id of the message's template in India's registry. Empty is unset.
    #[serde(default)]
    pub sms_template_id: Option<String>,
    /// Put before numbers that begin with neither `+` nor `00`, as it is.
    #[serde(default)]
    pub default_phone_code: Option<String>,
    /// Where Kaleyra is: `https://api.kaleyra.io` by default.
    #[serde(default)]
    pub base_url: Option<String>,
    /// How long one try may take: 3 s by default and where it is under 1 s, at most 5 min.
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// Messages sent at once: 1 to 10,000, by default 10.
    #[serde(default = "default_max_conns")]
    pub max_conns: usize,
}

/// An account that sends by WhatsApp. Names and defaults are otpgateway's; `base_url` is ours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KaleyraWhatsappSettings {
    /// The account's key.
    pub api_key: Secret,
    /// The account's SID.
    pub sid: String,
    /// The number that messages come from.
    pub sender: String,
    /// The authentication template, as WhatsApp has approved it.
    pub template_name: String,
    /// Put before numbers that begin with neither `+` nor `00`, as it is.
    #[serde(default)]
    pub default_phone_code: Option<String>,
    /// Where Kaleyra is: `https://api.kaleyra.io` by default.
    #[serde(default)]
    pub base_url: Option<String>,
    /// How long one try may take: 3 s by default and where it is under 1 s, at most 5 min.
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// Messages sent at once: 1 to 10,000, by default 10.
    #[serde(default = "default_max_conns")]
    pub max_conns: usize,
}

/// Settings that can work, of what both kinds have.
pub(super) struct Checked {
    pub(super) url: Url,
    pub(super) api_key: HeaderValue,
    pub(super) default_phone_code: String,
    pub(super) timeout: Duration,
    pub(super) max_concurrent: usize,
}

/// What both kinds have.
struct Account<'a> {
    api_key: &'a Secret,
    sid: &'a str,
    sender: &'a str,
    default_phone_code: Option<&'a str>,
    base_url: Option<&'a str>,
    timeout: Option<Duration>,
    max_conns: usize,
}

impl KaleyraSmsSettings {
    pub(super) fn check(&self, id: &ProviderId) -> Result<Checked, BuildError> {
        let account = Account {
            api_key: &self.api_key,
            sid: &self.sid,
            sender: &self.sender,
            default_phone_code: self.default_phone_code.as_deref(),
            base_url: self.base_url.as_deref(),
            timeout: self.timeout,
            max_conns: self.max_conns,
        };
        account.check(id)
    }
}

impl KaleyraWhatsappSettings {
    pub(super) fn check(&self, id: &ProviderId) -> Result<Checked, BuildError> {
        check_not_empty(id, "template_name", &self.template_name)?;
        let account = Account {
            api_key: &self.api_key,
            sid: &self.sid,
            sender: &self.sender,
            default_phone_code: self.default_phone_code.as_deref(),
            base_url: self.base_url.as_deref(),
            timeout: self.timeout,
            max_conns: self.max_conns,
        };
        account.check(id)
    }
}

impl Account<'_> {
    fn check(self, id: &ProviderId) -> Result<Checked, BuildError> {
        for (setting, text) in
            [("api_key", self.api_key.expose()), ("sid", self.sid), ("sender", self.sender)]
        {
            check_not_empty(id, setting, text)?;
        }
        if !self.sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(wrong(id, "sid", "must be letters and digits, like HXIN1700000000IN"));
        }
        let mut api_key = HeaderValue::from_bytes(self.api_key.expose().as_bytes())
            .map_err(|_| wrong(id, "api_key", "must be one line without control characters"))?;
        api_key.set_sensitive(true);
        let mut url =
            service_url(id, "base_url", self.base_url.filter(|url| !url.is_empty()).unwrap_or(BASE_URL))?;
        if let Ok(mut path) = url.path_segments_mut() {
            // An `http` or `https` URL always has one.
            path.pop_if_empty().extend(["v1", self.sid, "messages"]);
        }
        check_requestable(id, "base_url", &url)?;
        check_max_conns(id, self.max_conns)?;
        Ok(Checked {
            url,
            api_key,
            default_phone_code: self.default_phone_code.unwrap_or_default().trim().to_owned(),
            timeout: http_timeout(id, self.timeout)?,
            max_concurrent: self.max_conns,
        })
    }
}
