//! sprig's arithmetic: everything becomes a whole number first, what can't be one becomes 0.

use super::Wants::{Any, Int, Text};
use super::{Call, Function};
use crate::error::Problem;
use crate::evaluate::item::Item;
use crate::syntax::literal::{self, Number};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::with_rest("add", &[], Any, |call| {
        Ok(Item::Int(call.items.iter().fold(0i64, |sum, item| sum.wrapping_add(whole(item)))))
    }),
    Function::new("add1", &[Any], |call| Ok(Item::Int(whole(call.any(0)).wrapping_add(1)))),
    Function::new("sub", &[Any, Any], |call| two(call, |a, b| Some(a.wrapping_sub(b)))),
    Function::with_rest("mul", &[Any], Any, |call| {
        Ok(Item::Int(call.items.iter().fold(1i64, |product, item| product.wrapping_mul(whole(item)))))
    }),
    Function::new("div", &[Any, Any], |call| two(call, |a, b| (b != 0).then(|| a.wrapping_div(b)))),
    Function::new("mod", &[Any, Any], |call| two(call, |a, b| (b != 0).then(|| a.wrapping_rem(b)))),
    Function::with_rest("max", &[Any], Any, |call| extreme(call, i64::max)),
    Function::with_rest("biggest", &[Any], Any, |call| extreme(call, i64::max)),
    Function::with_rest("min", &[Any], Any, |call| extreme(call, i64::min)),
    Function::new("int", &[Any], |call| Ok(Item::Int(whole(call.any(0))))),
    Function::new("int64", &[Any], |call| Ok(Item::Int(whole(call.any(0))))),
    Function::new("float64", &[Any], |call| Ok(Item::Float(fraction(call.any(0))))),
    Function::new("atoi", &[Text], |call| {
        let text = call.text(0);
        Ok(Item::Int(text.parse().unwrap_or(0)))
    }),
    Function::new("floor", &[Any], |call| Ok(Item::Float(fraction(call.any(0)).floor()))),
    Function::new("ceil", &[Any], |call| Ok(Item::Float(fraction(call.any(0)).ceil()))),
    Function::new("round", &[Any, Int], |call| {
        let places = i32::try_from(call.int(1)).unwrap_or(if call.int(1) < 0 { i32::MIN } else { i32::MAX });
        let scale = 10f64.powi(places);
        let digit = scale * fraction(call.any(0));
        // sprig's: up from a half on, which for a negative number is never reached.
        let rounded = if digit.fract() >= 0.5 { digit.ceil() } else { digit.floor() };
        Ok(Item::Float(rounded / scale))
    }),
];

fn two<'a>(call: &Call<'_, 'a>, op: fn(i64, i64) -> Option<i64>) -> Result<Item<'a>, Problem> {
    let result = op(whole(call.any(0)), whole(call.any(1)));
    result.map(Item::Int).ok_or_else(|| "division by zero".into())
}

fn extreme<'a>(call: &Call<'_, 'a>, op: fn(i64, i64) -> i64) -> Result<Item<'a>, Problem> {
    Ok(Item::Int(call.items.iter().map(whole).reduce(op).unwrap_or(0)))
}

/// As `cast.ToInt64`.
pub(super) fn whole(item: &Item<'_>) -> i64 {
    match item {
        Item::Int(int) => *int,
        Item::Float(float) => *float as i64,
        Item::Bool(truth) => i64::from(*truth),
        Item::Text(text) => {
            let zeros = text.trim_end_matches('0');
            let text = zeros.strip_suffix('.').filter(|_| zeros.len() < text.len()).unwrap_or(text);
            match literal::number(text) {
                Ok(Number::Int(int)) => int,
                _ => 0,
            }
        }
        _ => 0,
    }
}

/// As `cast.ToFloat64`.
fn fraction(item: &Item<'_>) -> f64 {
    match item {
        Item::Float(float) => *float,
        Item::Text(text) => text.parse().unwrap_or(0.0),
        other => whole(other) as f64,
    }
}
