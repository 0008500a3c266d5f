//! What a webhook is posted. The order of the keys is part of the wire contract of otpgateway.

use serde::Serialize;
use serde_json::value::RawValue;
use watchword_core::ports::Outgoing;
use watchword_core::verification::State;

#[derive(Serialize)]
struct Payload<'a> {
    otp: Otp<'a>,
    subject: &'a str,
    body: &'a str,
}

#[derive(Serialize)]
struct Otp<'a> {
    namespace: &'a str,
    id: &'a str,
    to: &'a str,
    channel_description: &'a str,
    address_description: &'a str,
    extra: &'a RawValue,
    provider: &'a str,
    otp: &'a str,
    max_attempts: u32,
    attempts: u32,
    generate: u32,
    max_generate: u32,
    closed: bool,
    ttl: u64,
}

/// The body of the request.
///
/// `id` is the caller's own; a verification that has none is named by its vid. A limit that there is none of is 0.
///
/// # Errors
/// The attributes' `extra` is not JSON.
pub(super) fn encode(outgoing: &Outgoing<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let (verification, message) = (outgoing.verification, outgoing.message);
    let attributes = &verification.attributes;
    let vid;
    let id = match &verification.external_id {
        Some(id) => id.as_str(),
        None => {
            vid = verification.vid.to_string();
            &vid
        }
    };
    let payload = Payload {
        otp: Otp {
            namespace: verification.namespace.as_str(),
            id,
            to: &message.to,
            channel_description: &attributes.channel_description,
            address_description: &attributes.address_description,
            extra: serde_json::from_str(attributes.extra.as_deref().unwrap_or("{}"))?,
            provider: verification.route.as_str(),
            otp: message.passcode.expose(),
            max_attempts: verification.limits.max_attempts.unwrap_or(0),
            attempts: verification.attempts,
            generate: verification.sends,
            max_generate: verification.limits.max_sends.unwrap_or(0),
            closed: verification.state == State::Approved,
            ttl: message.ttl_seconds,
        },
        subject: &message.subject,
        body: &message.body,
    };
    serde_json::to_vec(&payload)
}
