//! A consistent copy of a database, taken while a server writes to it.
//!
//! SQLite's online backup copies pages inside one read transaction: what was committed before it began is in the copy, what comes
//! later is not, and the writer waits for nobody. Meanwhile the write-ahead log can't start again from its beginning, so it grows
//! by what is written.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use thiserror::Error;

use super::open::{Database, OpenError, connect};

/// Pages (of 4 KiB) between two looks at the disk: what the server's commits may have to wait behind.
const STEP: i32 = 256;

/// The longest pause after a step.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Page cache of the copy, in KiB.
const COPY_CACHE_KIB: u32 = 2 * 1024;

/// What a copy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its size.
    pub bytes: u64,
    /// Verifications, expired ones that wait for the purge included.
    pub verifications: u64,
    /// Messages still to be sent.
    pub outbox: u64,
    /// Records of messages that ended.
    pub records: u64,
}

/// Why there is no copy. Each text says what to do.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The database can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No room for the copy.
    #[error("the disk that holds {path} is full; make room there, or choose another place for the copy")]
    DiskFull {
        /// The copy.
        path: PathBuf,
    },
    /// The copy can't be written.
    #[error("{path} can't be written: {source}")]
    File {
        /// The copy.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite refused a step.
    #[error("the copy of {path} failed: {source}")]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The copy does not hold together, and so, most likely, the database does not.
    #[error(
        "the copy of {path} is damaged, and so is the database then ({problem}); look at the disk, and keep older copies"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The first thing that is wrong.
        problem: String,
    },
}

/// Copies the database `from` into the empty file `to`, looks whether the copy holds together, and returns once it is on the
/// disk: one file, without a log beside it. A server may be running on `from`; it waits for nothing. Blocks the thread.
///
/// # Errors
/// See [`CopyError`]; what is in `to` then is worth nothing.
pub fn copy(from: &Path, to: &Path) -> Result<Copied, CopyError> {
    copy_within(from, to, None)
}

fn copy_within(from: &Path, to: &Path, max_page_count: Option<u32>) -> Result<Copied, CopyError> {
    let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => CopyError::DiskFull { path: to.into() },
        // Only the copy is written to.
        Some(ErrorCode::SystemIoFailure) if extended_code(&source) == Some(ffi::SQLITE_IOERR_WRITE) => {
            CopyError::File { path: to.into(), source: io::Error::other(source) }
        }
        _ => CopyError::Database { path: from.into(), source },
    };
    let written = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull => CopyError::DiskFull { path: to.into() },
        _ => CopyError::File { path: to.into(), source },
    };
    let file = File::options().write(true).open(to).map_err(written)?;
    let source = Database::for_tool(from)?.writer;
    let mut target = connect(to, OpenFlags::SQLITE_OPEN_READ_WRITE, COPY_CACHE_KIB)?;
    // It is worth nothing before it is whole, so nothing has to be undone, and what is written is synced below.
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;").map_err(failed)?;
    if let Some(pages) = max_page_count {
        target.pragma_update(None, "max_page_count", pages).map_err(failed)?;
    }
    copy_pages(&source, &mut target, &file, failed, written)?;
    source.close().map_err(|(_, error)| failed(error))?;
    target.close().map_err(|(_, error)| failed(error))?;
    let copied = look_at(from, to, failed)?;
    file.sync_all().map_err(written)?;
    Ok(Copied { bytes: file.metadata().map_err(written)?.len(), ..copied })
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

fn copy_pages(
    source: &Connection,
    target: &mut Connection,
    file: &File,
    failed: impl Fn(rusqlite::Error) -> CopyError,
    written: impl Fn(io::Error) -> CopyError,
) -> Result<(), CopyError> {
    // Without a transaction of ours, each commit of the server would make the copy begin anew.
    source.execute_batch("BEGIN").map_err(&failed)?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(&failed)?;
    let backup = Backup::new(source, target).map_err(&failed)?;
    loop {
        let took = timed(|| match backup.step(STEP).map_err(&failed)? {
            StepResult::Done => Ok(true),
            // A little at a time: a commit that comes now waits for no more than this.
            _ => file.sync_data().map(|()| false).map_err(&written),
        });
        match took {
            (Ok(true), _) => return Ok(()),
            (Ok(false), took) => pause(took.min(LONGEST_PAUSE)),
            (Err(error), _) => return Err(error),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long the disk takes decides how long it is left alone, and nothing else"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let done = work();
    (done, started.elapsed())
}

/// Leaves the disk to the server for as long as it was taken from it.
#[expect(clippy::disallowed_methods, reason = "nobody tells when the server has had its turn")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Whether the copy holds together, and what is in it.
fn look_at(
    from: &Path,
    to: &Path,
    failed: impl Fn(rusqlite::Error) -> CopyError,
) -> Result<Copied, CopyError> {
    let copy = connect(to, OpenFlags::SQLITE_OPEN_READ_WRITE, COPY_CACHE_KIB)?;
    let text = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, String>(0)).map_err(&failed);
    // A file that says it has a log can't be read where none can be made, as on a medium that is read-only.
    text("PRAGMA journal_mode = DELETE")?;
    let problem = text("PRAGMA integrity_check(1)")?;
    if problem != "ok" {
        return Err(CopyError::Damaged { path: from.into(), problem });
    }
    let count = |sql: &str| {
        let count = copy.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(&failed)?;
        Ok::<_, CopyError>(u64::try_from(count).unwrap_or(0))
    };
    let copied = Copied {
        bytes: 0,
        verifications: count("SELECT count(*) FROM verification")?,
        outbox: count("SELECT count(*) FROM outbox")?,
        records: count("SELECT count(*) FROM delivery_record")?,
    };
    copy.close().map_err(|(_, error)| failed(error))?;
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_file(folder: &Path) -> PathBuf {
        let path = folder.join("copy.db");
        File::create(&path).unwrap();
        path
    }

    #[test]
    fn a_disk_without_room_for_the_copy_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("watchword.db");
        let database = Database::for_server(&from, None).unwrap();
        let to = empty_file(folder.path());
        let error = copy_within(&from, &to, Some(3)).unwrap_err();
        assert!(matches!(error, CopyError::DiskFull { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "the disk that holds {} is full; make room there, or choose another place for the copy",
                to.display()
            )
        );
        drop(database);
    }

    #[test]
    fn a_damaged_database_makes_no_copy() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("watchword.db");
        let Database { writer, lock, .. } = Database::for_server(&from, None).unwrap();
        let fill = "INSERT INTO handled_request SELECT randomblob(16), 'app', value FROM \
             (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 5000) SELECT value FROM n)";
        writer.execute_batch(fill).unwrap();
        // An entry that its table lacks.
        let damage = "PRAGMA writable_schema = ON; \
             UPDATE sqlite_schema SET sql = replace(sql, '(garbage_at)', '(garbage_at DESC)') \
             WHERE name = 'handled_request_by_garbage_at'";
        writer.execute_batch(damage).unwrap();
        writer.close().unwrap();
        drop(lock);
        let error = copy(&from, &empty_file(folder.path())).unwrap_err();
        assert!(matches!(error, CopyError::Damaged { .. }), "{error:?}");
    }
}
