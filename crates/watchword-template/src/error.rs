//! Why a template can't be used.

use std::borrow::Cow;

use thiserror::Error;

/// Why a template can't be used, or could not be carried out. It never repeats a value that the template was given.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct TemplateError {
    /// The line of the template, from 1.
    pub line: usize,
    /// What is wrong, in words that say what to do.
    pub problem: String,
}

impl TemplateError {
    pub(crate) fn new(line: u32, problem: impl Into<String>) -> Self {
        Self { line: line as usize, problem: problem.into() }
    }
}

/// What is wrong, where the line is not known yet. It is made of words and names of the template's own text, never of values.
pub(crate) type Problem = Cow<'static, str>;

/// `, did you mean …?` for the nearest of `known`, or nothing. `mark` is what stands before a name of its kind.
pub(crate) fn nearest<'a>(wanted: &str, mark: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let scored = known.into_iter().map(|name| {
        let distance = strsim::damerau_levenshtein(&wanted.to_lowercase(), &name.to_lowercase());
        (distance, name)
    });
    match scored.min() {
        Some((distance, name)) if distance <= 1 + wanted.chars().count() / 3 => {
            format!(", did you mean `{mark}{name}`?")
        }
        _ => String::new(),
    }
}
