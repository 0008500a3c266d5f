//! Every way to say no, in otpgateway's words. See `docs/errors.md`.

use std::borrow::Cow;
use std::fmt;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use watchword_core::error::{Error as DomainError, InvalidInput};
use watchword_core::ports::StoreError;
use watchword_core::time::{Timestamp, seconds_rounded_up};
use watchword_core::verification::Verification;

use super::Operation;
use super::map::{self, json};
use super::refusal::Refusal;
use super::wire::{Failure, FailureData};
use crate::front::{Answer, BodyError};

/// Seconds after which a caller may try again what failed for lack of room or of a store.
pub(super) const RETRY_SOON: u64 = 1;

impl Refusal {
    /// The answer, as of `now`.
    pub(super) fn into_answer(self, operation: Operation, now: Timestamp) -> Answer {
        match self {
            Self::NotFound => early(StatusCode::NOT_FOUND, "not_found", "Not found."),
            Self::MethodNotAllowed => {
                early(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed.")
            }
            Self::Auth(error) => {
                let mut answer = early(StatusCode::UNAUTHORIZED, "unauthorized", error);
                // RFC 9110 section 11.6.1 asks for it.
                let challenge = HeaderValue::from_static("Basic realm=\"Watchword\", charset=\"UTF-8\"");
                answer.response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                answer
            }
            Self::Body(BodyError::TooLarge) => {
                early(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The request body is too large.")
            }
            Self::Body(BodyError::TooSlow) => early(
                StatusCode::REQUEST_TIMEOUT,
                "body_too_slow",
                "The request body took too long to arrive.",
            ),
            Self::Body(BodyError::Broken) => {
                early(StatusCode::BAD_REQUEST, "body_broken", "The request body broke off.")
            }
            Self::Input(error) => early(StatusCode::BAD_REQUEST, "invalid_input", error),
            Self::SessionExpired => early(StatusCode::BAD_REQUEST, "gone", "Session expired."),
            Self::Domain(error) => {
                let response = words(&error, operation, now).into_response();
                Answer { response, outcome: error.code(), cause: Some(error) }
            }
        }
    }
}

/// What is refused before the domain is asked.
fn early(status: StatusCode, outcome: &'static str, message: impl fmt::Display) -> Answer {
    let response = json(status, &Failure::new(&message.to_string(), None));
    Answer { response, outcome, cause: None }
}

/// The answer to a mistake of ours.
pub(super) fn broken() -> axum::response::Response {
    json(StatusCode::INTERNAL_SERVER_ERROR, &Failure::new("Internal error.", None))
}

/// A refusal by the domain.
struct Words<'a> {
    status: StatusCode,
    message: Cow<'static, str>,
    data: Option<FailureData<'a>>,
    retry_after: Option<u64>,
}

impl Words<'_> {
    fn into_response(self) -> axum::response::Response {
        let mut response = json(self.status, &Failure::new(&self.message, self.data));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What this dialect says to each error of the domain.
fn words(error: &DomainError, operation: Operation, now: Timestamp) -> Words<'_> {
    match error {
        DomainError::InvalidInput(
            InvalidInput::TooShort { field, .. }
            | InvalidInput::TooLong { field, .. }
            | InvalidInput::ControlCharacter { field },
        ) => bad_request(format!("Invalid `{field}` value.")),
        DomainError::Gone => bad_request("the OTP does not exist"),
        DomainError::NotApproved(_) => bad_request("OTP not verified."),
        DomainError::Wrong(verification) => {
            let data = FailureData::Otp(map::otp_after_failure(verification, now));
            Words { data: Some(data), ..bad_request("Incorrect OTP") }
        }
        DomainError::Locked(verification) => locked(verification, operation, now),
        DomainError::Refused { verification, until } => too_many_attempts(verification, *until, now),
        DomainError::NotSent(_) => Words {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "Error sending OTP.".into(),
            data: None,
            retry_after: None,
        },
        DomainError::Overloaded => unavailable("Too many requests at once. Please retry."),
        DomainError::Store(StoreError::Busy | StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))
        | DomainError::UnknownKey(_)
        | DomainError::Damaged => unavailable("Unable to reach store."),
        // A PUT replaces, a good check of a closed OTP is good again, there are no rules, and no call resends.
        DomainError::Exists(_)
        | DomainError::Used(_)
        | DomainError::Throttled { .. }
        | DomainError::SubjectMissing(_)
        | DomainError::TooSoon { .. }
        | DomainError::Duplicate
        | DomainError::NoFreePasscode
        | DomainError::AddressSet(_)
        | DomainError::AddressMissing(_) => Words {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "Internal error.".into(),
            data: None,
            retry_after: None,
        },
    }
}

fn bad_request<'a>(message: impl Into<Cow<'static, str>>) -> Words<'a> {
    Words { status: StatusCode::BAD_REQUEST, message: message.into(), data: None, retry_after: None }
}

fn unavailable<'a>(message: &'static str) -> Words<'a> {
    Words {
        status: StatusCode::SERVICE_UNAVAILABLE,
        message: message.into(),
        data: None,
        retry_after: Some(RETRY_SOON),
    }
}

fn locked(verification: &Verification, operation: Operation, now: Timestamp) -> Words<'_> {
    if operation != Operation::Start {
        return too_many_attempts(verification, verification.expires_at, now);
    }
    let seconds = seconds_rounded_up(now.until(verification.expires_at));
    Words {
        status: StatusCode::TOO_MANY_REQUESTS,
        message: format!("OTP attempts exceeded. Retry after {seconds} seconds.").into(),
        data: Some(FailureData::Locked(map::locked(verification, seconds))),
        retry_after: Some(seconds),
    }
}

fn too_many_attempts(verification: &Verification, until: Timestamp, now: Timestamp) -> Words<'_> {
    let seconds = seconds_rounded_up(now.until(until));
    Words {
        status: StatusCode::TOO_MANY_REQUESTS,
        message: format!("Too many attempts. Please retry after {seconds} seconds.").into(),
        data: Some(FailureData::Otp(map::otp_after_failure(verification, now))),
        retry_after: Some(seconds),
    }
}
