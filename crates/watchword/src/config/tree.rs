//! Settings as a tree whose every leaf knows where it was set.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file, and the line in it, from 1.
    File {
        /// The file.
        path: Arc<str>,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Environment(Arc<str>),
    /// A flag of the command line.
    Flag(&'static str),
    /// Nobody set it.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag(flag) => f.write_str(flag),
            Self::BuiltIn => f.write_str("the defaults"),
        }
    }
}

/// A value and where it was set. It has no `Debug`: values may be secrets.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Table(BTreeMap<String, Node>),
    Array(Vec<Node>),
    Text(String),
    Whole(i64),
    Boolean(bool),
    /// A message's template that comes with the program.
    Supplied(&'static str),
    /// What no setting takes: dates, fractions.
    Other(&'static str),
}

/// Nodes of the same value are the same, wherever they were set.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    /// An empty table.
    pub(super) fn table(origin: Origin) -> Self {
        Self { value: Value::Table(BTreeMap::new()), origin }
    }

    /// Lets `over` win. Tables are merged key by key.
    pub(super) fn merge(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Value::Table(ours), Value::Table(theirs)) => {
                // A section is said to be where it was mentioned last.
                self.origin = over.origin;
                for (key, node) in theirs {
                    match ours.get_mut(&key) {
                        Some(ours) => ours.merge(node),
                        None => {
                            ours.insert(key, node);
                        }
                    }
                }
            }
            (ours, theirs) => {
                *ours = theirs;
                self.origin = over.origin;
            }
        }
    }

    /// Puts a text at a path. Names that differ only in case are one; the file's spelling stays.
    pub(super) fn set(&mut self, path: &[&str], text: String, origin: &Origin) {
        let Some((first, rest)) = path.split_first() else {
            *self = Self { value: Value::Text(text), origin: origin.clone() };
            return;
        };
        if !matches!(self.value, Value::Table(_)) {
            *self = Self::table(origin.clone());
        }
        let Value::Table(table) = &mut self.value else { return };
        let spelled = table.keys().find(|key| key.eq_ignore_ascii_case(first)).cloned();
        let key = spelled.unwrap_or_else(|| (*first).to_owned());
        table.entry(key).or_insert_with(|| Self::table(origin.clone())).set(rest, text, origin);
    }

    /// Puts a node at a path, over what is there.
    pub(super) fn insert(&mut self, path: &[&str], node: Self) {
        let Some((first, rest)) = path.split_first() else {
            *self = node;
            return;
        };
        if !matches!(self.value, Value::Table(_)) {
            *self = Self::table(node.origin.clone());
        }
        let Value::Table(table) = &mut self.value else { return };
        let child = table.entry((*first).to_owned()).or_insert_with(|| Self::table(node.origin.clone()));
        child.insert(rest, node);
    }

    pub(super) fn get<S: AsRef<str>>(&self, path: &[S]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match &self.value {
            Value::Table(table) => table.get(first.as_ref())?.get(rest),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, path: &[&str]) -> Option<&mut Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match &mut self.value {
            Value::Table(table) => table.get_mut(*first)?.get_mut(rest),
            _ => None,
        }
    }

    /// The node at the path, or the innermost one on the way there that exists.
    pub(super) fn nearest<S: AsRef<str>>(&self, path: &[S]) -> &Self {
        let mut node = self;
        for key in path {
            match node.get(std::slice::from_ref(key)) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    /// Takes out what is at the path; an array is taken whole.
    pub(super) fn take<S: AsRef<str>>(&mut self, path: &[S]) -> Option<Self> {
        let (first, rest) = path.split_first()?;
        let Value::Table(table) = &mut self.value else { return None };
        let is_table = |node: &Self| matches!(node.value, Value::Table(_));
        if rest.is_empty() || !table.get(first.as_ref()).is_some_and(is_table) {
            return table.remove(first.as_ref());
        }
        table.get_mut(first.as_ref())?.take(rest)
    }
}
