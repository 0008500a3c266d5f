//! `watchword backup`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use thiserror::Error;
use watchword_store::{Copied, CopyError, copy};

use super::site::{Site, SiteError};
use super::sources::SourceOptions;
use super::{CommandError, say};
use crate::keys::KeyPlace;

/// Copy the embedded store, also while a server runs on it.
///
/// The copy holds everything that was acknowledged before it began, is checked, and is one file that a server can start on. It
/// holds no key: keep the key file too, apart from it.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The copy; its folder must be there
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Replace the file that is there
    #[arg(long)]
    force: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: SourceOptions,
}

/// Why there is no copy. Each text says what to do.
#[derive(Debug, Error)]
pub(super) enum BackupError {
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error("{path} is a folder; name a file in it, for instance {path}/watchword-backup.db")]
    IsFolder { path: PathBuf },
    #[error("the folder {folder} is not there; create it first")]
    NoFolder { folder: PathBuf },
    #[error("{path} is there already and stays as it is; choose another name, or replace it with --force")]
    Exists { path: PathBuf },
    #[error("{path} belongs to the store, its key or its configuration; choose another name")]
    IsStore { path: PathBuf },
    #[error("no file can be made in {folder} ({source}); choose a folder that you may write to")]
    Folder { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Copy(#[from] CopyError),
}

pub(super) fn run(options: Options) -> Result<(), CommandError> {
    let Options { path, force, json: as_json, sources } = options;
    let site = Site::read(sources)?;
    let copied = back_up(&site, &path, force)?;
    let shown = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string();
    let store = shown(site.store_path().map_err(BackupError::from)?);
    let Copied { bytes, verifications, outbox, records } = copied;
    if as_json {
        let copied = json!({
            "path": shown(&path),
            "store": store,
            "bytes": bytes,
            "verifications": verifications,
            "unsent_messages": outbox,
            "delivery_records": records,
        });
        say(&copied.to_string());
        return Ok(());
    }
    let keys = match &site.config.keys.place {
        KeyPlace::Environment(_) => "the keys in WATCHWORD_KEY: keep them".to_owned(),
        KeyPlace::File(key) => format!("the key file {}: keep a copy of that", shown(key)),
        KeyPlace::Store => "the copy itself, under the secrets of the configuration: keep those".to_owned(),
    };
    say(&format!(
        "Copied {store} to {}: {}, {verifications} verifications, {outbox} messages to be sent, {records} records of \
         messages. The copy is checked and on the disk.\n\
         It is of use only with {keys}, apart from this one.",
        shown(&path),
        size(bytes),
    ));
    Ok(())
}

fn back_up(site: &Site, path: &Path, force: bool) -> Result<Copied, BackupError> {
    let store = site.store_path()?;
    if path.is_dir() {
        return Err(BackupError::IsFolder { path: path.into() });
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(BackupError::NoFolder { folder: folder.into() });
    }
    if path.symlink_metadata().is_ok() {
        let same = |one: &Path, other: &Path| matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other);
        let beside = ["-wal", "-shm", "-lock", "-journal"].map(|end| {
            let mut name = store.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        });
        let key = match &site.config.keys.place {
            KeyPlace::File(key) => Some(key),
            _ => None,
        };
        let ours = beside.iter().chain(key).chain(&site.config.files);
        if same(path, store) || ours.into_iter().any(|ours| same(path, ours)) {
            return Err(BackupError::IsStore { path: path.into() });
        }
        if !force {
            return Err(BackupError::Exists { path: path.into() });
        }
    }
    let failed = |source| BackupError::Folder { folder: folder.into(), source };
    // For its owner only, and gone again where anything below fails.
    let unfinished =
        tempfile::Builder::new().prefix(".watchword-backup-").tempfile_in(folder).map_err(failed)?;
    let unfinished = unfinished.into_temp_path();
    let copied = copy(store, &unfinished)?;
    if force {
        unfinished.persist(path).map_err(|error| failed(error.error))?;
    } else {
        // It may have come meanwhile.
        unfinished.persist_noclobber(path).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists { path: path.into() },
            _ => failed(error.error),
        })?;
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(copied)
}

/// In the largest unit that it is one of at least.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(unit, _)| bytes >= *unit);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(unit, name)| {
            let tenths = bytes.saturating_mul(10) / unit;
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_in_its_own_unit() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1_023, "1023 bytes"),
            (1_024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (272_117_760, "259.5 MiB"),
            (1 << 34, "16.0 GiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
