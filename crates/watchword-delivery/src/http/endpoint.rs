//! The URL of a request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use url::Origin;
use watchword_core::delivery::ProviderId;

use super::settings::Values;
use super::text::{Data, Text, Unmade};
use crate::checks::{check_requestable, http_url, wrong};
use crate::kind::BuildError;
use crate::settings::Secret;

/// Everything but the unreserved characters (RFC 3986, section 2.3).
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL whose path and query can hold values. Its origin is fixed: no message chooses where it is sent.
pub(super) struct Endpoint {
    parts: Vec<Part>,
    /// Encoded name and value, to be put behind the rest.
    query: Vec<(String, Text)>,
    origin: Origin,
    /// Whether values stand in the path.
    has_path_values: bool,
}

enum Part {
    Literal(Secret),
    Value(Text),
}

/// Why a URL can't be one.
pub(super) enum Wrong {
    Build(BuildError),
    Unmade(Unmade),
}

impl From<Unmade> for Wrong {
    fn from(unmade: Unmade) -> Self {
        Self::Unmade(unmade)
    }
}

impl From<BuildError> for Wrong {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl Endpoint {
    pub(super) fn new<'a>(
        id: &ProviderId,
        url: &Secret,
        query: impl IntoIterator<Item = (&'a String, &'a Values)>,
    ) -> Result<Self, Wrong> {
        let parts = split(url.expose())?;
        let beginning = match parts.first() {
            Some(Part::Literal(text)) => text.expose(),
            _ => "",
        };
        let has_values = parts.iter().any(|part| matches!(part, Part::Value(_)));
        if has_values && !names_origin(beginning) {
            return Err(
                wrong(id, "url", "must begin with its scheme and host as they are, without `{{`").into()
            );
        }
        let base = http_url(id, beginning)?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong(id, "url", "must not hold credentials; set `username` and `password`").into());
        }
        let mut queried = Vec::new();
        for (name, Values(values)) in query {
            for value in values {
                let text = Text::new(format!("query.{name}"), value)?;
                queried.push((utf8_percent_encode(name, VALUE).to_string(), text));
            }
        }
        let has_path_values = has_values && !beginning.contains('?');
        let endpoint = Self { parts, query: queried, origin: base.origin(), has_path_values };
        check_requestable(id, "url", &http_url(id, &endpoint.text(&Data::example())?)?)?;
        Ok(endpoint)
    }

    pub(super) fn render(&self, data: &Data) -> Result<Url, Unmade> {
        let text = self.text(data)?;
        match Url::parse(&text) {
            Ok(url) if url.origin() == self.origin => Ok(url),
            _ => Err(Unmade::new("url", "is no URL with the values of this message")),
        }
    }

    fn text(&self, data: &Data) -> Result<String, Unmade> {
        let mut url = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => url.push_str(text.expose()),
                Part::Value(text) => url.extend(utf8_percent_encode(&text.render(data)?, VALUE)),
            }
        }
        if self.has_path_values && leaves_its_path(&url) {
            return Err(Unmade::new("url", "would have a path segment `.` or `..`"));
        }
        for (name, text) in &self.query {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(name);
            url.push('=');
            url.extend(utf8_percent_encode(&text.render(data)?, VALUE));
        }
        Ok(url)
    }
}

/// Whether the authority has ended within `text`. Anything else before the first value could be lengthened by it.
fn names_origin(text: &str) -> bool {
    let authority = text.split_once("://").map(|(_, rest)| rest.trim_start_matches(['/', '\\']));
    authority.is_some_and(|rest| rest.contains(['/', '?', '\\']))
}

/// Whether a path segment is one that URL parsers take out, with the one before it (WHATWG URL, "double-dot path segment").
fn leaves_its_path(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.split(['/', '\\'])
        .any(|segment| matches!(segment.replace("%2e", ".").replace("%2E", ".").as_str(), "." | ".."))
}

/// The URL's literal parts and its values in between.
fn split(url: &str) -> Result<Vec<Part>, Unmade> {
    let mut parts = Vec::new();
    let mut rest = url;
    while let Some(start) = rest.find("{{") {
        if start > 0 {
            parts.push(Part::Literal(rest[..start].into()));
        }
        let end = start
            + action_length(&rest[start..])
                .ok_or_else(|| Unmade::new("url", "has a `{{` without its `}}`"))?;
        let action = &rest[start..end];
        if action.contains("urlquery") {
            return Err(Unmade::new(
                "url",
                "has `urlquery`, and values in it are percent-encoded anyway; remove that",
            ));
        }
        let text = Text::new("url".to_owned(), &action.into()).map_err(|unmade| {
            Unmade::new(
                unmade.setting,
                format!("{}; each {{{{ }}}} in it must print one value", unmade.problem),
            )
        })?;
        parts.push(Part::Value(text));
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.into()));
    }
    Ok(parts)
}

/// Bytes of the action that `text` begins with, its braces included.
fn action_length(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"' | '\'') if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'' | '`') => quote = Some(character),
            None if text[at..].starts_with("}}") => return Some(at + 2),
            None => {}
        }
    }
    None
}
