//! What templates can call: Go's own functions, and those of sprig that messages use. One file a theme, each with its table.

mod compare;
mod dates;
mod default;
mod lists;
mod maps;
mod numbers;
mod text;
mod words;

use jiff::Timestamp;

use crate::error::{Problem, nearest};
use crate::evaluate::item::Item;
use crate::limits::MAX_OUTPUT;

/// A function by its name.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// What it must be given.
    pub(crate) takes: &'static [Wants],
    /// What may follow, any number of times.
    pub(crate) rest: Option<Wants>,
    pub(crate) body: Body,
}

/// How a function is carried out.
pub(crate) enum Body {
    Plain(for<'a> fn(&Call<'_, 'a>) -> Result<Item<'a>, Problem>),
    /// Takes its values one by one until one of them is as true as this, and gives the last taken: `and`, `or`.
    Until(bool),
}

/// What a parameter must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    Any,
    Text,
    Int,
    Bool,
    Map,
    Time,
}

/// One call: values that fit what the function takes.
pub(crate) struct Call<'c, 'a> {
    pub(crate) items: &'c [Item<'a>],
    pub(crate) now: Timestamp,
}

impl<'c, 'a> Call<'c, 'a> {
    /// A parameter that is a text.
    fn text(&self, index: usize) -> &'c str {
        match self.items.get(index) {
            Some(Item::Text(text)) => text,
            _ => "",
        }
    }

    /// A parameter that is a whole number.
    fn int(&self, index: usize) -> i64 {
        match self.items.get(index) {
            Some(Item::Int(int)) => *int,
            _ => 0,
        }
    }

    /// Any parameter.
    fn any(&self, index: usize) -> &'c Item<'a> {
        self.items.get(index).unwrap_or(&Item::Nil)
    }
}

impl Function {
    const fn new(name: &'static str, takes: &'static [Wants], body: Plain) -> Self {
        Self { name, takes, rest: None, body: Body::Plain(body) }
    }

    const fn with_rest(name: &'static str, takes: &'static [Wants], rest: Wants, body: Plain) -> Self {
        Self { name, takes, rest: Some(rest), body: Body::Plain(body) }
    }

    /// Whether it can be called with so many values.
    pub(crate) fn accepts(&self, count: usize) -> Result<(), String> {
        let (least, name) = (self.takes.len(), self.name);
        let values = |n: usize| if n == 1 { "1 value".to_owned() } else { format!("{n} values") };
        match self.rest {
            None if count != least => Err(format!("`{name}` takes {}, not {count}", values(least))),
            Some(_) if count < least => {
                Err(format!("`{name}` takes at least {}, not {count}", values(least)))
            }
            _ => Ok(()),
        }
    }

    /// What its parameter at `index` must be.
    pub(crate) fn wants(&self, index: usize) -> Wants {
        self.takes.get(index).copied().or(self.rest).unwrap_or(Wants::Any)
    }

    /// Whether `item` fits the parameter at `index`.
    pub(crate) fn check(&self, index: usize, item: &Item<'_>) -> Result<(), Problem> {
        let (fits, wanted) = match self.wants(index) {
            Wants::Any => return Ok(()),
            Wants::Text => (matches!(item, Item::Text(_)), "a text"),
            Wants::Int => (matches!(item, Item::Int(_)), "a whole number"),
            Wants::Bool => (matches!(item, Item::Bool(_)), "a truth value"),
            Wants::Map => (matches!(item, Item::Map(_)), "a map"),
            Wants::Time => (matches!(item, Item::Time(_)), "a point in time"),
        };
        if fits {
            return Ok(());
        }
        let hint = match self.wants(index) {
            Wants::Text => ": put it through `toString`",
            Wants::Int => ": put it through `int`",
            _ => "",
        };
        Err(format!("`{}` wants {wanted} as its value {}, not {}{hint}", self.name, index + 1, item.kind())
            .into())
    }
}

type Plain = for<'a> fn(&Call<'_, 'a>) -> Result<Item<'a>, Problem>;

const TABLES: &[&[Function]] = &[
    compare::FUNCTIONS,
    words::FUNCTIONS,
    text::FUNCTIONS,
    default::FUNCTIONS,
    numbers::FUNCTIONS,
    lists::FUNCTIONS,
    maps::FUNCTIONS,
    dates::FUNCTIONS,
];

fn all() -> impl Iterator<Item = &'static Function> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

/// Says that there is none, and which comes nearest.
pub(crate) fn unknown(name: &str) -> String {
    if name == "call" {
        return "`call` is not there: no value of a message is a function".to_owned();
    }
    format!("there is no function `{name}`{}", nearest(name, "", all().map(|function| function.name)))
}

/// Says no before a text of that length is made.
fn bounded(length: usize) -> Result<(), Problem> {
    if length > MAX_OUTPUT {
        return Err(format!("a function makes a text of more than {} KiB", MAX_OUTPUT / 1024).into());
    }
    Ok(())
}
