//! `watchword init`.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use thiserror::Error;
use watchword_core::ports::Random;
use zeroize::Zeroizing;

use super::{CommandError, say};
use crate::random::OsRandom;

const TEMPLATE: &str = include_str!("init.toml");

/// As many as a key has: nobody guesses it.
const SECRET_BYTES: usize = 32;

/// Write a first configuration: a namespace with a random secret, and a mail server to fill in.
///
/// A file that is there already is left as it is.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where to
    #[arg(long, value_name = "FILE", default_value = "watchword.toml")]
    path: PathBuf,
}

/// Why no file was written.
#[derive(Debug, Error)]
pub(super) enum InitError {
    #[error("{} is there already, and stays as it is: edit it, or name another place with --path", .path.display())]
    Exists { path: PathBuf },
    #[error("{} can't be written ({source}): name another place with --path", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

pub(super) fn run(options: &Options) -> Result<(), CommandError> {
    let path = &options.path;
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    OsRandom.fill(&mut *bytes);
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
    let text = Zeroizing::new(TEMPLATE.replace("{secret}", &secret));
    write(path, text.as_bytes()).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists { path: path.clone() },
        _ => InitError::Write { path: path.clone(), source },
    })?;
    say(&Next { path }.to_string());
    Ok(())
}

/// Whole or not at all, for the owner only, and never over another.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    // A link that leads nowhere is something too.
    if path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // `tempfile` makes its files with O_EXCL and 0600; a link to the final name fails where that is taken.
    let mut file = tempfile::Builder::new().prefix(".watchword-init-").tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// What to do with the new file.
struct Next<'a> {
    path: &'a Path,
}

impl fmt::Display for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let is_usual = self.path == Path::new("watchword.toml");
        let config = if is_usual { String::new() } else { format!(" --config {path}") };
        writeln!(
            f,
            "1. Fill in your mail server in {path}, under [providers.mail]. Only you can read the file."
        )?;
        writeln!(f, "2. Check it and start: watchword config check{config} && watchword serve{config}")?;
        write!(f, "3. Have a code sent: the command is in the last lines of {path}.")
    }
}
