//! What mobile numbers look like: patterns of Java's, as operators write them into MDMS (wire contract of egov).

use std::fmt;
use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};

/// How often a pattern may try another way before it is given up: some milliseconds. What Java's own engine would do for years.
const MOST_STEPS: usize = 100_000;
/// Bytes that a compiled pattern may take.
const MOST_COMPILED: usize = 1 << 20;
/// Steps that a compiled pattern may be written in, repeats spelled out.
const MOST_INSTRUCTIONS: usize = 10_000;
/// Bytes that a pattern may have.
const MOST_WRITTEN: usize = 4_096;
/// Bytes that a number may have to be looked at. None that is good has so many.
const LONGEST_NUMBER: usize = 400;

/// A pattern, compiled when it is first needed: MDMS may hold hundreds that nobody uses.
pub(super) struct Pattern {
    written: String,
    compiled: OnceLock<Option<Regex>>,
}

/// What came of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matched {
    /// The whole number is as the pattern says.
    Wholly,
    /// It is not, or the pattern took too many steps to tell.
    Not,
    /// The pattern does not compile.
    Broken,
}

impl Pattern {
    pub(super) const fn new(written: String) -> Self {
        Self { written, compiled: OnceLock::new() }
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.written
    }

    /// Matches a whole number. One that has more than ASCII never matches: to Java's `\d` and `\w` there is nothing else.
    pub(super) fn matches(&self, number: &str) -> Matched {
        let Some(regex) = self.compiled.get_or_init(|| compile(&self.written)) else {
            return Matched::Broken;
        };
        if number.len() > LONGEST_NUMBER || !number.is_ascii() {
            return Matched::Not;
        }
        match regex.is_match(number) {
            Ok(true) => Matched::Wholly,
            Ok(false) | Err(_) => Matched::Not,
        }
    }
}

fn compile(written: &str) -> Option<Regex> {
    if written.len() > MOST_WRITTEN {
        return None;
    }
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .backtrack_limit(MOST_STEPS)
            .max_prog_size(MOST_INSTRUCTIONS)
            .delegate_size_limit(MOST_COMPILED)
            .delegate_dfa_size_limit(MOST_COMPILED)
            .build()
            .ok()
    };
    // By itself first: `a)|(b` is none, whatever stands around it.
    build(written)?;
    // A line's end closes a comment of `(?x)`; elsewhere it would have to be matched.
    build(&format!("\\A(?:{written})\\z")).or_else(|| build(&format!("\\A(?:{written}\n)\\z")))
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.written, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_must_match_as_a_whole() {
        for (pattern, number, matched) in [
            ("^[6-9][0-9]{9}$", "9876543210", Matched::Wholly),
            ("^[6-9][0-9]{9}$", "98765432100", Matched::Not),
            ("^[6-9][0-9]{9}$", "9876543210\n", Matched::Not),
            ("[0-9]{10}", "x9876543210", Matched::Not),
            ("1|12", "12", Matched::Wholly),
            (r"\d{10}", "9876543210", Matched::Wholly),
            (r"\d{10}", "९८७६५४३२१०", Matched::Not),
            (r"^(?!0+$)(?=\d{10}$)\d+", "9876543210", Matched::Wholly),
            (r"^(?!0+$)(?=\d{10}$)\d+", "0000000000", Matched::Not),
            (r"(\d)(?!\1{9})\d{9}", "9999999999", Matched::Not),
            (r"(\d)(?!\1{9})\d{9}", "9999999998", Matched::Wholly),
            (r"\d++", "123", Matched::Wholly),
            ("(?x)12 # twelve", "12", Matched::Wholly),
            ("^[0-9x#*]{10}$", "9876543210", Matched::Wholly),
            ("[6-9", "9", Matched::Broken),
            ("1)|(2", "2", Matched::Broken),
            ("*", "2", Matched::Broken),
            ("((a{1000}){1000}){1000}", "a", Matched::Broken),
        ] {
            assert_eq!(Pattern::new(pattern.to_owned()).matches(number), matched, "{pattern} {number}");
        }
    }

    #[test]
    fn a_pattern_that_would_fill_the_memory_does_not_compile() {
        for pattern in [
            "((a{1000}){1000}){1000}".to_owned(),
            r"(?:(\d)\1){1000}{1000}".to_owned(),
            r"((?:(?=\d)\d){1000}){1000}".to_owned(),
            r"(?<x>a\g<x>?b\g<x>?)".to_owned(),
            format!("{}a{}", "(?:(?=a)".repeat(400), "){9}".repeat(400)),
            "(".repeat(3_000),
            "a".repeat(5_000),
        ] {
            let pattern = Pattern::new(pattern);
            assert_ne!(pattern.matches("9876543210"), Matched::Wholly, "{pattern:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_given_up() {
        let number = format!("{}!", "a".repeat(300));
        for pattern in ["(a+)+$", "(?=(a+)+$)a+", r"(?:(a+)+)+\1$", r"^(?!b)((a|a)*)*\2$", r"(.*)*(?=x)"] {
            assert_eq!(Pattern::new(pattern.to_owned()).matches(&number), Matched::Not, "{pattern}");
        }
    }
}
