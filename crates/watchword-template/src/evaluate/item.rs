//! Values while a template is carried out: borrowed from the data and the template where that can be.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;

use crate::error::Problem;
use crate::limits::{MAX_LIST, MAX_VALUE_DEPTH};
use crate::value::Value;

/// A value. Cheap to clone, save for a text that was made on the way.
#[derive(Clone)]
pub(crate) enum Item<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// Nanoseconds, as Go's `time.Duration`.
    Duration(i64),
    Time(Timestamp),
    List(List<'a>),
    Map(Map<'a>),
}

/// A list: given, or made on the way.
#[derive(Clone)]
pub(crate) enum List<'a> {
    Given(&'a [Value]),
    /// With how deep it goes.
    Made(Rc<[Item<'a>]>, usize),
}

/// Fields by name: given, or made on the way.
#[derive(Clone)]
pub(crate) enum Map<'a> {
    Given(&'a BTreeMap<String, Value>),
    /// With how deep it goes.
    Made(Rc<BTreeMap<String, Item<'a>>>, usize),
}

impl<'a> Item<'a> {
    /// Whether it counts as true: not zero, not empty.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(int) | Self::Duration(int) => *int != 0,
            Self::Float(float) => *float != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Time(_) => true,
            Self::List(list) => list.len() > 0,
            Self::Map(map) => map.len() > 0,
        }
    }

    /// What it is, for an error: never its value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a fraction",
            Self::Text(_) => "a text",
            Self::Duration(_) => "a length of time",
            Self::Time(_) => "a point in time",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A new list. Err when it is too long or goes too deep.
    pub(crate) fn list(items: Vec<Item<'a>>) -> Result<Self, Problem> {
        if items.len() > MAX_LIST {
            return Err(format!("a list has more than {MAX_LIST} places").into());
        }
        let depth = deeper(items.iter())?;
        Ok(Self::List(List::Made(items.into(), depth)))
    }

    /// A new map. Err when it goes too deep.
    pub(crate) fn map(fields: BTreeMap<String, Item<'a>>) -> Result<Self, Problem> {
        let depth = deeper(fields.values())?;
        Ok(Self::Map(Map::Made(Rc::new(fields), depth)))
    }

    fn depth(&self) -> usize {
        match self {
            Self::List(List::Made(_, depth)) | Self::Map(Map::Made(_, depth)) => *depth,
            _ => 0,
        }
    }

    /// How much it costs to look at: bytes of a text, places of a list.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(list) => list.len().saturating_mul(16),
            Self::Map(map) => map.len().saturating_mul(64),
            _ => 0,
        }
    }
}

/// One more than the deepest of `items`: dropping what is made walks down, and must not run out of stack.
fn deeper<'i, 'a: 'i>(items: impl Iterator<Item = &'i Item<'a>>) -> Result<usize, Problem> {
    let depth = items.map(Item::depth).max().unwrap_or(0) + 1;
    if depth > MAX_VALUE_DEPTH {
        return Err(format!("lists and maps stand in each other more than {MAX_VALUE_DEPTH} deep").into());
    }
    Ok(depth)
}

impl<'a> From<&'a Value> for Item<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Nil => Self::Nil,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(int) => Self::Int(*int),
            Value::Float(float) => Self::Float(*float),
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::Duration(length) => Self::Duration(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)),
            Value::List(items) => Self::List(List::Given(items)),
            Value::Map(fields) => Self::Map(Map::Given(fields)),
        }
    }
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Given(items) => items.len(),
            Self::Made(items, _) => items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Item<'a>> {
        match self {
            Self::Given(items) => items.get(index).map(Item::from),
            Self::Made(items, _) => items.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Item<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'a> Map<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Given(fields) => fields.len(),
            Self::Made(fields, _) => fields.len(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Item<'a>> {
        match self {
            Self::Given(fields) => fields.get(key).map(Item::from),
            Self::Made(fields, _) => fields.get(key).cloned(),
        }
    }

    /// In the order of the keys.
    pub(crate) fn entries(&self) -> Vec<(Cow<'a, str>, Item<'a>)> {
        match self {
            Self::Given(fields) => {
                fields.iter().map(|(key, value)| (Cow::Borrowed(key.as_str()), Item::from(value))).collect()
            }
            Self::Made(fields, _) => {
                fields.iter().map(|(key, item)| (Cow::Owned(key.clone()), item.clone())).collect()
            }
        }
    }
}
