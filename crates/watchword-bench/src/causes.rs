//! Errors in one line, for people.

use std::error::Error;
use std::fmt::Write as _;

/// The error and its causes in one line, as `what: why: why`.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a String can't fail.
        let _ = write!(line, ": {inner}");
        cause = inner.source();
    }
    line
}
