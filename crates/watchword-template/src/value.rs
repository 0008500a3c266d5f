//! What a template is given.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What a template can print.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Nothing there.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// A length of time; prints as Go's `time.Duration` does, `5m0s`. What is over 292 years counts as 292 years.
    Duration(Duration),
    /// A list.
    List(Vec<Value>),
    /// Fields by name.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// What kind of value it is, as an error can say.
    fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "Nil",
            Self::Bool(_) => "Bool",
            Self::Int(_) => "Int",
            Self::Float(_) => "Float",
            Self::Text(_) => "Text",
            Self::Duration(_) => "Duration",
            Self::List(_) => "List",
            Self::Map(_) => "Map",
        }
    }
}

/// Kinds and names of fields only: a value may be a passcode.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(fields) => f.debug_map().entries(fields).finish(),
            Self::List(items) => f.debug_list().entries(items).finish(),
            other => write!(f, "{}(…)", other.kind()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Duration> for Value {
    fn from(length: Duration) -> Self {
        Self::Duration(length)
    }
}

/// Fields by name.
impl<const N: usize> From<[(&str, Value); N]> for Value {
    fn from(fields: [(&str, Value); N]) -> Self {
        Self::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}
