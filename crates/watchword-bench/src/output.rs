//! Where results go.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::error::Error;

/// Where results go: text as it comes, or one JSON document at the end.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn text() -> Self {
        Self { json: false }
    }

    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A piece of text, on a line of its own; nothing where JSON is wanted.
    pub(crate) fn section(self, text: &impl Display) -> Result<(), Error> {
        if self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Error::Output)
    }

    /// The whole result; nothing where text is wanted.
    pub(crate) fn document(self, result: &impl Serialize) -> Result<(), Error> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(result).map_err(Error::Json)?;
        writeln!(io::stdout().lock(), "{text}").map_err(Error::Output)
    }
}
