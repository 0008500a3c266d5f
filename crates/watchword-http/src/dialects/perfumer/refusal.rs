//! Why a call is refused, before it is put into words.

use thiserror::Error;
use watchword_core::error::{Error as DomainError, InvalidInput};

use super::auth::AuthError;
use super::channel::ChannelName;
use super::name::Name;
use crate::form::NotDecodable;
use crate::front::BodyError;

/// Characters that a target, a passcode or an IP address may have.
pub(super) const MAX_CHARACTERS: usize = 255;
/// Seconds that a passcode may be good for: 30 days.
pub(super) const MAX_LIFETIME: u32 = 30 * 24 * 3_600;
/// Rules that a list may have.
pub(super) const MAX_RULES: usize = 100;

/// What is wrong with a request's input. The texts are those of the wire contract where it has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum InputError {
    /// Not there, or as good as that.
    #[error("\"{0}\" parameter must be set")]
    Unset(Name),
    /// True, an array, an object, or text that is not Unicode.
    #[error("\"{0}\" parameter must be a string")]
    NotText(Name),
    /// Too long.
    #[error("\"{0}\" parameter must have at most {MAX_CHARACTERS} characters")]
    TooLong(Name),
    /// It could split a header, or forge a line.
    #[error("\"{0}\" parameter must not have control characters")]
    ControlCharacter(Name),
    /// Telegram has only those.
    #[error("\"{0}\" parameter must be an integer")]
    NotInteger(Name),
    /// Not a number, or out of range.
    #[error("\"{0}\" parameter must be an integer from 1 to {MAX_LIFETIME}", Name::Lifetime)]
    Lifetime,
    /// No such channel.
    #[error("\"{0}\" parameter must be one of sms, email, call, telegram", Name::Channel)]
    Channel,
    /// Of a mail.
    #[error("One of \"{0}\" or \"{1}\" parameters must be set", Name::Text, Name::Html)]
    NoBody,
    /// More than a send could look at.
    #[error("\"{0}\" parameter must have at most {MAX_RULES} rules")]
    TooManyRules(Name),
    /// Not JSON, or other JSON.
    #[error("Request body must be a JSON object")]
    NotAnObject,
    /// A broken escape, or not UTF-8.
    #[error("Query string must be percent-encoded UTF-8")]
    Query,
    /// It has no route.
    #[error("Channel \"{}\" is not configured", .0.as_str())]
    NoRoute(ChannelName),
}

impl InputError {
    /// What the domain finds wrong with a parameter.
    pub(super) fn of(name: Name, error: &InvalidInput) -> Self {
        match error {
            InvalidInput::TooShort { .. } => Self::Unset(name),
            InvalidInput::TooLong { .. } => Self::TooLong(name),
            InvalidInput::ControlCharacter { .. } => Self::ControlCharacter(name),
        }
    }
}

impl From<NotDecodable> for InputError {
    fn from(_: NotDecodable) -> Self {
        Self::Query
    }
}

/// Why a call is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// No such path.
    NotFound,
    /// Not with this method.
    MethodNotAllowed,
    /// Not by this caller.
    Auth(AuthError),
    /// Not with this body.
    Body(BodyError),
    /// Not with this input.
    Input(InputError),
    /// The domain says no.
    Domain(DomainError),
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<InputError> for Refusal {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl From<DomainError> for Refusal {
    fn from(error: DomainError) -> Self {
        Self::Domain(error)
    }
}
