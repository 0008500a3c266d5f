//! Why a call is refused, before it is put into words.

use thiserror::Error;
use watchword_core::error::{Error as DomainError, InvalidInput};

use super::auth::AuthError;
use crate::form::NotDecodable;
use crate::front::BodyError;

/// What is wrong with a request's input. The texts are those of the wire contract where it has some.
#[derive(Debug, Error)]
pub(super) enum InputError {
    /// Of a check, where the original leaves out the full stop.
    #[error("ID should be min 6 chars")]
    ShortIdOfCheck,
    /// Of any other call.
    #[error("ID should be min 6 chars.")]
    ShortId,
    /// A value that can't be one, by its name.
    #[error("Invalid `{0}` value.")]
    Value(&'static str),
    /// No provider of that id.
    #[error("Unknown provider.")]
    UnknownProvider,
    /// The provider can't send there.
    #[error("Invalid `to` address: {0}")]
    Address(&'static str),
    /// Not JSON.
    #[error("Invalid JSON in `extra`: {0}")]
    Extra(serde_json::Error),
    /// Nothing to check.
    #[error("`otp` is empty.")]
    OtpEmpty,
    /// Somewhere in the query or the form.
    #[error("Invalid parameters: {0}.")]
    NotDecodable(#[from] NotDecodable),
    /// It says that it is one.
    #[error("Invalid parameters: not a multipart form.")]
    NotMultipart,
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
    /// A page asks about what is gone.
    SessionExpired,
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

impl From<InvalidInput> for Refusal {
    fn from(error: InvalidInput) -> Self {
        Self::Domain(error.into())
    }
}
