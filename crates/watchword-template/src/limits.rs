//! How much a template may ask for. Each limit is far above what a message needs.

/// Bytes of a template's own text.
pub const MAX_SOURCE: usize = 256 * 1024;
/// Bytes of what it prints, and of any one text that it makes on the way.
pub const MAX_OUTPUT: usize = 256 * 1024;
/// Places of any one list that it makes.
pub const MAX_LIST: usize = 10_000;
/// Steps of one rendering: a step is a node carried out, an argument taken, or 64 bytes of text read or made by a function.
pub const MAX_STEPS: u32 = 100_000;
/// How deep actions and parentheses may stand in each other.
pub const MAX_NESTING: usize = 64;
/// How deep a rendering may go: actions and parentheses in each other, over all templates that call each other.
pub const MAX_DEPTH: usize = 200;
/// How deep lists and maps may stand in each other where one is printed.
pub(crate) const MAX_VALUE_DEPTH: usize = 32;
/// How many times the templates of one source may be copied for the contexts of HTML that they are called in.
pub(crate) const MAX_DERIVED: usize = 100;
