//! The program where it ends by itself.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use watchword_testkit::deadline::DEADLINE;

use super::server::PROGRAM;

/// How a command ended, and what it said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command in a folder until it ends.
pub(crate) fn run_in<A: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = A>,
    environment: &[(&str, &str)],
) -> Run {
    // A server that starts after all would run for ever.
    let deadline = DEADLINE.as_secs().to_string();
    let mut command = Command::new("timeout");
    command.args([&deadline, PROGRAM]).args(arguments).envs(environment.iter().copied());
    let output = command.current_dir(folder).stdin(Stdio::null()).output().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
