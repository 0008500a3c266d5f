//! Settings from TOML files.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::tree::{Node, Origin, Value};

/// Reads one file.
///
/// # Errors
/// It can't be read, or is not TOML.
pub(super) fn read(path: &Path) -> Result<Node, Problem> {
    let name: Arc<str> = path.display().to_string().into();
    let whole = |text| Problem::of_file(Arc::clone(&name), None, text);
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => whole("there is no such file".to_owned()),
        io::ErrorKind::PermissionDenied => whole("it can't be read: permission denied".to_owned()),
        _ => whole(format!("it can't be read: {error}")),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| whole("it is not UTF-8 text".to_owned()))?;
    parse(&text, &name)
}

/// Reads TOML text; `name` is shown to people.
///
/// # Errors
/// It is not TOML.
pub(super) fn parse(text: &str, name: &Arc<str>) -> Result<Node, Problem> {
    let source = Source { text, name };
    match DeTable::parse(text) {
        Ok(table) => Ok(source.table(table.get_ref(), &table.span())),
        Err(error) => {
            let line = error.span().map(|span| source.line(&span));
            Err(Problem::of_file(Arc::clone(name), line, format!("not valid TOML: {}", error.message())))
        }
    }
}

struct Source<'a> {
    text: &'a str,
    name: &'a Arc<str>,
}

impl Source<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        Origin::File { path: Arc::clone(self.name), line: self.line(span) }
    }

    fn table(&self, table: &DeTable<'_>, span: &Range<usize>) -> Node {
        let entries = table.iter().map(|(key, value)| {
            let mut node = self.node(value);
            // A section's own span may be anywhere in it; its name is where a person looks.
            node.origin = self.origin(&key.span());
            (key.get_ref().to_string(), node)
        });
        Node { value: Value::Table(entries.collect()), origin: self.origin(span) }
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let span = value.span();
        let value = match value.get_ref() {
            DeValue::Table(table) => return self.table(table, &span),
            DeValue::Array(items) => Value::Array(items.iter().map(|item| self.node(item)).collect()),
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Other("a number that is too large"), Value::Whole),
            DeValue::Float(_) => Value::Other("a fraction"),
            DeValue::Datetime(_) => Value::Other("a date"),
        };
        Node { value, origin: self.origin(&span) }
    }
}
