//! From source to a tree: [`lexer`] cuts it into tokens, [`parser`] and [`pipeline`] make the [`tree`], [`literal`] reads numbers and quoted texts.

pub(crate) mod lexer;
pub(crate) mod literal;
pub(crate) mod parser;
mod pipeline;
pub(crate) mod tree;
