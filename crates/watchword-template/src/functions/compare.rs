//! Logic and comparison, by Go's rules: values of different kinds don't compare.

use std::cmp::Ordering;

use super::Wants::Any;
use super::{Body, Call, Function};
use crate::error::Problem;
use crate::evaluate::item::Item;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "and", takes: &[Any], rest: Some(Any), body: Body::Until(false) },
    Function { name: "or", takes: &[Any], rest: Some(Any), body: Body::Until(true) },
    Function::new("not", &[Any], |call| Ok(Item::Bool(!call.any(0).is_true()))),
    Function::with_rest("eq", &[Any, Any], Any, |call| any_equal(call).map(Item::Bool)),
    Function::new("ne", &[Any, Any], |call| equal(call.any(0), call.any(1)).map(|same| Item::Bool(!same))),
    Function::new("lt", &[Any, Any], |call| {
        ordered(call).map(|order| Item::Bool(order == Some(Ordering::Less)))
    }),
    Function::new("le", &[Any, Any], |call| {
        let order = ordered(call)?;
        Ok(Item::Bool(matches!(order, Some(Ordering::Less | Ordering::Equal))))
    }),
    // Go defines both by what they are not, which shows with NaN.
    Function::new("gt", &[Any, Any], |call| {
        let order = ordered(call)?;
        Ok(Item::Bool(!matches!(order, Some(Ordering::Less | Ordering::Equal))))
    }),
    Function::new("ge", &[Any, Any], |call| {
        ordered(call).map(|order| Item::Bool(order != Some(Ordering::Less)))
    }),
];

/// Whether the first is equal to any of the others.
fn any_equal(call: &Call<'_, '_>) -> Result<bool, Problem> {
    for other in call.items.iter().skip(1) {
        if equal(call.any(0), other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(left: &Item<'_>, right: &Item<'_>) -> Result<bool, Problem> {
    match (left, right) {
        (Item::Nil, other) | (other, Item::Nil) => Ok(matches!(other, Item::Nil)),
        (Item::Bool(a), Item::Bool(b)) => Ok(a == b),
        (Item::Int(a) | Item::Duration(a), Item::Int(b) | Item::Duration(b)) => Ok(a == b),
        (Item::Float(a), Item::Float(b)) => Ok(a == b),
        (Item::Text(a), Item::Text(b)) => Ok(a == b),
        (Item::Time(a), Item::Time(b)) => Ok(a == b),
        _ => Err(incomparable(left, right)),
    }
}

fn ordered(call: &Call<'_, '_>) -> Result<Option<Ordering>, Problem> {
    match (call.any(0), call.any(1)) {
        (Item::Int(a) | Item::Duration(a), Item::Int(b) | Item::Duration(b)) => Ok(Some(a.cmp(b))),
        (Item::Float(a), Item::Float(b)) => Ok(a.partial_cmp(b)),
        (Item::Text(a), Item::Text(b)) => Ok(Some(a.cmp(b))),
        (left, right) => Err(incomparable(left, right)),
    }
}

fn incomparable(left: &Item<'_>, right: &Item<'_>) -> Problem {
    let hint = match (left, right) {
        (Item::Int(_), Item::Float(_)) | (Item::Float(_), Item::Int(_)) => {
            ": write `5.0`, or use `int` or `float64`"
        }
        _ => "",
    };
    format!("{} and {} don't compare{hint}", left.kind(), right.kind()).into()
}
