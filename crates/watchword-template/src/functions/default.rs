//! sprig's functions that choose between values.

use super::Function;
use super::Wants::{Any, Bool};
use crate::evaluate::item::Item;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::with_rest("default", &[Any], Any, |call| {
        Ok(if call.any(1).is_true() { call.any(1).clone() } else { call.any(0).clone() })
    }),
    Function::new("empty", &[Any], |call| Ok(Item::Bool(!call.any(0).is_true()))),
    Function::with_rest("coalesce", &[], Any, |call| {
        Ok(call.items.iter().find(|item| item.is_true()).cloned().unwrap_or(Item::Nil))
    }),
    Function::with_rest("all", &[], Any, |call| Ok(Item::Bool(call.items.iter().all(Item::is_true)))),
    Function::with_rest("any", &[], Any, |call| Ok(Item::Bool(call.items.iter().any(Item::is_true)))),
    Function::new("ternary", &[Any, Any, Bool], |call| {
        Ok(if call.any(2).is_true() { call.any(0).clone() } else { call.any(1).clone() })
    }),
];
