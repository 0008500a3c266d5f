//! sprig's functions for maps.

use std::collections::BTreeMap;

use super::Function;
use super::Wants::{Any, Int, Map, Text};
use super::text::plain;
use crate::evaluate::item::{self, Item};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::with_rest("dict", &[], Any, |call| {
        let mut fields = BTreeMap::new();
        for pair in call.items.chunks(2) {
            let value = pair.get(1).cloned().unwrap_or_else(|| Item::text(""));
            fields.insert(plain(&pair[0])?, value);
        }
        Item::map(fields)
    }),
    Function::new("get", &[Map, Text], |call| {
        Ok(map(call.any(0)).and_then(|map| map.get(call.text(1))).unwrap_or_else(|| Item::text("")))
    }),
    Function::new("hasKey", &[Map, Text], |call| {
        Ok(Item::Bool(map(call.any(0)).is_some_and(|map| map.get(call.text(1)).is_some())))
    }),
    Function::new("split", &[Text, Text], |call| numbered(parts(call.text(0), call.text(1), None))),
    Function::new("splitn", &[Text, Int, Text], |call| {
        numbered(parts(call.text(0), call.text(2), Some(call.int(1))))
    }),
];

fn map<'c, 'a>(item: &'c Item<'a>) -> Option<&'c item::Map<'a>> {
    match item {
        Item::Map(map) => Some(map),
        _ => None,
    }
}

/// `_0`, `_1`, …
fn numbered<'t, 'a>(parts: impl Iterator<Item = &'t str>) -> Result<Item<'a>, crate::error::Problem> {
    let parts = parts.enumerate().take(crate::limits::MAX_LIST);
    Item::map(parts.map(|(index, part)| (format!("_{index}"), Item::text(part.to_owned()))).collect())
}

/// As `strings.SplitN`: at most `most` parts, all of them below 0 and without one. Nothing between parts: characters.
pub(super) fn parts<'t>(
    between: &'t str,
    text: &'t str,
    most: Option<i64>,
) -> Box<dyn Iterator<Item = &'t str> + 't> {
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    if !between.is_empty() {
        return if most == 0 { Box::new(std::iter::empty()) } else { Box::new(text.splitn(most, between)) };
    }
    let mut rest = text;
    let mut count = 0;
    Box::new(std::iter::from_fn(move || {
        let first = rest.chars().next().filter(|_| count < most)?;
        count += 1;
        let (part, after) = rest.split_at(if count == most { rest.len() } else { first.len_utf8() });
        rest = after;
        Some(part)
    }))
}
