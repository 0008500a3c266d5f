//! The request of one message, signed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Url};
use serde::Serialize;
use tracing::subscriber::NoSubscriber;
use watchword_core::ports::Outgoing;
use watchword_core::time::Timestamp;

use super::settings::{Checked, MessageType, PinpointSmsSettings};
use crate::{phone, plain_text};

/// The service's name in signatures.
const SIGNING_NAME: &str = "sms-voice";

/// What `TimeToLive` may be, in seconds.
const TIME_TO_LIVE: (u64, u64) = (5, 259_200);

/// What `DestinationPhoneNumber` may be: digits, the first one not 0.
const NUMBER_DIGITS: std::ops::RangeInclusive<usize> = 2..=19;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// The operation's parameters.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendTextMessage<'a> {
    destination_phone_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    origination_identity: Option<&'a str>,
    message_body: &'a str,
    message_type: MessageType,
    time_to_live: u64,
    context: Context<'a>,
    #[serde(skip_serializing_if = "CountryParameters::is_empty")]
    destination_country_parameters: CountryParameters<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    delivery: &'a str,
}

/// What India's registry demands.
#[derive(Serialize)]
struct CountryParameters<'a> {
    #[serde(rename = "IN_ENTITY_ID", skip_serializing_if = "Option::is_none")]
    entity_id: Option<&'a str>,
    #[serde(rename = "IN_TEMPLATE_ID", skip_serializing_if = "Option::is_none")]
    template_id: Option<&'a str>,
}

impl CountryParameters<'_> {
    const fn is_empty(&self) -> bool {
        self.entity_id.is_none() && self.template_id.is_none()
    }
}

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// The address holds no telephone number.
    NoNumber,
    /// It can't be signed. Settings that were checked don't come to this.
    Unsigned,
}

/// What all requests have in common.
pub(super) struct Plan {
    endpoint: Url,
    headers: HeaderMap,
    region: String,
    credentials: Credentials,
    sender: Option<String>,
    entity_id: Option<String>,
    template_id: Option<String>,
    message_type: MessageType,
    default_phone_code: String,
}

impl Plan {
    pub(super) fn new(settings: &PinpointSmsSettings, checked: Checked) -> Self {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let user_agent = concat!("watchword/", env!("CARGO_PKG_VERSION"));
        let (access_key, secret_key) = (settings.access_key.expose(), settings.secret_key.expose());
        Self {
            endpoint: checked.endpoint,
            headers: HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0")),
                (TARGET, HeaderValue::from_static("PinpointSMSVoiceV2.SendTextMessage")),
                (USER_AGENT, HeaderValue::from_static(user_agent)),
            ]),
            region: settings.region.clone(),
            credentials: Credentials::new(access_key, secret_key, None, None, "watchword"),
            sender: text(&settings.sms_sender_id),
            entity_id: text(&settings.sms_entity_id),
            template_id: text(&settings.sms_template_id),
            message_type: settings.sms_message_type,
            default_phone_code: settings.default_phone_code.as_deref().unwrap_or_default().trim().to_owned(),
        }
    }

    pub(super) const fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// The request for a message, signed at `now`.
    pub(super) fn request(&self, outgoing: &Outgoing<'_>, now: Timestamp) -> Result<Request, Unsent> {
        let message = outgoing.message;
        let number = number(&message.to, &self.default_phone_code).ok_or(Unsent::NoNumber)?;
        let left = now.until(outgoing.verification.expires_at).as_secs();
        let parameters = SendTextMessage {
            destination_phone_number: &number,
            origination_identity: self.sender.as_deref(),
            message_body: &plain_text::of(message),
            message_type: self.message_type,
            time_to_live: left.clamp(TIME_TO_LIVE.0, TIME_TO_LIVE.1),
            context: Context { delivery: &outgoing.delivery.id.to_string() },
            destination_country_parameters: CountryParameters {
                entity_id: self.entity_id.as_deref(),
                template_id: self.template_id.as_deref(),
            },
        };
        let body = serde_json::to_vec(&parameters).map_err(|_| Unsent::Unsigned)?;
        let mut request = Request::new(Method::POST, self.endpoint.clone());
        request.headers_mut().clone_from(&self.headers);
        self.sign(&mut request, &body, now).map_err(|_| Unsent::Unsigned)?;
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    /// Adds the date and the signature (AWS Signature Version 4).
    fn sign(&self, request: &mut Request, body: &[u8], now: Timestamp) -> Result<(), SigningFailed> {
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SIGNING_NAME)
            .time(system_time(now))
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable =
            SignableRequest::new("POST", self.endpoint.as_str(), headers, SignableBody::Bytes(body))?;
        // Its traces hold a plain hash of the body, and with that the passcode: there are not many to try.
        let signed = tracing::subscriber::with_default(NoSubscriber::new(), || sign(signable, &parameters));
        for header in signed?.into_parts().0.into_parts().0 {
            let mut value = HeaderValue::try_from(header.value())?;
            value.set_sensitive(true);
            request.headers_mut().insert(HeaderName::from_static(header.name()), value);
        }
        Ok(())
    }
}

/// Why there is no signature. Nobody needs to know more: its causes are settings that were checked.
struct SigningFailed;

impl From<v4::signing_params::BuildError> for SigningFailed {
    fn from(_: v4::signing_params::BuildError) -> Self {
        Self
    }
}

impl From<SigningError> for SigningFailed {
    fn from(_: SigningError) -> Self {
        Self
    }
}

impl From<reqwest::header::InvalidHeaderValue> for SigningFailed {
    fn from(_: reqwest::header::InvalidHeaderValue) -> Self {
        Self
    }
}

/// The number as the service takes it: `+` where it has one, and digits. `None`: it is none that the service would take.
fn number(given: &str, default_code: &str) -> Option<String> {
    if !given.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = phone::international(given, default_code);
    let plus = if number.starts_with('+') { "+" } else { "" };
    let digits = number.chars().filter(char::is_ascii_digit);
    let number: String = plus.chars().chain(digits).collect();
    let digits = &number[plus.len()..];
    (NUMBER_DIGITS.contains(&digits.len()) && !digits.starts_with('0')).then_some(number)
}

fn system_time(now: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_the_service_takes_it() {
        for (given, code, expected) in [
            ("+919876543210", "+44", Some("+919876543210")),
            (" +91 98765-43210 ", "", Some("+919876543210")),
            ("0091 (98765) 43210", "+44", Some("+919876543210")),
            ("98765 43210", "+91", Some("+919876543210")),
            ("98765 43210", "91", Some("919876543210")),
            ("919876543210", "", Some("919876543210")),
            ("0 98765 43210", "", None),
            ("+0 98765 43210", "", None),
            ("nobody", "+91", None),
            ("nobody", "", None),
            ("", "", None),
            ("12345678901234567890", "", None),
        ] {
            assert_eq!(number(given, code).as_deref(), expected, "{given:?} {code:?}");
        }
    }
}
