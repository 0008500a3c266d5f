//! Every way to say no, in the words of user-otp and egov-otp. See `docs/errors.md`.

use std::borrow::Cow;
use std::fmt;

use axum::response::Response;
use http::StatusCode;
use http::header::RETRY_AFTER;
use watchword_core::error::{Error as DomainError, InvalidInput};
use watchword_core::ports::StoreError;

use super::clients::Unavailable;
use super::map::json;
use super::refusal::{InputError, Refusal, TooLong};
use super::wire::{Field, PlatformError, PlatformRefused, Refused, RefusedFields};
use crate::front::{Answer, BodyError};

/// Seconds after which a caller may try again what failed for lack of room, of a service or of the store.
const RETRY_SOON: u64 = 1;

/// What every wrong check is told, whatever the reason.
const WRONG: &str = "OTP validation unsuccessful";

impl Refusal {
    pub(super) fn into_answer(self) -> Answer {
        match self {
            Self::NotFound => early(StatusCode::NOT_FOUND, "not_found", "NOT_FOUND", "No such path"),
            Self::MethodNotAllowed => early(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "METHOD_NOT_ALLOWED",
                "Method not allowed",
            ),
            Self::Body(error) => match error {
                BodyError::TooLarge => early(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "body_too_large",
                    "PAYLOAD_TOO_LARGE",
                    "JSON body is too large",
                ),
                BodyError::TooSlow => early(
                    StatusCode::REQUEST_TIMEOUT,
                    "body_too_slow",
                    "REQUEST_TIMEOUT",
                    "JSON body took too long to arrive",
                ),
                BodyError::Broken => {
                    early(StatusCode::BAD_REQUEST, "body_broken", "JsonParseException", "JSON body broke off")
                }
            },
            Self::Input(error) => {
                let (status, code) = match error {
                    InputError::NoBody => (StatusCode::BAD_REQUEST, "MissingJsonException"),
                    InputError::NotJson { .. } => (StatusCode::BAD_REQUEST, "JsonParseException"),
                    InputError::WrongType => (StatusCode::BAD_REQUEST, "JsonMappingException"),
                    InputError::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
                };
                early(status, "invalid_input", code, error)
            }
            Self::TooLong(fields) => {
                Answer { response: too_long(&fields), outcome: "invalid_input", cause: None }
            }
            Self::Fields { message, fields } => {
                Answer { response: refused(message, &fields), outcome: "refused_fields", cause: None }
            }
            Self::Unavailable(which) => {
                Answer { response: unavailable(which), outcome: which.outcome(), cause: None }
            }
            Self::Domain(error) => {
                let response = words(&error).into_response();
                Answer { response, outcome: error.code(), cause: Some(error) }
            }
        }
    }
}

/// What is refused before the domain is asked, in the platform's shape.
fn early(status: StatusCode, outcome: &'static str, code: &str, message: impl fmt::Display) -> Answer {
    Answer { response: platform(status, &[(code, &message.to_string())]), outcome, cause: None }
}

fn platform(status: StatusCode, errors: &[(&str, &str)]) -> Response {
    let shown = |&(code, message): &(_, _)| PlatformError::new(code, message);
    let errors: Vec<_> = errors.iter().map(shown).collect();
    json(status, &PlatformRefused { response_info: (), errors: &errors })
}

impl<'a> PlatformError<'a> {
    const fn new(code: &'a str, message: &'a str) -> Self {
        Self { id: (), parent_id: (), code, message, description: (), params: () }
    }
}

fn too_long(fields: &[TooLong]) -> Response {
    let told: Vec<_> = fields
        .iter()
        .map(|field| (field.code, format!("size must be between 0 and {}", field.most)))
        .collect();
    let told: Vec<_> = told.iter().map(|(code, message)| (*code, message.as_str())).collect();
    platform(StatusCode::BAD_REQUEST, &told)
}

/// A refusal in the shape of the two services.
fn refused(message: &str, fields: &[Field]) -> Response {
    let error = RefusedFields { code: StatusCode::BAD_REQUEST.as_u16(), message, description: (), fields };
    json(StatusCode::BAD_REQUEST, &Refused { response_info: (), error })
}

fn unavailable(which: Unavailable) -> Response {
    come_again(&which.to_string())
}

fn come_again(message: &str) -> Response {
    let mut response = platform(StatusCode::SERVICE_UNAVAILABLE, &[("SERVICE_UNAVAILABLE", message)]);
    response.headers_mut().insert(RETRY_AFTER, RETRY_SOON.into());
    response
}

/// The answer to a mistake of ours.
pub(super) fn broken() -> Response {
    platform(StatusCode::INTERNAL_SERVER_ERROR, &[("INTERNAL_SERVER_ERROR", "Internal error")])
}

/// A refusal by the domain.
enum Words {
    /// A check that was not right. Nobody is told why.
    Wrong,
    /// Input that the calls look at before they ask, and let nothing of it through.
    BadRequest(Cow<'static, str>),
    /// 503: come again.
    ComeAgain(&'static str),
    /// 500.
    Broken,
}

impl Words {
    fn into_response(self) -> Response {
        match self {
            Self::Wrong => refused(
                WRONG,
                &[Field { code: "OTP.VALIDATION_UNSUCCESSFUL", message: WRONG.into(), field: "otp.otp" }],
            ),
            Self::BadRequest(message) => platform(StatusCode::BAD_REQUEST, &[("INVALID_INPUT", &message)]),
            Self::ComeAgain(message) => come_again(message),
            Self::Broken => broken(),
        }
    }
}

/// What this dialect says to each error of the domain.
fn words(error: &DomainError) -> Words {
    match error {
        DomainError::Gone
        | DomainError::Wrong(_)
        | DomainError::Used(_)
        | DomainError::Locked(_)
        // Who guesses is not told that it does no good any more; and egov-user reads the status alone.
        | DomainError::Refused { .. } => Words::Wrong,
        DomainError::InvalidInput(
            error @ (InvalidInput::TooShort { .. }
            | InvalidInput::TooLong { .. }
            | InvalidInput::ControlCharacter { .. }),
        ) => Words::BadRequest(error.to_string().into()),
        DomainError::Overloaded => Words::ComeAgain("Too many requests at once"),
        DomainError::Store(StoreError::Busy | StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))
        | DomainError::UnknownKey(_)
        | DomainError::Damaged => Words::ComeAgain("The store of OTPs is not available"),
        // A code stands beside others, is not unique, counts under no rule, and nobody waits for its message.
        DomainError::Exists(_)
        | DomainError::Throttled { .. }
        | DomainError::SubjectMissing(_)
        | DomainError::TooSoon { .. }
        | DomainError::Duplicate
        | DomainError::NoFreePasscode
        | DomainError::AddressSet(_)
        | DomainError::AddressMissing(_)
        | DomainError::NotApproved(_)
        | DomainError::NotSent(_) => Words::Broken,
    }
}
