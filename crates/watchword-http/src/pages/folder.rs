//! An operator's own files: which there are, and what is in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The templates that there are.
pub(super) const NAMES: [&str; 4] = ["layout.html", "code.html", "address.html", "message.html"];

/// The style sheet's name, here and under `/static/`.
pub(super) const STYLE: &str = "style.css";

/// A file larger than this is none of ours.
const MOST_BYTES: u64 = 64 * 1_024;

/// What is wrong with an operator's own page, text or style.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{}: {problem}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct PagesError {
    /// The file, or the folder.
    pub file: PathBuf,
    /// The line in it, from 1, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong, in words.
    pub problem: String,
}

/// A file of an operator's.
#[derive(Clone, Debug)]
pub(super) struct OwnFile {
    pub(super) path: PathBuf,
    pub(super) source: String,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    templates: BTreeMap<&'static str, OwnFile>,
    texts: BTreeMap<String, OwnFile>,
    style: Option<OwnFile>,
}

impl Overrides {
    /// Reads what is meant for us. What is in the files is not looked at yet.
    ///
    /// # Errors
    /// The folder or a file can't be read, or the name of a page or style is none that there is.
    pub(super) fn read(folder: &Path) -> Result<Self, Vec<PagesError>> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let wrong = |file: &Path, problem: String| PagesError { file: file.to_owned(), line: None, problem };
        let entries = fs::read_dir(&folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries =
            entries.map_err(|error| vec![wrong(&folder, format!("this folder can't be read: {error}"))])?;
        let (mut own, mut problems) = (Self::default(), Vec::new());
        for path in entries.into_iter().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some((stem, kind @ ("html" | "css" | "toml"))) = name.rsplit_once('.') else { continue };
            let template = NAMES.into_iter().find(|known| *known == name);
            let is_ours = match kind {
                "html" => template.is_some(),
                "css" => name == STYLE,
                _ => is_tag(stem),
            };
            if !is_ours {
                problems.push(wrong(&path, not_ours(kind)));
                continue;
            }
            match read(&path) {
                Err(problem) => problems.push(wrong(&path, problem)),
                Ok(source) => {
                    let file = OwnFile { path: path.clone(), source };
                    match template {
                        Some(template) => drop(own.templates.insert(template, file)),
                        None if kind == "css" => own.style = Some(file),
                        None => drop(own.texts.insert(stem.to_owned(), file)),
                    }
                }
            }
        }
        if problems.is_empty() { Ok(own) } else { Err(problems) }
    }

    pub(super) fn template(&self, name: &str) -> Option<&OwnFile> {
        self.templates.get(name)
    }

    pub(super) fn has_templates(&self) -> bool {
        !self.templates.is_empty()
    }

    /// By the language's tag as the file is named.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &OwnFile)> {
        self.texts.iter().map(|(tag, file)| (tag.as_str(), file))
    }

    pub(super) fn style(&self) -> Option<&str> {
        self.style.as_ref().map(|file| file.source.as_str())
    }
}

/// Whether it looks like a language's tag (RFC 5646): letters, then parts of letters and digits.
fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_language =
        |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    parts.next().is_some_and(is_language) && parts.all(is_part)
}

fn not_ours(kind: &str) -> String {
    match kind {
        "html" => format!("there is no page of this name; known: {}", NAMES.join(", ")),
        "css" => format!("there is no style sheet of this name; it is called {STYLE}"),
        _ => "a file of texts is named by its language, like en.toml or pt-br.toml".to_owned(),
    }
}

fn read(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("can't be read: {error}");
    // Opening what is no file may wait for ever.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err("is larger than 64 KiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

/// The line of a place in a text, from 1.
pub(super) fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}
