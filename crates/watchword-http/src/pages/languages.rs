//! The words of the pages, one file a language, and which language a reader gets.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;

use super::folder::{Overrides, OwnFile, PagesError, line_at};

/// The language of everybody whose own is not here; it has every text.
const FALLBACK: &str = "en";

const BUILT_IN: [(&str, &str); 3] = [
    (FALLBACK, include_str!("texts/en.toml")),
    ("hi", include_str!("texts/hi.toml")),
    ("ru", include_str!("texts/ru.toml")),
];

/// The most languages that a browser's list is read for. Nobody reads so many.
const MAX_WANTED: usize = 32;

type Texts = BTreeMap<String, String>;

/// One language.
#[derive(Clone, Debug)]
pub(crate) struct Language {
    /// Its tag (RFC 5646), as pages name it.
    tag: String,
    texts: Arc<Texts>,
}

impl Language {
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// The text of that name with its placeholders filled in; `None`: there is no such text. A placeholder that has no value stays.
    pub(super) fn text(&self, name: &str, values: &[(&str, &dyn std::fmt::Display)]) -> Option<String> {
        Some(fill(self.texts.get(name)?, |placeholder| {
            let (_, value) = values.iter().find(|(name, _)| *name == placeholder)?;
            Some(value.to_string())
        }))
    }

    /// As [`Self::text`], with values looked up.
    pub(super) fn text_with(&self, name: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        Some(fill(self.texts.get(name)?, value))
    }
}

/// Replaces each `{name}` that has a value.
fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, name, after)) = next_placeholder(rest) {
        filled.push_str(before);
        match value(name) {
            Some(value) => filled.push_str(&value),
            None => filled.extend(["{", name, "}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// What is before the next placeholder, its name, and what is after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

fn placeholders(mut text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    while let Some((_, name, after)) = next_placeholder(text) {
        names.push(name);
        text = after;
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// All languages.
#[derive(Clone, Debug)]
pub(super) struct Languages {
    /// By tag in lower case.
    by_tag: BTreeMap<String, Language>,
    fallback: Language,
}

impl Languages {
    /// The built-in ones, with an operator's texts over them. A new language says in English what its file lacks.
    ///
    /// # Errors
    /// A file is not TOML, or has a text that no page shows, or one with a placeholder that nothing fills in.
    pub(super) fn new(overrides: &Overrides) -> Result<Self, Vec<PagesError>> {
        let mut by_tag = BTreeMap::new();
        for (tag, source) in BUILT_IN {
            let texts: Texts = toml::from_str(source).map_err(|error| {
                vec![PagesError { file: tag.into(), line: None, problem: error.message().to_owned() }]
            })?;
            by_tag.insert(tag.to_owned(), Language { tag: tag.to_owned(), texts: Arc::new(texts) });
        }
        let english = by_tag.get(FALLBACK).map(|language| Arc::clone(&language.texts)).unwrap_or_default();
        let mut problems = Vec::new();
        for (tag, file) in overrides.texts() {
            let own = read(file, &english).unwrap_or_else(|wrong| {
                problems.extend(wrong);
                Texts::new()
            });
            let key = tag.to_ascii_lowercase();
            let language = by_tag
                .entry(key)
                .or_insert_with(|| Language { tag: tag.to_owned(), texts: Arc::clone(&english) });
            Arc::make_mut(&mut language.texts).extend(own);
        }
        let Some(fallback) = by_tag.get(FALLBACK).cloned().filter(|_| problems.is_empty()) else {
            return Err(problems);
        };
        Ok(Self { by_tag, fallback })
    }

    /// The language that is wanted most: the lists of `Accept-Language` (RFC 9110 section 12.5.4), matched by shortening each wish
    /// until a language has its tag (RFC 4647 section 3.4).
    pub(super) fn choose<'a>(&self, lists: impl Iterator<Item = &'a str>) -> &Language {
        let wishes = lists.flat_map(|list| list.split(',')).take(MAX_WANTED).filter_map(wish);
        let mut best: Option<(&Language, u16)> = None;
        for (range, weight) in wishes {
            if let Some(language) = self.find(&range)
                && best.is_none_or(|(_, best)| weight > best)
            {
                best = Some((language, weight));
            }
        }
        best.map_or(&self.fallback, |(language, _)| language)
    }

    fn find(&self, range: &str) -> Option<&Language> {
        if range == "*" {
            return Some(&self.fallback);
        }
        let mut range = range;
        loop {
            if let Some(language) = self.by_tag.get(range) {
                return Some(language);
            }
            range = range.rsplit_once('-')?.0;
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Language> {
        self.by_tag.values()
    }
}

/// A range in lower case and its weight in thousandths; `None`: it is not wanted, or makes no sense.
fn wish(item: &str) -> Option<(String, u16)> {
    let mut parts = item.split(';');
    let range = parts.next()?.trim().to_ascii_lowercase();
    if range.is_empty() {
        return None;
    }
    let weight = match parts.find_map(|part| part.trim().strip_prefix("q=")) {
        None => 1.0,
        Some(weight) => weight.trim().parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 1000")]
    let thousandths = (weight * 1_000.0).round() as u16;
    (thousandths > 0).then_some((range, thousandths))
}

/// An operator's texts, each compared with the one it replaces.
fn read(file: &OwnFile, english: &Texts) -> Result<Texts, Vec<PagesError>> {
    let at = |line, problem| PagesError { file: file.path.clone(), line, problem };
    let texts: BTreeMap<Spanned<String>, String> = match toml::from_str(&file.source) {
        Ok(texts) => texts,
        Err(error) => {
            let line = error.span().map(|span| line_at(&file.source, span.start));
            return Err(vec![at(line, error.message().to_owned())]);
        }
    };
    let mut problems = Vec::new();
    for (name, text) in &texts {
        let line = Some(line_at(&file.source, name.span().start));
        let name = name.get_ref();
        let Some(original) = english.get(name) else {
            problems.push(at(line, format!("no page has a text `{name}`")));
            continue;
        };
        let known = placeholders(original);
        for unknown in placeholders(text).into_iter().filter(|placeholder| !known.contains(placeholder)) {
            let known = match known.is_empty() {
                true => "it has none".to_owned(),
                false => format!("it has {}", known.join(", ")),
            };
            problems.push(at(line, format!("nothing fills in `{{{unknown}}}` of `{name}`; {known}")));
        }
    }
    if problems.is_empty() {
        Ok(texts.into_iter().map(|(name, text)| (name.into_inner(), text)).collect())
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn languages() -> Languages {
        Languages::new(&Overrides::default()).unwrap()
    }

    #[test]
    fn every_language_says_everything_with_the_same_placeholders() {
        let languages = languages();
        let shape = |language: &Language| {
            let texts = language.texts.iter();
            texts
                .map(|(name, text)| {
                    assert!(!text.trim().is_empty(), "{} of {}", name, language.tag);
                    (name.clone(), placeholders(text).into_iter().map(str::to_owned).collect::<Vec<_>>())
                })
                .collect::<Vec<_>>()
        };
        for language in languages.all() {
            assert_eq!(shape(language), shape(&languages.fallback), "{}", language.tag);
        }
    }

    #[test]
    fn the_words_that_clients_look_for_are_those_of_the_contract() {
        let languages = languages();
        for (name, text) in [
            ("verify", "Verify {channel}"),
            ("incorrect", "Incorrect OTP"),
            ("resent", "OTP resent"),
            ("attempts", "{attempts} / {max_attempts} attempts"),
            ("expired_title", "Session expired"),
            ("locked_title", "Too many attempts"),
            ("verified_title", "{channel} verified"),
        ] {
            assert_eq!(languages.fallback.texts[name], text);
        }
    }

    #[test]
    fn a_reader_gets_the_language_that_is_liked_best() {
        let languages = languages();
        for (lists, tag) in [
            (&[][..], "en"),
            (&[""], "en"),
            (&["ru"], "ru"),
            (&["ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7"], "ru"),
            (&["fr-FR, HI;q=0.5, en;q=0.3"], "hi"),
            (&["en;q=0.3, hi;q=0.31"], "hi"),
            (&["de, fr"], "en"),
            (&["*, ru;q=0.5"], "en"),
            (&["ru;q=0, hi;q=0.1"], "hi"),
            (&["ru;q=2", "hi;q=x"], "en"),
            (&["de", "ru;q=0.2"], "ru"),
            (&["hi-Latn-IN"], "hi"),
            (&["ru;q=0.5, hi;q=0.5"], "ru"),
            (&[",;,;q=1,ru;level=1;q=1"], "ru"),
        ] {
            assert_eq!(languages.choose(lists.iter().copied()).tag, tag, "{lists:?}");
        }
    }

    #[test]
    fn placeholders_are_filled_in_once() {
        let value = |name: &str| (name == "a").then(|| "{b}".to_owned());
        for (text, filled) in
            [("", ""), ("{a}-{a}", "{b}-{b}"), ("{b} {a}", "{b} {b}"), ("{a", "{a"), ("a} {", "a} {")]
        {
            assert_eq!(fill(text, value), filled);
        }
    }
}
