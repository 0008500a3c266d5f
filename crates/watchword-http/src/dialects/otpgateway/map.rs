//! From parameters to engine calls, and from verifications to replies.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use watchword_core::address::Address;
use watchword_core::delivery::DeliveryMode;
use watchword_core::engine::{CheckBy, CheckRequest, PasscodeSource, StartRequest};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Passcode;
use watchword_core::ports::OnLive;
use watchword_core::time::Timestamp;
use watchword_core::verification::{Attributes, ExternalId, Limits, OnRight, State, Verification};

use super::extra::{self, ExtraError};
use super::parameters::{Name, Parameters};
use super::refusal::{InputError, Refusal};
use super::settings::{OtpgatewaySettings, ProviderProfile};
use super::wire::{Locked, Otp};
use crate::form::decode_segment;

/// The longest TTL, in seconds: a year.
const MAX_TTL: u32 = 31_536_000;
/// The largest `max_attempts` and `max_generate`.
const MAX_COUNT: u32 = 1_000_000;
/// Bytes of a caller's own passcode.
pub(super) const MAX_OTP_BYTES: usize = 128;
/// Bytes of a description.
const MAX_DESCRIPTION_BYTES: usize = 1_024;
/// Bytes of an id, at least.
const MIN_ID_BYTES: usize = 6;

/// The id of a path's segment, which is percent-encoded. `too_short` is what this call says to a short one.
pub(super) fn external_id(segment: &str, too_short: InputError) -> Result<ExternalId, Refusal> {
    let id = decode_segment(segment).map_err(|_| InputError::Value("id"))?;
    if id.len() < MIN_ID_BYTES {
        return Err(too_short.into());
    }
    Ok(ExternalId::new(&id)?)
}

/// A PUT, once its provider is known. Errors come in the order of the wire contract.
pub(super) fn put(
    parameters: &Parameters<'_>,
    profile: &ProviderProfile,
    settings: &OtpgatewaySettings,
    namespace: Namespace,
    external_id: ExternalId,
    mode: DeliveryMode,
) -> Result<StartRequest, Refusal> {
    let address = match parameters.line(Name::To, Address::MAX_BYTES)? {
        "" => None,
        to => Some(address(to, profile)?),
    };
    let channel_description = parameters.line(Name::ChannelDescription, MAX_DESCRIPTION_BYTES)?.to_owned();
    let address_description = parameters.line(Name::AddressDescription, MAX_DESCRIPTION_BYTES)?.to_owned();
    let passcode = match parameters.line(Name::Otp, MAX_OTP_BYTES)? {
        "" => PasscodeSource::Digits(profile.passcode_length),
        otp => PasscodeSource::Given(Passcode::new(otp)?),
    };
    let ttl = parameters.integer(Name::Ttl, 1..=MAX_TTL, settings.default_ttl)?;
    let max_attempts = parameters.integer(Name::MaxAttempts, 1..=MAX_COUNT, settings.default_max_attempts)?;
    let max_sends = parameters.integer(Name::MaxGenerate, 1..=MAX_COUNT, settings.default_max_generate)?;
    let extra = match parameters.get(Name::Extra).map(extra::compact).transpose() {
        Ok(extra) => extra.map(|extra| extra.as_ref().into()),
        Err(ExtraError::TooMuch) => return Err(InputError::Value(Name::Extra.as_str()).into()),
        Err(ExtraError::NotJson(error)) => return Err(InputError::Extra(error).into()),
    };
    Ok(StartRequest {
        namespace,
        external_id: Some(external_id),
        channel: profile.channel.clone(),
        address,
        route: profile.id.clone(),
        passcode,
        keep_passcode: true,
        look_up_by_passcode: false,
        on_live: OnLive::Replace,
        limits: Limits { max_attempts: Some(max_attempts), max_sends: Some(max_sends) },
        ttl: Duration::from_secs(ttl.into()),
        kept_after: Duration::ZERO,
        on_right: on_right(parameters).unwrap_or(OnRight::Delete),
        attributes: Attributes { channel_description, address_description, extra },
        throttle: None,
        dedupe: None,
        mode,
    })
}

fn address(to: &str, profile: &ProviderProfile) -> Result<Address, Refusal> {
    match profile.address_rule.problem(to) {
        Some(problem) => Err(InputError::Address(problem).into()),
        None => Ok(Address::new(to)?),
    }
}

/// What `skip_delete` asks for, where it is there.
fn on_right(parameters: &Parameters<'_>) -> Option<OnRight> {
    parameters.flag(Name::SkipDelete).map(|skip| if skip { OnRight::Close } else { OnRight::Delete })
}

/// A check. An approved verification that is kept takes its passcode again.
pub(super) fn check(
    parameters: &Parameters<'_>,
    namespace: Namespace,
    external_id: ExternalId,
) -> Result<CheckRequest, Refusal> {
    let passcode = match parameters.line(Name::Otp, MAX_OTP_BYTES)? {
        "" => return Err(InputError::OtpEmpty.into()),
        otp => Passcode::new(otp)?,
    };
    Ok(CheckRequest {
        namespace,
        by: CheckBy::Id(external_id),
        passcode,
        on_right: on_right(parameters),
        approved_again: true,
    })
}

/// The OTP object. `otp` is the passcode where the caller may see it; `ttl` is in seconds.
pub(super) fn otp<'a>(verification: &'a Verification, otp: &'a str, ttl: u64) -> Otp<'a> {
    let attributes = &verification.attributes;
    Otp {
        namespace: verification.namespace.as_str(),
        id: verification.external_id.as_ref().map_or("", ExternalId::as_str),
        to: verification.target.as_ref().map_or("", |target| target.address.given()),
        channel_description: &attributes.channel_description,
        address_description: &attributes.address_description,
        extra: extra_of(attributes),
        provider: verification.route.as_str(),
        otp,
        max_attempts: verification.limits.max_attempts.unwrap_or(0),
        attempts: verification.attempts,
        generate: verification.sends,
        max_generate: verification.limits.max_sends.unwrap_or(0),
        closed: verification.state == State::Approved,
        ttl,
        url: None,
    }
}

/// Whole seconds left.
pub(super) fn seconds_left(verification: &Verification, now: Timestamp) -> u64 {
    now.until(verification.expires_at).as_secs()
}

/// The OTP object of a reply to a failed check: without the passcode.
pub(super) fn otp_after_failure(verification: &Verification, now: Timestamp) -> Otp<'_> {
    otp(verification, "", seconds_left(verification, now))
}

/// What a PUT on a locked OTP is told.
pub(super) fn locked(verification: &Verification, ttl_seconds: u64) -> Locked {
    Locked {
        ttl_seconds,
        attempts: verification.attempts,
        max_attempts: verification.limits.max_attempts.unwrap_or(0),
    }
}

fn extra_of(attributes: &Attributes) -> &RawValue {
    // It was checked before it was stored.
    serde_json::from_str(attributes.extra.as_deref().unwrap_or("{}")).unwrap_or(RawValue::NULL)
}

/// A reply in JSON. It may hold a passcode, so nobody on the way keeps it.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(512);
    #[expect(
        clippy::expect_used,
        reason = "strings, numbers and checked JSON always serialize, and a Vec takes them"
    )]
    serde_json::to_writer(&mut bytes, body).expect("a reply is JSON");
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
