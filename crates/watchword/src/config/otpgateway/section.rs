//! One section of otpgateway's configuration, its settings taken out one by one, and what came of them.

use std::collections::BTreeMap;

use super::super::problem::nearest;
use super::super::translated::Translated;
use super::super::tree::{Node, Origin, Value};
use super::form;

/// A value as text, and where it is.
pub(super) struct Set {
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl Set {
    pub(super) fn node(self) -> Node {
        Node { value: Value::Text(self.text), origin: self.origin }
    }
}

/// A section, less what was taken out of it.
pub(super) struct Section {
    pub(super) path: Vec<String>,
    pub(super) origin: Origin,
    settings: BTreeMap<String, Node>,
    known: Vec<&'static str>,
}

impl Section {
    /// The section at `path`, which was found there; anything else is a problem.
    pub(super) fn new(path: Vec<String>, node: Node, out: &mut Translated) -> Option<Self> {
        let Node { value, origin } = node;
        let Value::Table(settings) = value else {
            out.problem(&origin, &path, "must be a section");
            return None;
        };
        Some(Self { path, origin, settings, known: Vec::new() })
    }

    /// Where a setting of it is.
    pub(super) fn key(&self, key: &str) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        path
    }

    /// The section of this name in it.
    pub(super) fn child(&mut self, name: &'static str, out: &mut Translated) -> Option<Self> {
        self.known.push(name);
        let node = self.settings.remove(name)?;
        Self::new(self.key(name), node, out)
    }

    /// All sections in it.
    pub(super) fn children(&mut self, out: &mut Translated) -> Vec<Self> {
        let settings = std::mem::take(&mut self.settings);
        settings.into_iter().filter_map(|(name, node)| Self::new(self.key(&name), node, out)).collect()
    }

    /// Takes a setting out without reading it; where it was.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Origin> {
        self.known.push(key);
        self.settings.remove(key).map(|node| node.origin)
    }

    /// A setting as text; numbers and truth values are texts too. Empty is unset.
    pub(super) fn text(&mut self, key: &'static str, out: &mut Translated) -> Option<Set> {
        self.known.push(key);
        let Node { value, origin } = self.settings.remove(key)?;
        let text = match value {
            Value::Text(text) => text,
            Value::Whole(number) => number.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::Table(_) | Value::Array(_) | Value::Supplied(_) | Value::Other(_) => {
                out.problem(&origin, &self.key(key), "must be a text, a whole number, or true or false");
                return None;
            }
        };
        if text.is_empty() { None } else { Some(Set { text, origin }) }
    }

    /// A whole number, quoted or not.
    pub(super) fn whole(&mut self, key: &'static str, out: &mut Translated) -> Option<(i64, Origin)> {
        let Set { text, origin } = self.text(key, out)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            out.problem(&origin, &self.key(key), "must be a whole number");
        }
        Some((number?, origin))
    }

    /// A truth value, quoted or not.
    pub(super) fn boolean(&mut self, key: &'static str, out: &mut Translated) -> Option<(bool, Origin)> {
        let Set { text, origin } = self.text(key, out)?;
        let value = form::boolean(text.trim());
        if value.is_none() {
            out.problem(&origin, &self.key(key), "must be true or false");
        }
        Some((value?, origin))
    }

    /// A length of time, in milliseconds.
    pub(super) fn milliseconds(&mut self, key: &'static str, out: &mut Translated) -> Option<(u64, Origin)> {
        let Set { text, origin } = self.text(key, out)?;
        let milliseconds = form::milliseconds(&text);
        if milliseconds.is_none() {
            out.problem(&origin, &self.key(key), "must be a length of time, like \"5s\" or \"1m30s\"");
        }
        Some((milliseconds?, origin))
    }

    /// Settings that have nothing to say here, and may be there.
    pub(super) fn skip(&mut self, keys: &[&'static str]) {
        for key in keys {
            self.known.push(key);
            self.settings.remove(*key);
        }
    }

    /// What is left is unknown, which harms nothing.
    pub(super) fn finish(self, out: &mut Translated) {
        for (key, node) in &self.settings {
            let meant = nearest(key, &self.known).map(|meant| format!("; did you mean `{meant}`?"));
            let text = format!("unknown, and not read{}", meant.unwrap_or_default());
            out.warn(&node.origin, &self.key(key), text);
        }
    }
}
