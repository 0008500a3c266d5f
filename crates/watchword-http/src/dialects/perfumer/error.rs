//! Every way to say no, in perfumer's words. See `docs/errors.md`.

use std::borrow::Cow;
use std::fmt;

use axum::response::Response;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use watchword_core::error::{Error as DomainError, InvalidInput};
use watchword_core::ports::StoreError;
use watchword_core::throttle::ThrottleKind;
use watchword_core::time::{Timestamp, seconds_rounded_up};

use super::Operation;
use super::auth::AuthError;
use super::channel::ChannelName;
use super::map::json;
use super::name::Name;
use super::refusal::{InputError, Refusal};
use super::wire::{Refused, Reply};
use crate::front::{Answer, BodyError};

/// Seconds after which a caller may try again what failed for lack of room or of a store.
const RETRY_SOON: u64 = 1;

impl Refusal {
    /// The answer, as of `now`.
    pub(super) fn into_answer(self, operation: Operation, now: Timestamp) -> Answer {
        match self {
            Self::NotFound => early(StatusCode::NOT_FOUND, "not_found", "Page not found"),
            Self::MethodNotAllowed => {
                early(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed")
            }
            Self::Auth(error @ AuthError::Unauthorized) => {
                let mut answer = early(StatusCode::UNAUTHORIZED, "unauthorized", error);
                let challenge = HeaderValue::from_static("Basic realm=\"OTP\"");
                answer.response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                answer
            }
            Self::Auth(error @ AuthError::Forbidden) => early(StatusCode::FORBIDDEN, "forbidden", error),
            Self::Body(BodyError::TooLarge) => {
                early(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "Request body is too large")
            }
            Self::Body(BodyError::TooSlow) => {
                early(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "Request body took too long to arrive")
            }
            Self::Body(BodyError::Broken) => {
                early(StatusCode::BAD_REQUEST, "body_broken", "Request body broke off")
            }
            Self::Input(error) => early(StatusCode::BAD_REQUEST, "invalid_input", error),
            Self::Domain(error) => {
                let response = words(&error, operation, now).into_response();
                Answer { response, outcome: error.code(), cause: Some(error) }
            }
        }
    }
}

/// What is refused before the domain is asked.
fn early(status: StatusCode, outcome: &'static str, message: impl fmt::Display) -> Answer {
    let response = refused(status, None, &message.to_string());
    Answer { response, outcome, cause: None }
}

fn refused(status: StatusCode, status_code: Option<&str>, message: &str) -> Response {
    json(status, &Refused { status: false, status_code, message })
}

/// The answer to a mistake of ours.
pub(super) fn broken() -> Response {
    refused(StatusCode::INTERNAL_SERVER_ERROR, None, "Internal error")
}

/// A refusal by the domain.
enum Words {
    /// A check whose code is not right. Nobody is told why.
    Wrong,
    /// 400.
    BadRequest(Cow<'static, str>),
    /// 400, with a code and when there is room.
    Limit { status_code: &'static str, message: &'static str, retry_after: u64 },
    /// 503: come again.
    Unavailable(&'static str),
    /// 500.
    Broken,
}

impl Words {
    fn into_response(self) -> Response {
        let (mut response, retry_after) = match self {
            Self::Wrong => {
                return json(StatusCode::OK, &Reply::<()> { status: false, content: None });
            }
            Self::BadRequest(message) => return refused(StatusCode::BAD_REQUEST, None, &message),
            Self::Broken => return broken(),
            Self::Limit { status_code, message, retry_after } => {
                (refused(StatusCode::BAD_REQUEST, Some(status_code), message), retry_after)
            }
            Self::Unavailable(message) => {
                (refused(StatusCode::SERVICE_UNAVAILABLE, None, message), RETRY_SOON)
            }
        };
        response.headers_mut().insert(RETRY_AFTER, retry_after.into());
        response
    }
}

/// What this dialect says to each error of the domain.
fn words(error: &DomainError, operation: Operation, now: Timestamp) -> Words {
    match error {
        DomainError::Gone
        | DomainError::Wrong(_)
        | DomainError::Used(_)
        | DomainError::Locked(_)
        // Who guesses is not told that it does no good any more.
        | DomainError::Refused { .. } => Words::Wrong,
        DomainError::Throttled { kind, retry_at } => {
            let retry_after = seconds_rounded_up(now.until(*retry_at)).max(1);
            let (status_code, message) = limit(*kind, operation);
            Words::Limit { status_code, message, retry_after }
        }
        DomainError::SubjectMissing(ThrottleKind::Ip) => {
            Words::BadRequest(InputError::Unset(Name::Ip).to_string().into())
        }
        DomainError::InvalidInput(
            error @ (InvalidInput::TooShort { .. }
            | InvalidInput::TooLong { .. }
            | InvalidInput::ControlCharacter { .. }),
        ) => Words::BadRequest(error.to_string().into()),
        DomainError::Overloaded => Words::Unavailable("Too many requests at once"),
        // Others may be over when Telegram asks again.
        DomainError::NoFreePasscode => Words::Unavailable("No password is free"),
        DomainError::Store(StoreError::Busy | StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))
        | DomainError::UnknownKey(_)
        | DomainError::Damaged => Words::Unavailable("Unable to reach store"),
        // A send always names its target and stands beside others, no caller waits for its message, a repeated update is no
        // error, and there is no call that resends.
        DomainError::SubjectMissing(ThrottleKind::Target)
        | DomainError::Exists(_)
        | DomainError::NotSent(_)
        | DomainError::TooSoon { .. }
        | DomainError::Duplicate
        | DomainError::AddressSet(_)
        | DomainError::AddressMissing(_)
        | DomainError::NotApproved(_) => Words::Broken,
    }
}

/// The code and the text of a limit. Telegram's by target is that of mails, as it always was.
fn limit(kind: ThrottleKind, operation: Operation) -> (&'static str, &'static str) {
    match (kind, operation) {
        (ThrottleKind::Ip, _) => ("ip_limit", "IP limit has been reached"),
        (ThrottleKind::Target, Operation::Send(ChannelName::Sms | ChannelName::Call)) => {
            ("phone_limit", "Phone limit has been reached")
        }
        (ThrottleKind::Target, _) => ("email_limit", "Email limit has been reached"),
    }
}
