//! Limits on text that comes from outside.

use thiserror::Error;

/// Input that can't be taken, by field. Its text is safe to show to the caller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidInput {
    /// Fewer bytes than needed.
    #[error("`{field}` needs at least {min} bytes")]
    TooShort {
        /// The caller's name for it.
        field: &'static str,
        /// Bytes it needs.
        min: usize,
    },
    /// More bytes than allowed.
    #[error("`{field}` may have at most {max} bytes")]
    TooLong {
        /// The caller's name for it.
        field: &'static str,
        /// Bytes it may have.
        max: usize,
    },
    /// A control character, which could split a header or forge a log line.
    #[error("`{field}` has a control character")]
    ControlCharacter {
        /// The caller's name for it.
        field: &'static str,
    },
}

/// Accepts one line of text of `min` to `max` bytes.
///
/// # Errors
/// Too short, too long, or with a control character (C0, DEL or C1): those split headers and forge log lines.
pub(crate) fn valid_line(
    field: &'static str,
    text: &str,
    min: usize,
    max: usize,
) -> Result<(), InvalidInput> {
    if text.len() < min {
        return Err(InvalidInput::TooShort { field, min });
    }
    if text.len() > max {
        return Err(InvalidInput::TooLong { field, max });
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidInput::ControlCharacter { field });
    }
    Ok(())
}

/// Declares a name: an immutable, cheap to clone string of 1 to `$max` bytes without control characters.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $field:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The most bytes it may have.
            pub const MAX_BYTES: usize = $max;

            /// # Errors
            /// Empty, longer than [`Self::MAX_BYTES`], or with control characters.
            pub fn new(text: &str) -> Result<Self, $crate::input::InvalidInput> {
                $crate::input::valid_line($field, text, 1, Self::MAX_BYTES)?;
                Ok(Self(text.into()))
            }

            /// The text as given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

pub(crate) use name_type;
