//! The words of a provider's messages: `subject`, `template`, `template_text` and `template_format`, which every kind of provider
//! has.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use watchword_core::delivery::BodyFormat;
use watchword_http::dialects::otpgateway::parse_template;

use super::problem::{Problem, dotted};
use super::read::{self, Place};
use super::tree::{Node, Origin, Value};

/// The settings that are read here.
pub(super) const KEYS: [&str; 4] = ["subject", "template", "template_text", "template_format"];

/// A template larger than this is none.
const MOST_BYTES: u64 = 64 * 1_024;

/// What one provider's messages say, as Go templates that were found sound. What is not there is the built-in text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageTemplates {
    /// The subject's template; plain text.
    pub subject: Option<String>,
    /// The body's.
    pub body: Option<BodyTemplate>,
}

/// The template of a body.
#[derive(Clone, PartialEq, Eq)]
pub struct BodyTemplate {
    /// The template itself.
    pub source: String,
    /// What it is written in.
    pub format: BodyFormat,
}

impl fmt::Debug for BodyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyTemplate").field("format", &self.format).finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
struct Section {
    subject: Option<String>,
    template: Option<PathBuf>,
    template_text: Option<String>,
    template_format: Option<BodyFormat>,
}

/// Takes the settings out of a provider's section, and reads what they name. `kind` is the provider's.
pub(super) fn take(
    name: &str,
    kind: &str,
    section: &mut Node,
    problems: &mut Vec<Problem>,
) -> MessageTemplates {
    let mut ours = Node::table(section.origin.clone());
    for key in KEYS {
        if let Some(node) = section.take(&[key]) {
            ours.insert(&[key], node);
        }
    }
    let supplied = match ours.get(&["template"]) {
        Some(Node { value: Value::Supplied(source), .. }) => {
            let source = *source;
            ours.take(&["template"]);
            Some(source)
        }
        _ => None,
    };
    let path = ["providers", name];
    let place = Place { path: &path, ..Place::default() };
    let Some(Section { subject, template, template_text, template_format }) =
        read::read(ours.clone(), place, problems, |reader| Section::deserialize(reader))
    else {
        return MessageTemplates::default();
    };
    let format = template_format.unwrap_or(if kind == "smtp" { BodyFormat::Html } else { BodyFormat::Text });
    let mut problem = |key: &str, text: String| {
        let path = [path[0], name, key];
        let origin = ours.nearest(&path[2..]).origin.clone();
        problems.push(Problem::new(origin, dotted(&path), text));
    };
    // As with otpgateway, an empty text is none.
    let subject = subject.filter(|subject| !subject.is_empty());
    if let Some(subject) = &subject
        && let Err(error) = parse_template(subject, BodyFormat::Text)
    {
        let is_line = !subject.contains('\n');
        problem("subject", if is_line { error.problem } else { error.to_string() });
    }
    let template = template.filter(|template| !template.as_os_str().is_empty());
    let template_text = template_text.filter(|text| !text.is_empty());
    if template.is_some() && template_text.is_some() {
        problem("template_text", "is set, and so is `template`; remove one".to_owned());
    }
    let source = match (template, template_text, supplied) {
        (None, None, None) => {
            if ours.get(&["template_format"]).is_some() {
                problem("template_format", "is for `template`, which is not set".to_owned());
            }
            return MessageTemplates { subject, body: None };
        }
        (None, Some(source), _) => {
            if source.len() as u64 > MOST_BYTES {
                problem("template_text", "is larger than 64 KiB".to_owned());
            } else if let Err(error) = parse_template(&source, format) {
                problem("template_text", error.to_string());
            }
            source
        }
        (None, None, Some(supplied)) => supplied.to_owned(),
        (Some(template), ..) => {
            let file = beside(&ours.nearest(&["template"]).origin, template);
            match read_file(&file) {
                Ok(source) => {
                    if let Err(error) = parse_template(&source, format) {
                        let file = file.display().to_string().into();
                        problems.push(Problem::of_file(file, Some(error.line), error.problem));
                    }
                    source
                }
                Err(text) => {
                    problem("template", text);
                    return MessageTemplates { subject, body: None };
                }
            }
        }
    };
    MessageTemplates { subject, body: Some(BodyTemplate { source, format }) }
}

/// A file that is named in a file is looked for beside it.
pub(super) fn beside(origin: &Origin, path: PathBuf) -> PathBuf {
    match origin {
        Origin::File { path: file, .. } => Path::new(&**file).with_file_name(path),
        Origin::Environment(_) | Origin::Flag(_) | Origin::BuiltIn => path,
    }
}

/// The text of a file, or what is wrong with it.
fn read_file(path: &Path) -> Result<String, String> {
    let shown = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let shown = shown.display();
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {shown}"),
        _ => format!("{shown} can't be read: {error}"),
    };
    // Opening what is no file may wait for ever.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("{shown} is larger than 64 KiB"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8 text"))
}
