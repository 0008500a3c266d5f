//! Templates with pieces cut out and others put in: the same at every run.

use crate::corpus::{Case, Mode};

/// What is put into HTML, between actions.
const MARKUP: &[&str] = &[
    "<p ",
    ">",
    "<a href=\"",
    "\"",
    "'",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "/",
    "//",
    "/*",
    "*/",
    "<!--",
    "-->",
    "{{ .Html }}",
    "{{ .Name }}",
    "{{ .Count }}",
    "{{ .Url }}",
    "{{ if .Yes }}",
    "{{ else }}",
    "{{ end }}",
    "{{ range .List }}",
    "{{ . }}",
    " onclick=\"",
    " style=\"",
    "url(",
    ")",
    "?",
    "#",
    "=",
    " ",
    "x",
    "<title>",
    "</title>",
    "&amp;",
    "&quot;",
    "\\",
    "[",
    "]",
    "(",
    "+",
    "-",
    "\n",
    "<",
    "return ",
    ";",
    ":",
    "{",
    "}",
    ",",
    " title=",
    "{{ .BadUrl }}",
    "{{- ",
    "javascript:",
    "{{ break }}",
    "{{ template \"v\" . }}",
    "{{ define \"v\" }}",
    "<textarea>",
    "data-x=",
    "{{ .Quote | html }}",
    "{{ .Plus | urlquery }}",
    "<!doctype",
    "</",
    "<b",
];

/// What is put into texts, inside of actions too.
const WORDS: &[&str] = &[
    "{{ ",
    " }}",
    "|",
    "(",
    ")",
    " ",
    ".Name",
    ".List",
    "$",
    ".Count",
    "\"a\"",
    "1",
    "-1",
    "2.5",
    "printf \"%v\"",
    "print",
    "len",
    "index",
    "slice",
    "eq",
    "lt",
    "and",
    "or",
    "not",
    "upper",
    "trunc 2",
    "default 1",
    "join \",\"",
    "list",
    "first",
    "int",
    "add",
    "%d",
    "%5s",
    "%x",
    "%-5q",
    "%+d",
    "%05.2f",
    "%e",
    "%[1]d",
    "%*d",
    "%g",
    "%c",
    "%U",
    "%t",
    "$x := ",
    "$x = ",
    ".Map",
    ".OTPTTL",
    ".Minutes",
    "nil",
    "true",
    "{{ end }}",
    "{{ else }}",
    "{{ if .Yes }}",
    "{{ range .Items }}",
    "{{ with .Nested }}",
    "-",
    "\n",
    "'a'",
    "0x1F",
    "1e3",
    "`r`",
    ",",
    ".",
    ".Nothing",
    ".Missing",
    "quote",
    "cat",
    "replace \"a\" \"b\"",
    "html",
    "js",
    "urlquery",
];

/// `count` damaged templates.
pub(crate) fn damaged(cases: &[Case], count: usize) -> Vec<Case> {
    // Without a date Go takes today's, and where ours never cuts a character there is nothing to compare.
    let sound: Vec<&Case> =
        cases.iter().filter(|case| !case.ascii && !case.message && !case.source.contains("date")).collect();
    let mut dice = Dice(88_172_645_463_325_252);
    let damage = |number| {
        let case = sound[dice.below(sound.len())];
        let pieces = if case.mode == Mode::Html { MARKUP } else { WORDS };
        let mut source = case.source.clone();
        if dice.below(6) == 0 {
            let other = &sound[dice.below(sound.len())].source;
            let (end, start) = (dice.place(&source), dice.place(other));
            source = format!("{}{}", &source[..end], &other[start..]);
        }
        for _ in 0..=dice.below(3) {
            let start = dice.place(&source);
            let length = dice.below(2) * dice.below(6);
            let end = source.floor_char_boundary((start + length).min(source.len())).max(start);
            let (start, end) =
                if case.mode == Mode::Html { outside(&source, start, end) } else { (start, end) };
            source.replace_range(start..end, pieces[dice.below(pieces.len())]);
        }
        Case {
            title: format!("damaged {number} · {}", case.title),
            source,
            sprig: true,
            damaged: true,
            ..case.clone()
        }
    };
    (0..count).map(damage).collect()
}

/// Damage to an action is mostly no template any more: in HTML it goes behind it.
fn outside(source: &str, start: usize, end: usize) -> (usize, usize) {
    let inside = |at: usize| match source[..at].rfind("{{") {
        Some(open) => !source[open..at].contains("}}"),
        None => false,
    };
    let delimiter = source[start..end].contains(['{', '}']);
    if !inside(start) && !inside(end) && !delimiter {
        return (start, end);
    }
    let behind = source[start..].find("}}").map_or(source.len(), |close| start + close + 2);
    (behind, behind)
}

/// Where ours takes what Go refuses, as the crate's documentation says: one kind of whole number, `slice` of texts.
pub(crate) fn is_known_difference(error: &str) -> bool {
    error.contains("int64") || error.contains("calling slice")
}

/// Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % count.max(1) as u64).unwrap()
    }

    /// Somewhere between two characters.
    fn place(&mut self, source: &str) -> usize {
        source.floor_char_boundary(self.below(source.len() + 1))
    }
}
