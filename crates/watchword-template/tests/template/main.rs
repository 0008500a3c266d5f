//! What the crate promises beyond what Go does: early and clear errors, limits, silence about values, no panic on anything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod anything;
mod check;
mod differences;
mod limits;
mod mistakes;
mod secrets;

use watchword_template::{Escaping, Template, Value};

/// What a text template says.
pub(crate) fn text(source: &str, data: &Value) -> Result<String, String> {
    let template = Template::parse(source, Escaping::None).map_err(|error| error.to_string())?;
    template.render(data, 0).map_err(|error| error.to_string())
}

/// What an HTML template says.
pub(crate) fn html(source: &str, data: &Value) -> Result<String, String> {
    let template = Template::parse(source, Escaping::Html).map_err(|error| error.to_string())?;
    template.render(data, 0).map_err(|error| error.to_string())
}

pub(crate) fn nothing() -> Value {
    Value::from([])
}
