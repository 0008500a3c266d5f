//! The templates, and the engine that fills them in: every value is escaped, and none may work for long.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::folder::{NAMES, Overrides, PagesError};
use super::languages::{Language, Languages};
use super::page::Context;
use super::policy::Look;
use super::samples::samples;

const BUILT_IN: [&str; 4] = [
    include_str!("templates/layout.html"),
    include_str!("templates/code.html"),
    include_str!("templates/address.html"),
    include_str!("templates/message.html"),
];

/// Steps that a page may take; the built-in ones take some hundred.
const FUEL: u64 = 50_000;

/// All templates, compiled.
#[derive(Debug)]
pub(super) struct Templates(Environment<'static>);

impl Templates {
    /// # Errors
    /// A template of the operator's is none.
    pub(super) fn new(overrides: &Overrides, languages: &Languages) -> Result<Self, Vec<PagesError>> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(write);
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
            environment.set_syntax(syntax);
        }
        let by_tag: BTreeMap<String, Language> =
            languages.all().map(|language| (language.tag().to_owned(), language.clone())).collect();
        environment.add_function("text", move |state: &State<'_, '_>, name: &str, values: Kwargs| {
            let language = state.lookup("lang").and_then(|lang| by_tag.get(lang.as_str()?));
            let value =
                |placeholder: &str| values.get::<Value>(placeholder).ok().map(|value| value.to_string());
            let text = language.and_then(|language| language.text_with(name, value));
            // Values that no placeholder takes do no harm.
            let _ = values.args().count();
            text.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("there is no text `{name}`")))
        });
        let mut problems = Vec::new();
        for (name, built_in) in NAMES.into_iter().zip(BUILT_IN) {
            let source = overrides.template(name).map_or(built_in, |file| &file.source);
            if let Err(error) = environment.add_template_owned(name, source.to_owned()) {
                problems.push(problem(&error, overrides));
            }
        }
        if problems.is_empty() { Ok(Self(environment)) } else { Err(problems) }
    }

    /// Fills in every template with every kind of content, in every language.
    ///
    /// # Errors
    /// What goes wrong, each once.
    pub(super) fn try_out(
        &self,
        languages: &Languages,
        overrides: &Overrides,
    ) -> Result<(), Vec<PagesError>> {
        let (look, mut problems) = (Look::default(), Vec::new());
        for language in languages.all() {
            for (page, place) in samples() {
                let context = page.context(&place, language, &look);
                if let Err(error) = self.render(page.template(), &context) {
                    let problem = problem(&error, overrides);
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    pub(super) fn render(&self, name: &str, context: &Context<'_>) -> Result<String, Error> {
        self.0.get_template(name)?.render(Serde(context))
    }
}

/// A template's mistake, with the operator's file where it is in one.
fn problem(error: &Error, overrides: &Overrides) -> PagesError {
    let name = error.name().unwrap_or("the pages");
    let file = overrides.template(name).map_or_else(|| name.into(), |file| file.path.clone());
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    PagesError { file, line: error.line(), problem: format!("{}{detail}", error.kind()) }
}

/// Writes a value so that it is text in HTML, between tags and between quotes. A slash stays as it is, unlike in the engine's
/// own way: it ends nothing that the other characters have not begun, and links stay readable.
fn write(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_safe() || *state.auto_escape() == AutoEscape::None {
        return minijinja::escape_formatter(output, state, value);
    }
    let failed = |_| Error::from(ErrorKind::WriteFailure);
    match value.as_str() {
        Some(text) => escape(output, text).map_err(failed),
        None => escape(output, &value.to_string()).map_err(failed),
    }
}

fn escape(output: &mut Output<'_>, text: &str) -> std::fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        output.write_str(&rest[..at])?;
        output.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &rest[at + 1..];
    }
    output.write_str(rest)
}
