//! A record: its topic, headers and value (wire contract of egov, user-otp). The keys keep the order that they have here.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use watchword_core::delivery::Message;
use watchword_core::time::Timestamp;

use super::settings::{Sends, is_topic};
use crate::plain_text;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sms<'a> {
    mobile_number: &'a str,
    message: Cow<'a, str>,
    category: &'static str,
    /// In milliseconds since 1970.
    expiry_time: i64,
    country_code: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mail<'a> {
    request_info: RequestInfo,
    email: Email<'a>,
}

/// Who asked, which nobody says here.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestInfo {
    api_id: (),
    ver: (),
    ts: (),
    action: (),
    did: (),
    key: (),
    msg_id: (),
    auth_token: (),
    correlation_id: (),
    plain_access_request: (),
    user_info: (),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Email<'a> {
    email_to: [&'a str; 1],
    subject: &'a str,
    body: &'a str,
}

/// What the caller said of the message, by the names of its dialect.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Given<'a> {
    #[serde(borrow, default)]
    tenant_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    country_code: Option<Cow<'a, str>>,
}

impl<'a> Given<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        message.given.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The topic, with that part of the tenant before it. `None`: a topic can't have that name.
    pub(super) fn topic<'t>(&self, topic: &'t str, prefix_part: Option<usize>) -> Option<Cow<'t, str>> {
        let tenant = self.tenant_id.as_deref().filter(|tenant| !tenant.is_empty());
        let (Some(part), Some(tenant)) = (prefix_part, tenant) else { return Some(Cow::Borrowed(topic)) };
        let last = tenant.split('.').count() - 1;
        let prefix = tenant.split('.').nth(part.min(last)).unwrap_or_default();
        let topic = format!("{prefix}-{topic}");
        (!prefix.is_empty() && is_topic(&topic)).then_some(Cow::Owned(topic))
    }

    /// The record's value.
    pub(super) fn value(&self, sends: Sends, message: &Message, expires_at: Timestamp) -> Vec<u8> {
        let value = match sends {
            Sends::Sms => serde_json::to_vec(&Sms {
                mobile_number: &message.to,
                message: plain_text::of(message),
                category: "OTP",
                expiry_time: expires_at.as_millis(),
                country_code: self.country_code.as_deref(),
            }),
            Sends::Email => serde_json::to_vec(&Mail {
                request_info: RequestInfo::default(),
                email: Email { email_to: [&message.to], subject: &message.subject, body: &message.body },
            }),
        };
        #[expect(clippy::expect_used, reason = "strings and numbers always serialize, and a Vec takes them")]
        value.expect("a record of strings")
    }
}

/// The class that Spring's consumers read a value as: the header `__TypeId__`.
pub(super) const fn type_id(sends: Sends) -> &'static str {
    match sends {
        Sends::Sms => "org.egov.persistence.contract.SMSRequest",
        Sends::Email => "org.egov.persistence.contract.EmailRequest",
    }
}
