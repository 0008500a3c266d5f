//! From a tree to typed settings. It goes on after a mistake, so that all of them are told at once.

use std::fmt::Display;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

use super::problem::{Problem, dotted, nearest};
use super::tree::{Node, Origin, Value};

/// Where a node is.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    /// Its path in the whole tree.
    pub(super) path: &'a [&'a str],
    /// What can be set there too, and was taken out before.
    pub(super) also_known: &'a [&'a str],
}

/// Reads `T` with `deserialize` from the node at `place`. A mistake is recorded and left out, and the rest is read on.
///
/// `None`: nothing is left that could be read; the reason is among the problems.
pub(super) fn read<T>(
    mut node: Node,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
    deserialize: impl Fn(Reader<'_>) -> Result<T, Mismatch>,
) -> Option<T> {
    let mut left_out: Vec<Vec<String>> = Vec::new();
    loop {
        let Mismatch { mut path, what } = match deserialize(Reader(&node)) {
            Ok(value) => return Some(value),
            Err(mismatch) => mismatch,
        };
        path.reverse();
        let named = match &what {
            What::Unknown { key, .. } => [&path[..], std::slice::from_ref(key)].concat(),
            What::Missing(key) => [&path[..], &[(*key).to_owned()]].concat(),
            What::Wrong(_) => path.clone(),
        };
        // What was left out is not missing as well.
        if !left_out.contains(&named) {
            let origin = node.nearest(&named).origin.clone();
            let key = dotted(&[place.path, &named.iter().map(String::as_str).collect::<Vec<_>>()].concat());
            let also_known = if path.is_empty() { place.also_known } else { &[] };
            problems.push(Problem::new(origin, key, what.text(also_known)));
        }
        // Without what it misses, the whole section is of no use.
        let culprit = if matches!(what, What::Missing(_)) { path } else { named };
        node.take(&culprit)?;
        left_out.push(culprit);
    }
}

/// Why something could not be read. The text never repeats a value: it may be a secret.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// Innermost key first.
    path: Vec<String>,
    what: What,
}

#[derive(Debug)]
enum What {
    Unknown { key: String, known: &'static [&'static str] },
    Missing(&'static str),
    Wrong(String),
}

impl What {
    fn text(&self, also_known: &[&str]) -> String {
        match self {
            Self::Missing(_) => "is needed and not set".to_owned(),
            Self::Wrong(text) => text.clone(),
            Self::Unknown { key, known } => {
                let known = [known, also_known].concat();
                match nearest(key, &known) {
                    Some(meant) => format!("unknown; did you mean `{meant}`?"),
                    None if known.is_empty() => "unknown; there is nothing to set here".to_owned(),
                    None => format!("unknown; known here: {}", listed(&known)),
                }
            }
        }
    }
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl Mismatch {
    fn new(what: What) -> Self {
        Self { path: Vec::new(), what }
    }

    fn inside(mut self, key: &str) -> Self {
        self.path.push(key.to_owned());
        self
    }
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what.text(&[]))
    }
}

impl std::error::Error for Mismatch {}

impl serde::de::Error for Mismatch {
    fn custom<T: Display>(text: T) -> Self {
        Self::new(What::Wrong(text.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Str(_) => "a text",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number",
            Unexpected::Bool(_) => "true or false",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a section",
            Unexpected::Other(what) => what,
            _ => "that",
        };
        Self::custom(format!("must be {}, not {found}", in_words(expected)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("must be {}", in_words(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let known = format!("must be one of {}", listed(expected));
        match nearest(variant, expected) {
            Some(meant) => Self::custom(format!("{known}; did you mean `{meant}`?")),
            None => Self::custom(known),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Unknown { key: field.to_owned(), known: expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing(field))
    }
}

/// Names of Rust's types are no words for people.
fn in_words(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number, not negative".to_owned(),
        "i64" => "a whole number".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        "path string" => "the path of a file, in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        text if text.starts_with("struct ") || text == "a map" => "a section".to_owned(),
        text => text.to_owned(),
    }
}

/// Reads one node. Text from the environment becomes a number, a truth value or a list where one is wanted.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Node);

impl<'a> Reader<'a> {
    /// The text, where it comes from the environment or a flag and has no type yet.
    fn untyped(self) -> Option<&'a str> {
        match (&self.0.value, &self.0.origin) {
            (Value::Text(text), Origin::Environment(_) | Origin::Flag(_)) => Some(text.trim()),
            _ => None,
        }
    }

    fn whole<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.untyped().and_then(|text| text.parse::<i64>().ok()) {
            Some(number) => visit_whole(number, visitor),
            None => self.deserialize_any(visitor),
        }
    }
}

fn visit_whole<'de, V: Visitor<'de>>(number: i64, visitor: V) -> Result<V::Value, Mismatch> {
    match u64::try_from(number) {
        Ok(number) => visitor.visit_u64(number),
        Err(_) => visitor.visit_i64(number),
    }
}

/// Every wish for a whole number is met alike.
macro_rules! whole_numbers {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            self.whole(visitor)
        })+
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::Text(text) => visitor.visit_str(text),
            Value::Whole(number) => visit_whole(*number, visitor),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Supplied(_) => Err(Mismatch::invalid_type(Unexpected::Other("a template"), &visitor)),
            Value::Other(what) => Err(Mismatch::invalid_type(Unexpected::Other(what), &visitor)),
            Value::Array(items) => visitor.visit_seq(Items(items.iter())),
            Value::Table(table) => visitor.visit_map(Entries { rest: table.iter(), entered: None }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.untyped().and_then(|text| text.to_ascii_lowercase().parse().ok()) {
            Some(value) => visitor.visit_bool(value),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let Some(text) = self.untyped() else { return self.deserialize_any(visitor) };
        let origin = &self.0.origin;
        let item = |text: &str| Node { value: Value::Text(text.trim().to_owned()), origin: origin.clone() };
        let items: Vec<Node> = text.split(',').map(item).collect();
        visitor.visit_seq(Items(items.iter()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::Text(text) => {
                let text: StrDeserializer<'_, Mismatch> = text.as_str().into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            _ => Err(Mismatch::custom(format!("must be one of {}", listed(variants)))),
        }
    }

    /// What is read elsewhere may be anything.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    whole_numbers! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 }

    serde::forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct map struct tuple tuple_struct identifier
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        self.0.next().map(|node| seed.deserialize(Reader(node))).transpose()
    }
}

struct Entries<'a> {
    rest: std::collections::btree_map::Iter<'a, String, Node>,
    entered: Option<(&'a String, &'a Node)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        self.entered = self.rest.next();
        let Some((key, _)) = self.entered else { return Ok(None) };
        let name: StrDeserializer<'_, Mismatch> = key.as_str().into_deserializer();
        match seed.deserialize(name) {
            Ok(key) => Ok(Some(key)),
            Err(unknown @ Mismatch { what: What::Unknown { .. }, .. }) => Err(unknown),
            Err(wrong) => Err(wrong.inside(key)),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let Some((key, node)) = self.entered.take() else {
            return Err(Mismatch::custom("a value was asked for before its key"));
        };
        seed.deserialize(Reader(node)).map_err(|mismatch| mismatch.inside(key))
    }
}
