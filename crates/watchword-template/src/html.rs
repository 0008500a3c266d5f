//! HTML escaped by where a value stands, as `html/template` does: found out once, when the template is read.
//!
//! [`contextual`] walks the tree and follows the [`context`] through texts by the rules of [`markup`], [`script`] and [`style`];
//! each action then gets its [`escapers`].

mod attributes;
mod context;
mod contextual;
mod entities;
pub(crate) mod escapers;
mod inserted;
mod markup;
mod script;
mod step;
mod style;
mod url;

pub(crate) use contextual::escape;
pub(crate) use escapers::{Escaper, Escapers};
pub(crate) use inserted::write as escapers_write;
