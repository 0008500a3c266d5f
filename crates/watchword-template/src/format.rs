//! Values as texts, as Go's `fmt`, `strconv` and `time` print them.

pub(crate) mod date;
pub(crate) mod duration;
pub(crate) mod number;
pub(crate) mod print;
pub(crate) mod printf;
pub(crate) mod quote;
