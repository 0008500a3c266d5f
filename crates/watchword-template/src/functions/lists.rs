//! sprig's functions for lists.

use super::Wants::{Any, Int, Text};
use super::text::plain;
use super::{Call, Function, bounded};
use crate::error::Problem;
use crate::evaluate::item::{Item, List};
use crate::limits::MAX_LIST;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::with_rest("list", &[], Any, |call| Item::list(call.items.to_vec())),
    Function::with_rest("tuple", &[], Any, |call| Item::list(call.items.to_vec())),
    Function::new("join", &[Text, Any], |call| {
        let mut out = String::new();
        for (index, text) in texts(call.any(1))?.iter().enumerate() {
            out.push_str(if index > 0 { call.text(0) } else { "" });
            out.push_str(text);
            bounded(out.len())?;
        }
        Ok(Item::text(out))
    }),
    Function::new("toStrings", &[Any], |call| {
        Item::list(texts(call.any(0))?.into_iter().map(Item::text).collect())
    }),
    Function::new("sortAlpha", &[Any], |call| {
        let mut texts = texts(call.any(0))?;
        texts.sort_unstable();
        Item::list(texts.into_iter().map(Item::text).collect())
    }),
    Function::new("splitList", &[Text, Text], |call| {
        Item::list(
            super::maps::parts(call.text(0), call.text(1), None)
                .map(|part| Item::text(part.to_owned()))
                .collect(),
        )
    }),
    Function::new("first", &[Any], |call| Ok(list(call, 0)?.get(0).unwrap_or(Item::Nil))),
    Function::new("last", &[Any], |call| {
        let list = list(call, 0)?;
        Ok(list.len().checked_sub(1).and_then(|last| list.get(last)).unwrap_or(Item::Nil))
    }),
    Function::new("rest", &[Any], |call| Item::list(list(call, 0)?.iter().skip(1).collect())),
    Function::new("initial", &[Any], |call| {
        let list = list(call, 0)?;
        Item::list(list.iter().take(list.len().saturating_sub(1)).collect())
    }),
    Function::new("append", &[Any, Any], append),
    Function::new("push", &[Any, Any], append),
    Function::new("prepend", &[Any, Any], |call| {
        Item::list(std::iter::once(call.any(1).clone()).chain(list(call, 0)?.iter()).collect())
    }),
    Function::new("reverse", &[Any], |call| {
        let mut items: Vec<_> = list(call, 0)?.iter().collect();
        items.reverse();
        Item::list(items)
    }),
    Function::new("compact", &[Any], |call| {
        Item::list(list(call, 0)?.iter().filter(Item::is_true).collect())
    }),
    Function::new("has", &[Any, Any], |call| match call.any(1) {
        Item::Nil => Ok(Item::Bool(false)),
        _ => Ok(Item::Bool(list(call, 1)?.iter().any(|item| same(&item, call.any(0))))),
    }),
    Function::with_rest("without", &[Any], Any, |call| {
        let kept = |item: &Item<'_>| !call.items.iter().skip(1).any(|omit| same(omit, item));
        Item::list(list(call, 0)?.iter().filter(kept).collect())
    }),
    Function::new("until", &[Int], |call| {
        let count = call.int(0);
        steps(0, count, if count < 0 { -1 } else { 1 })
    }),
    Function::new("untilStep", &[Int, Int, Int], |call| steps(call.int(0), call.int(1), call.int(2))),
];

/// The list that a parameter is.
fn list<'c, 'a>(call: &Call<'c, 'a>, index: usize) -> Result<&'c List<'a>, Problem> {
    match call.any(index) {
        Item::List(list) => Ok(list),
        other => Err(format!("a list is wanted here, not {}", other.kind()).into()),
    }
}

/// What is there of a list, as texts; anything else is a list of itself.
fn texts(item: &Item<'_>) -> Result<Vec<String>, Problem> {
    match item {
        Item::Nil => Ok(Vec::new()),
        Item::List(list) => {
            let mut length = 0;
            let mut texts = Vec::with_capacity(list.len().min(MAX_LIST));
            for item in list.iter().filter(|item| !matches!(item, Item::Nil)) {
                let text = plain(&item)?;
                length += text.len();
                bounded(length)?;
                texts.push(text);
            }
            Ok(texts)
        }
        other => Ok(vec![plain(other)?]),
    }
}

fn append<'a>(call: &Call<'_, 'a>) -> Result<Item<'a>, Problem> {
    Item::list(list(call, 0)?.iter().chain(std::iter::once(call.any(1).clone())).collect())
}

/// Whether both are of one kind and equal, all the way down.
fn same(left: &Item<'_>, right: &Item<'_>) -> bool {
    match (left, right) {
        (Item::Nil, Item::Nil) => true,
        (Item::Bool(a), Item::Bool(b)) => a == b,
        (Item::Int(a), Item::Int(b)) | (Item::Duration(a), Item::Duration(b)) => a == b,
        (Item::Float(a), Item::Float(b)) => a == b,
        (Item::Text(a), Item::Text(b)) => a == b,
        (Item::Time(a), Item::Time(b)) => a == b,
        (Item::List(a), Item::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(&a, &b))
        }
        (Item::Map(a), Item::Map(b)) => {
            let (a, b) = (a.entries(), b.entries());
            a.len() == b.len() && a.iter().zip(&b).all(|((k, v), (l, w))| k == l && same(v, w))
        }
        _ => false,
    }
}

fn steps<'a>(start: i64, stop: i64, step: i64) -> Result<Item<'a>, Problem> {
    let mut items = Vec::new();
    let mut at = start;
    while step > 0 && at < stop || step < 0 && at > stop {
        if items.len() >= MAX_LIST {
            return Err(format!("a list has more than {MAX_LIST} places").into());
        }
        items.push(Item::Int(at));
        at = at.saturating_add(step);
    }
    Item::list(items)
}
