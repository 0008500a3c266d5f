//! Another product's configuration as a `watchword.toml`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use toml::Table;

use super::otpgateway::{self, Theirs};
use super::problem::Problem;
use super::translated::Translated;
use super::tree::{Node, Value};
use super::{ConfigError, Original, egov, perfumer};

/// The sections in the order in which people read them; others come after.
const ORDER: [&str; 9] =
    ["server", "namespaces", "perfumer", "egov", "providers", "store", "otp", "pages", "log"];

const HEAD: &str = "\
# What the other product's configuration says, in Watchword's words: `watchword config check --config THIS_FILE`, and then
# `watchword serve --config THIS_FILE`. It holds secrets: nobody but its owner may read it.
";

const NOT_TAKEN_OVER: &str = "\
#
# What has no place here:
";

const KEY_NEEDED: &str = "the data key that the store keeps by itself under `--as`: set WATCHWORD_KEY, made with \
    `openssl rand -hex 32`, on every node";

/// The `watchword.toml` that says what the original's files, and its variables over them, say. Secrets are in it as they are;
/// what has no meaning any more is told in comments. Values are not checked any further.
///
/// # Errors
/// A file can't be read, or it holds what can't be put into our words; each mistake by its place there.
pub fn import(
    original: Original,
    files: &[PathBuf],
    environment: &[(OsString, OsString)],
) -> Result<String, ConfigError> {
    let mut problems = Vec::new();
    let translated = match original {
        Original::Otpgateway => {
            let Theirs { root, missing, .. } = otpgateway::read(files, environment, &mut problems);
            problems.extend(missing);
            otpgateway::translate(root)
        }
        Original::Perfumer => {
            problems.extend(files.iter().map(|file| perfumer::has_no_file(file)));
            perfumer::translate(environment, &mut problems)
        }
        Original::Egov => egov::translate(files, environment, &mut problems),
    };
    let Translated { root, problems: found, warnings, without_store, .. } = translated;
    problems.extend(found);
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    let mut remarks = warnings;
    match root.get(&["store", "url"]) {
        None => remarks.extend(without_store.iter().map(Problem::to_string)),
        Some(Node { value: Value::Text(url), .. }) if url.starts_with("sqlite:") => {}
        Some(_) => remarks.push(KEY_NEEDED.to_owned()),
    }
    Ok(document(&root, &remarks))
}

fn document(root: &Node, remarks: &[String]) -> String {
    let mut text = HEAD.to_owned();
    if !remarks.is_empty() {
        text.push_str(NOT_TAKEN_OVER);
    }
    for remark in remarks {
        // A line of a comment ends where the comment does.
        let remark = remark.replace(char::is_control, " ");
        let _ = writeln!(text, "# - {remark}");
    }
    let Value::Table(sections) = &root.value else { return text };
    let rank = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut names: Vec<&String> = sections.keys().collect();
    names.sort_by_key(|name| rank(name));
    for name in names {
        let section = Table::from_iter([(name.clone(), value(&sections[name]))]);
        let _ = write!(text, "\n{section:#}");
    }
    text
}

fn value(node: &Node) -> toml::Value {
    match &node.value {
        Value::Table(settings) => {
            let setting = |(name, node): (&String, &Node)| match &node.value {
                // A file of theirs that comes with us is in no folder of anybody's.
                Value::Supplied(template) => ("template_text".to_owned(), (*template).into()),
                _ => (name.clone(), value(node)),
            };
            toml::Value::Table(settings.iter().map(setting).collect())
        }
        Value::Array(items) => toml::Value::Array(items.iter().map(value).collect()),
        Value::Text(text) => text.as_str().into(),
        Value::Whole(number) => (*number).into(),
        Value::Boolean(value) => (*value).into(),
        Value::Supplied(text) | Value::Other(text) => (*text).into(),
    }
}
