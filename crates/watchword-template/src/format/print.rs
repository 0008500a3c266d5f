//! `fmt.Sprint`: values as `%v` prints them.

use std::fmt::Write;

use super::{date, duration, number};
use crate::error::Problem;
use crate::evaluate::item::Item;
use crate::limits::{MAX_OUTPUT, MAX_VALUE_DEPTH};

/// Appends what `%v` prints.
pub(crate) fn write(out: &mut String, item: &Item<'_>) -> Result<(), Problem> {
    write_at(out, item, 0)
}

fn write_at(out: &mut String, item: &Item<'_>, depth: usize) -> Result<(), Problem> {
    if depth > MAX_VALUE_DEPTH {
        return Err(too_deep());
    }
    if out.len() > MAX_OUTPUT {
        return Err(format!("a printed value is longer than {} KiB", MAX_OUTPUT / 1024).into());
    }
    // Writing to a String can't fail.
    match item {
        Item::Nil => out.push_str("<nil>"),
        Item::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Item::Int(int) => {
            let _ = write!(out, "{int}");
        }
        Item::Float(float) => out.push_str(&number::shortest(*float)),
        Item::Text(text) => out.push_str(text),
        Item::Duration(nanos) => duration::write(out, *nanos),
        Item::Time(time) => date::write(out, *time),
        Item::List(list) => {
            out.push('[');
            for (index, element) in list.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_at(out, &element, depth + 1)?;
            }
            out.push(']');
        }
        Item::Map(map) => {
            out.push_str("map[");
            for (index, (key, element)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                write_at(out, element, depth + 1)?;
            }
            out.push(']');
        }
    }
    Ok(())
}

pub(crate) fn too_deep() -> Problem {
    format!("a list or map more than {MAX_VALUE_DEPTH} deep can't be printed").into()
}

/// `fmt.Sprint`: spaces only between two values of which neither is a text.
pub(crate) fn sprint(items: &[Item<'_>]) -> Result<String, Problem> {
    let mut out = String::new();
    let mut text_before = true;
    for item in items {
        let text = matches!(item, Item::Text(_));
        if !text && !text_before {
            out.push(' ');
        }
        write(&mut out, item)?;
        text_before = text;
    }
    Ok(out)
}

/// `fmt.Sprintln`: spaces between all, and a line end.
pub(crate) fn sprintln(items: &[Item<'_>]) -> Result<String, Problem> {
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write(&mut out, item)?;
    }
    out.push('\n');
    Ok(out)
}
