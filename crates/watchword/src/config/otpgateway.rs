//! otpgateway's own configuration, put into our words (wire contract of otpgateway, "Providers and config").
//!
//! Its files and its environment become one tree, as there; [`translate`] makes a tree of ours of it. Every value keeps its
//! place, and its name is kept beside, so that a mistake that is found later still names what the person has written.
//!
//! # How to add one more
//!
//! - **A setting of a section**: its line in `translate.rs`.
//! - **A provider**: its line in the list at the top of `providers.rs`.

mod form;
mod providers;
mod section;
mod translate;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::environment::is_service_link;
use super::file;
use super::problem::{Problem, dotted};
use super::tree::{Node, Origin};

pub(super) use section::Translated;
pub(super) use translate::translate;

/// Read where no file is named.
const USUAL_FILE: &str = "config.toml";

const PREFIX: &str = "OTP_GATEWAY_";

/// The configuration as its owner wrote it.
pub(super) struct Theirs {
    pub(super) root: Node,
    /// The files that are there.
    pub(super) read: Vec<PathBuf>,
    /// Files that are not there: no harm where the environment has all.
    pub(super) missing: Vec<Problem>,
}

/// Reads the files in their order, then the environment over them. A file that is not there is skipped; what can't be read
/// is recorded.
pub(super) fn read(
    files: &[PathBuf],
    variables: &[(OsString, OsString)],
    unreadable: &mut Vec<Problem>,
) -> Theirs {
    let mut theirs = Theirs { root: Node::table(Origin::BuiltIn), read: Vec::new(), missing: Vec::new() };
    let usual = [PathBuf::from(USUAL_FILE)];
    for path in if files.is_empty() { &usual[..] } else { files } {
        if !path.exists() {
            theirs.missing.push(missing(path));
            continue;
        }
        match file::read(path) {
            Ok(file) => theirs.root.merge(file),
            Err(problem) => unreadable.push(problem),
        }
        theirs.read.push(path.clone());
    }
    let mut ours: Vec<(&str, &OsString)> =
        variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value))).collect();
    ours.sort_unstable();
    for (name, value) in ours {
        let Some(key) = name.strip_prefix(PREFIX).filter(|key| !key.is_empty()) else { continue };
        let origin = Origin::Environment(name.into());
        match value.to_str() {
            Some(value) if is_service_link(name, value) => {}
            Some(value) => {
                let key = key.to_ascii_lowercase();
                theirs.root.set(&key.split("__").collect::<Vec<_>>(), value.to_owned(), &origin);
            }
            None => unreadable.push(Problem::new(origin, String::new(), "is not UTF-8 text".to_owned())),
        }
    }
    theirs
}

fn missing(path: &Path) -> Problem {
    Problem::of_file(path.display().to_string().into(), None, "there is no such file".to_owned())
}

/// What settings are called in the original.
#[derive(Default)]
pub(super) struct Renames(Vec<Rename>);

struct Rename {
    /// Where the value is. Ours of the same name may have been set elsewhere.
    origin: Origin,
    ours: String,
    theirs: String,
}

impl Renames {
    fn add(&mut self, origin: &Origin, ours: &[&str], theirs: String) {
        self.0.push(Rename { origin: origin.clone(), ours: dotted(ours), theirs });
    }

    /// The problem by the name that the person has written, if it is about something of theirs.
    pub(super) fn apply(&self, problem: Problem) -> Problem {
        let found = self.0.iter().filter_map(|rename| {
            let rest = problem.key().strip_prefix(&rename.ours)?;
            let is_there = problem.is_at(&rename.origin) && (rest.is_empty() || rest.starts_with('.'));
            is_there.then(|| (rename.ours.len(), format!("{}{rest}", rename.theirs)))
        });
        match found.max() {
            Some((_, key)) => problem.named(key),
            None => problem,
        }
    }
}
