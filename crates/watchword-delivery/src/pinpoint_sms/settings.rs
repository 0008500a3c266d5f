//! The settings of SMS through AWS, and what is wrong with them.

use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use watchword_core::delivery::ProviderId;

use crate::checks::{
    check_max_conns, check_not_empty, check_requestable, default_max_conns, http_timeout, service_url, wrong,
};
use crate::kind::{BuildError, Shared};
use crate::settings::{Secret, optional_duration};

/// Bytes of the name of a region. The longest today has 14.
const REGION_BYTES: usize = 32;

/// Bytes of what identifies a sender: a number, a sender id, a pool, or the ARN of one.
const SENDER_BYTES: usize = 256;

/// Bytes of an id in India's registry.
const COUNTRY_PARAMETER_BYTES: usize = 64;

/// An AWS account, and what messages say about themselves. Names and defaults are otpgateway's; `endpoint` is ours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinpointSmsSettings {
    /// The project of Amazon Pinpoint. It has no effect any more.
    #[serde(default)]
    pub application_id: Option<String>,
    /// The id of the access key.
    pub access_key: Secret,
    /// The access key's secret.
    pub secret_key: Secret,
    /// The region: `ap-south-1`.
    pub region: String,
    /// Where messages come from: a number, a sender id, a pool, or the ARN of one. Empty is unset: AWS chooses.
    #[serde(default)]
    pub sms_sender_id: Option<String>,
    /// The entity id that India's registry gave. Empty is unset.
    #[serde(default)]
    pub sms_entity_id: Option<String>,
    /// The id of the message's template in India's registry. Empty is unset.
    #[serde(default)]
    pub sms_template_id: Option<String>,
    /// How the network is to treat messages.
    #[serde(default)]
    pub sms_message_type: MessageType,
    /// Put before numbers that begin with neither `+` nor `00`, as it is.
    #[serde(default)]
    pub default_phone_code: Option<String>,
    /// Where the service is; by default its public address in the region.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// How long one try may take: 3 s by default and where it is under 1 s, at most 5 min.
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// Messages sent at once: 1 to 10,000, by default 10.
    #[serde(default = "default_max_conns")]
    pub max_conns: usize,
}

/// How the network is to treat messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MessageType {
    /// As critical ones, such as passcodes.
    #[default]
    Transactional,
    /// As advertising.
    Promotional,
}

/// Settings that can work.
pub(super) struct Checked {
    pub(super) endpoint: Url,
    pub(super) timeout: Duration,
}

impl PinpointSmsSettings {
    pub(super) fn check(&self, id: &ProviderId, shared: &Shared) -> Result<Checked, BuildError> {
        if self.application_id.as_ref().is_some_and(|id| !id.is_empty()) {
            shared.warn(id, "`application_id` has no effect: Amazon Pinpoint has ended, and AWS End User Messaging knows no projects; remove it");
        }
        for (setting, key) in [("access_key", &self.access_key), ("secret_key", &self.secret_key)] {
            check_not_empty(id, setting, key.expose())?;
        }
        if !self.access_key.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(wrong(id, "access_key", "must be letters and digits, like AKIAIOSFODNN7EXAMPLE"));
        }
        let is_region = (1..=REGION_BYTES).contains(&self.region.len())
            && self
                .region
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_region {
            return Err(wrong(id, "region", "must be the name of a region, like ap-south-1"));
        }
        let is_sender = |byte: u8| byte.is_ascii_alphanumeric() || b"_:/+-".contains(&byte);
        let sender = self.sms_sender_id.as_deref().unwrap_or_default();
        if sender.len() > SENDER_BYTES || !sender.bytes().all(is_sender) {
            return Err(wrong(
                id,
                "sms_sender_id",
                "must be a number, a sender id, a pool, or the ARN of one",
            ));
        }
        for (setting, text) in
            [("sms_entity_id", &self.sms_entity_id), ("sms_template_id", &self.sms_template_id)]
        {
            let text = text.as_deref().unwrap_or_default();
            if text.len() > COUNTRY_PARAMETER_BYTES || text.contains(char::is_whitespace) {
                return Err(wrong(id, setting, "must be one word of at most 64 bytes"));
            }
        }
        check_max_conns(id, self.max_conns)?;
        let endpoint = match self.endpoint.as_deref().filter(|url| !url.is_empty()) {
            Some(endpoint) => service_url(id, "endpoint", endpoint)?,
            None => service_url(id, "region", &public_endpoint(&self.region))?,
        };
        check_requestable(id, "endpoint", &endpoint)?;
        Ok(Checked { endpoint, timeout: http_timeout(id, self.timeout)? })
    }
}

/// Where AWS runs the service for everybody.
fn public_endpoint(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sms-voice.{region}.{suffix}")
}
