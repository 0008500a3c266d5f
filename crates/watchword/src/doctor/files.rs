//! Files that hold secrets, and who may read them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Finding, State};
use crate::config::Config;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let examine = |path| mode_of("configuration", path, "it has secrets in it");
    config.files.iter().filter_map(|path| examine(path)).collect()
}

/// Whether only its owner (and its group) may read a file. `None`: it is not there.
pub(super) fn mode_of(subject: &str, path: &Path, why: &str) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let shown = path.display();
    Some(if mode & 0o007 == 0 {
        Finding::new(subject, State::Good, format!("{shown} (mode {mode:03o})"))
    } else {
        let detail =
            format!("{shown} can be read by everybody (mode {mode:03o}), and {why}: chmod o= {shown}");
        Finding::new(subject, State::Warning, detail)
    })
}
