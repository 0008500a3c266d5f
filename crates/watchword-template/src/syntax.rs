//! From source to a tree: [`lexer`] cuts it into tokens, [`parser`] makes the [`tree`], [`literal`] reads numbers and quoted texts.

pub(crate) mod lexer;
pub(crate) mod literal;
pub(crate) mod parser;
pub(crate) mod tree;
