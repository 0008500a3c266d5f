//! What goes over the wire, byte for byte (wire contract of otpgateway, "API"). Types only: `map.rs` fills them.

use serde::Serialize;
use serde_json::value::RawValue;

/// A good reply.
#[derive(Serialize)]
pub(super) struct Success<T> {
    status: &'static str,
    data: T,
}

impl<T> Success<T> {
    pub(super) const fn new(data: T) -> Self {
        Self { status: "success", data }
    }
}

/// Any other reply.
#[derive(Serialize)]
pub(super) struct Failure<'a> {
    status: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<FailureData<'a>>,
}

impl<'a> Failure<'a> {
    pub(super) const fn new(message: &'a str, data: Option<FailureData<'a>>) -> Self {
        Self { status: "error", message, data }
    }
}

/// What some failures tell besides.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum FailureData<'a> {
    /// Of a failed check.
    Otp(Otp<'a>),
    /// Of a PUT that is refused because the OTP is locked.
    Locked(Locked),
}

/// The OTP object. The order of its keys is part of the contract.
#[derive(Serialize)]
pub(super) struct Otp<'a> {
    pub(super) namespace: &'a str,
    pub(super) id: &'a str,
    pub(super) to: &'a str,
    pub(super) channel_description: &'a str,
    pub(super) address_description: &'a str,
    pub(super) extra: &'a RawValue,
    pub(super) provider: &'a str,
    /// The passcode; empty in every reply to a failed check.
    pub(super) otp: &'a str,
    pub(super) max_attempts: u32,
    pub(super) attempts: u32,
    pub(super) generate: u32,
    pub(super) max_generate: u32,
    pub(super) closed: bool,
    /// Seconds: as asked for in the reply to a PUT, elsewhere those left.
    pub(super) ttl: u64,
    /// In the reply to a PUT only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<&'a str>,
}

/// How locked an OTP is.
#[derive(Serialize)]
pub(super) struct Locked {
    pub(super) ttl_seconds: u64,
    pub(super) attempts: u32,
    pub(super) max_attempts: u32,
}

/// What a page is told that asks how its OTP is.
#[derive(Serialize)]
pub(super) struct PageStatus {
    pub(super) closed: bool,
}
