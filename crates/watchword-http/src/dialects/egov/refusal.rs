//! Why a call is refused, before it is put into words.

use thiserror::Error;
use watchword_core::error::Error as DomainError;

use super::clients::Unavailable;
use super::fields::WrongType;
use super::wire::Field;
use crate::front::BodyError;

/// What is wrong with a body as such. The texts are those of the wire contract where it has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum InputError {
    /// Nothing, or null.
    #[error("JSON body has errors or is missing")]
    NoBody,
    /// Where it stops being JSON.
    #[error("The body is not valid JSON: line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    /// A text where an object belongs, an object where a text belongs.
    #[error("Failed to deserialize certain JSON fields")]
    WrongType,
    /// Not said to be JSON.
    #[error("Content type must be application/json")]
    MediaType,
}

/// A text that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong {
    /// `Size.otpRequest.otp.identity`
    pub(super) code: &'static str,
    /// Characters that it may have, as Java counts them: UTF-16 units.
    pub(super) most: usize,
}

/// Why a call is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// No such path.
    NotFound,
    /// Not with this method.
    MethodNotAllowed,
    /// Not with this body.
    Body(BodyError),
    /// Not with this JSON.
    Input(InputError),
    /// Too many characters.
    TooLong(Vec<TooLong>),
    /// Not with these fields.
    Fields { message: &'static str, fields: Vec<Field> },
    /// What it takes is not there.
    Unavailable(Unavailable),
    /// The domain says no.
    Domain(DomainError),
}

impl Refusal {
    /// For one field.
    pub(super) fn field(
        message: &'static str,
        code: &'static str,
        text: &'static str,
        field: &'static str,
    ) -> Self {
        Self::Fields { message, fields: vec![Field { code, message: text.into(), field }] }
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

impl From<WrongType> for Refusal {
    fn from(_: WrongType) -> Self {
        Self::Input(InputError::WrongType)
    }
}

impl From<Unavailable> for Refusal {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<DomainError> for Refusal {
    fn from(error: DomainError) -> Self {
        Self::Domain(error)
    }
}
