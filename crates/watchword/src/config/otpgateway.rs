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
use super::problem::Problem;
use super::tree::{Node, Origin};

pub(super) use form::listen_address;
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
