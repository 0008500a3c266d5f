//! Go's own functions, save those that compare: printing, escaping, taking apart.

use super::Wants::{Any, Text};
use super::{Call, Function, bounded};
use crate::error::Problem;
use crate::evaluate::item::{Item, List};
use crate::format::{print, printf};
use crate::html::escapers;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::with_rest("print", &[], Any, |call| print::sprint(call.items).map(Item::text)),
    Function::with_rest("println", &[], Any, |call| print::sprintln(call.items).map(Item::text)),
    Function::with_rest("printf", &[Text], Any, |call| {
        printf::sprintf(call.text(0), &call.items[1..]).map(Item::text)
    }),
    Function::with_rest("html", &[], Any, |call| joined(call).map(|text| Item::text(escapers::html(&text)))),
    Function::with_rest("js", &[], Any, |call| joined(call).map(|text| Item::text(escapers::js(&text)))),
    Function::with_rest("urlquery", &[], Any, |call| {
        joined(call).map(|text| Item::text(escapers::urlquery(&text)))
    }),
    Function::new("len", &[Any], |call| match call.any(0) {
        Item::Text(text) => Ok(Item::Int(text.len() as i64)),
        Item::List(list) => Ok(Item::Int(list.len() as i64)),
        Item::Map(map) => Ok(Item::Int(map.len() as i64)),
        other => Err(format!("`len` wants a text, a list or a map, not {}", other.kind()).into()),
    }),
    Function::with_rest("index", &[Any], Any, |call| {
        if matches!(call.any(0), Item::Nil) {
            return Err("`index` has nothing to look into".into());
        }
        call.items.iter().skip(1).try_fold(call.any(0).clone(), |item, key| index(&item, key))
    }),
    Function::with_rest("slice", &[Any], Any, slice),
];

/// What the escapers get: all values as `print` shows them.
fn joined(call: &Call<'_, '_>) -> Result<String, Problem> {
    if let [Item::Text(text)] = call.items {
        return Ok(text.clone().into_owned());
    }
    let missing = |item: &Item<'_>| matches!(item, Item::Nil);
    if !call.items.iter().any(missing) {
        return print::sprint(call.items);
    }
    // What is not there is a text by then.
    let shown =
        call.items.iter().map(|item| if missing(item) { Item::text("<no value>") } else { item.clone() });
    let text = print::sprint(&shown.collect::<Vec<_>>())?;
    bounded(text.len())?;
    Ok(text)
}

fn index<'a>(item: &Item<'a>, key: &Item<'a>) -> Result<Item<'a>, Problem> {
    match (item, key) {
        (Item::Map(map), Item::Text(key)) => Ok(map.get(key).unwrap_or(Item::Nil)),
        (Item::List(list), Item::Int(place)) => {
            let found = usize::try_from(*place).ok().and_then(|place| list.get(place));
            found.ok_or_else(|| "`index` points behind the end of the list".into())
        }
        (Item::Text(text), Item::Int(place)) => {
            let found = usize::try_from(*place).ok().and_then(|place| text.as_bytes().get(place));
            found
                .map(|byte| Item::Int(i64::from(*byte)))
                .ok_or_else(|| "`index` points behind the end".into())
        }
        _ => Err(format!("`index` can't look into {} by {}", item.kind(), key.kind()).into()),
    }
}

/// Go's for texts, sprig's for lists.
fn slice<'a>(call: &Call<'_, 'a>) -> Result<Item<'a>, Problem> {
    let length = match call.any(0) {
        Item::Text(text) => text.len(),
        Item::List(list) if list.len() == 0 => return Ok(Item::Nil),
        Item::List(list) => list.len(),
        other => return Err(format!("`slice` wants a text or a list, not {}", other.kind()).into()),
    };
    if call.items.len() > 3 {
        return Err("`slice` takes at most two places".into());
    }
    let place = |index: usize, otherwise: usize| match call.items.get(index) {
        None => Ok(otherwise),
        Some(Item::Int(place)) => usize::try_from(*place)
            .ok()
            .filter(|place| *place <= length)
            .ok_or_else(|| Problem::from("`slice` points behind the end")),
        Some(other) => Err(format!("`slice` wants whole numbers, not {}", other.kind()).into()),
    };
    let (start, end) = (place(1, 0)?, place(2, length)?);
    if start > end {
        return Err("`slice` begins behind its end".into());
    }
    match call.any(0) {
        Item::Text(text) => Ok(Item::text(super::text::cut(text, start, end).to_owned())),
        Item::List(List::Given(items)) => Ok(Item::List(List::Given(&items[start..end]))),
        Item::List(list) => Item::list(list.iter().skip(start).take(end - start).collect()),
        _ => Ok(Item::Nil),
    }
}
