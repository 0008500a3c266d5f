//! Opening the database: whose it is, how it is set up, and clear words when it can't be used.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use thiserror::Error;

use super::tables::LookupHash;

/// The schema's versions, oldest first. A released one never changes.
const MIGRATIONS: [(&str, &str); 3] = [
    ("V1__initial", include_str!("migrations/V1__initial.sql")),
    ("V2__records_by_id", include_str!("migrations/V2__records_by_id.sql")),
    ("V3__key_slots", include_str!("migrations/V3__key_slots.sql")),
];

/// `PRAGMA application_id` of our databases, as the first migration sets it.
const APPLICATION_ID: i64 = 0x5774_5764;

/// How long a connection waits for another process that writes (the command line), before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Page cache of the writer, in KiB. Small on purpose: SQLite walks all of it at the end of most commits, which costs more than
/// the pages save that have to be fetched from the system's cache.
const WRITER_CACHE_KIB: u32 = 4 * 1024;

/// Page cache of the connection that reads, in KiB.
const READER_CACHE_KIB: u32 = 2 * 1024;

/// Page cache of the connection that copies the log into the database, in KiB; it reads past its cache.
const CHECKPOINT_CACHE_KIB: u32 = 64;

/// Why a database can't be opened. Each text says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The path is a folder.
    #[error("{path} is a folder; name a file in it, for instance {path}/watchword.db")]
    IsFolder {
        /// The path given.
        path: PathBuf,
    },
    /// The folder is missing and can't be made, or can't be entered.
    #[error(
        "the folder {folder} can't be used ({source}); create it and give it to the user that runs Watchword"
    )]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file can't be created, read or written.
    #[error(
        "{path} can't be opened ({source}); the user that runs Watchword must be able to write it and its folder"
    )]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A server has it.
    #[error("another running server holds {path}; stop that one, or give this one a store of its own")]
    Held {
        /// The path given.
        path: PathBuf,
    },
    /// A newer version wrote it.
    #[error(
        "{path} was written by a newer version of Watchword (its schema is {found}, this version knows {known}); \
         run that version, or a newer one"
    )]
    Newer {
        /// The path given.
        path: PathBuf,
        /// Its schema's version.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// No server of this version has set it up yet, so a tool beside the server can't use it.
    #[error(
        "{path} is not set up by this version yet (its schema is {found}, not {known}); start the server once"
    )]
    Older {
        /// The path given.
        path: PathBuf,
        /// Its schema's version; 0: none.
        found: i64,
        /// The one needed.
        known: i64,
    },
    /// It holds something else.
    #[error("{path} is not a Watchword database; choose another path, or move that file away")]
    Foreign {
        /// The path given.
        path: PathBuf,
    },
    /// No room to set it up.
    #[error("the disk that holds {path} is full; make room and start again")]
    DiskFull {
        /// The path given.
        path: PathBuf,
    },
    /// SQLite's write-ahead log needs memory that processes share, which network file systems don't have.
    #[error("the file system of {path} can't keep a write-ahead log; choose a path on a local disk")]
    NoLog {
        /// The path given.
        path: PathBuf,
    },
    /// The schema could not be brought up to date.
    #[error("the schema of {path} could not be brought up to date: {source}")]
    Migration {
        /// The path given.
        path: PathBuf,
        /// What went wrong.
        source: Box<refinery::Error>,
    },
    /// Anything else that SQLite refused.
    #[error("{path} can't be opened: {source}")]
    Database {
        /// The path given.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A thread could not be started.
    #[error("a thread for the store could not be started: {0}")]
    Thread(#[source] io::Error),
}

/// A database that is up to date, and the lock that keeps other servers out.
pub(super) struct Database {
    path: PathBuf,
    pub(super) writer: Connection,
    pub(super) hash: LookupHash,
    /// Held until the last connection is closed; `None` for a tool beside the server.
    pub(super) lock: Option<File>,
}

impl Database {
    /// Opens it for the one server that may have it: sets it up, and takes over what a dead process left claimed.
    pub(super) fn for_server(path: &Path, max_page_count: Option<u32>) -> Result<Self, OpenError> {
        create_folder_of(path)?;
        // SQLite gives its other files the mode of this one.
        private(OpenOptions::new().read(true).append(true).create(true))
            .open(path)
            .map_err(|source| OpenError::File { path: path.into(), source })?;
        let path = &canonical(path)?;
        let lock = lock(path)?;
        let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER_CACHE_KIB)?;
        let failed = |source| database_error(path, source);
        let (found, known) = (schema_version(&writer, path)?, known_version());
        if found > known {
            return Err(OpenError::Newer { path: path.into(), found, known });
        }
        if let Some(pages) = max_page_count {
            writer.pragma_update(None, "max_page_count", pages).map_err(failed)?;
        }
        let mode = "PRAGMA journal_mode = WAL";
        let mode = writer.query_row(mode, [], |row| row.get::<_, String>(0)).map_err(failed)?;
        if mode != "wal" {
            return Err(OpenError::NoLog { path: path.into() });
        }
        migrate(&mut writer, path)?;
        // The lock proves that whoever held these is gone.
        writer
            .execute("UPDATE outbox SET claimed = 0, due_at = created_at WHERE claimed = 1", [])
            .map_err(failed)?;
        let hash = LookupHash::load(&writer).map_err(failed)?;
        Ok(Self { path: path.into(), writer, hash, lock: Some(lock) })
    }

    /// Opens it beside a server that may be running, for a short piece of work.
    pub(super) fn for_tool(path: &Path) -> Result<Self, OpenError> {
        if path.is_dir() {
            return Err(OpenError::IsFolder { path: path.into() });
        }
        let path = &canonical(path)?;
        let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, READER_CACHE_KIB)?;
        let (found, known) = (schema_version(&writer, path)?, known_version());
        if found > known {
            return Err(OpenError::Newer { path: path.into(), found, known });
        }
        if found < known {
            return Err(OpenError::Older { path: path.into(), found, known });
        }
        let hash = LookupHash::load(&writer).map_err(|source| database_error(path, source))?;
        Ok(Self { path: path.into(), writer, hash, lock: None })
    }

    /// A connection that only reads.
    pub(super) fn reader(&self) -> Result<Connection, OpenError> {
        connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER_CACHE_KIB)
    }

    /// SQLite refused something while it was set up.
    pub(super) fn refused(&self, source: rusqlite::Error) -> OpenError {
        database_error(&self.path, source)
    }

    /// A connection that copies the log into the database.
    pub(super) fn checkpointer(&self) -> Result<Connection, OpenError> {
        connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE, CHECKPOINT_CACHE_KIB)
    }
}

/// The file that a path leads to: whichever links name it, it is one database with one lock. An absolute path can't be taken for
/// one of the names that mean something else to SQLite, either.
fn canonical(path: &Path) -> Result<PathBuf, OpenError> {
    path.canonicalize().map_err(|source| OpenError::File { path: path.into(), source })
}

fn known_version() -> i64 {
    MIGRATIONS.len() as i64
}

/// The folder of a database, made where it is missing, for nobody else to look into.
fn create_folder_of(path: &Path) -> Result<(), OpenError> {
    if path.is_dir() {
        return Err(OpenError::IsFolder { path: path.into() });
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => return Ok(()),
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| OpenError::Folder { folder: folder.into(), source })
}

/// For the owner only.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Takes the lock that one server at a time holds. It stands on its own file, so that tools may open the database meanwhile.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let name = PathBuf::from(name);
    let file = private(OpenOptions::new().read(true).append(true).create(true))
        .open(&name)
        .map_err(|source| OpenError::File { path: name.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path: name, source }),
    }
}

pub(super) fn connect(path: &Path, access: OpenFlags, cache_kib: u32) -> Result<Connection, OpenError> {
    let failed = |source| database_error(path, source);
    // Each connection belongs to one thread, so SQLite needs no locks of its own around it.
    let connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    // Without it a statement is planned anew for each value it is given, which costs more than running it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA foreign_keys = OFF;
             PRAGMA temp_store = MEMORY;
             PRAGMA secure_delete = ON;
             PRAGMA cache_size = -{cache_kib};"
        ))
        .map_err(failed)?;
    Ok(connection)
}

/// The version of the schema, 0 where there is none yet.
fn schema_version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let failed = |source| database_error(path, source);
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed);
    let tables =
        number("SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '%refinery_schema_history%'")?;
    if tables == 0 {
        return Ok(0);
    }
    if number("SELECT application_id FROM pragma_application_id")? != APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.into() });
    }
    number("SELECT coalesce(max(version), 0) FROM refinery_schema_history")
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source: refinery::Error| match disk_is_full(&source) {
        true => OpenError::DiskFull { path: path.into() },
        false => OpenError::Migration { path: path.into(), source: Box::new(source) },
    };
    let migrations = MIGRATIONS.iter().map(|(name, sql)| refinery::Migration::unapplied(name, sql));
    let migrations = migrations.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    refinery::Runner::new(&migrations).set_grouped(true).run(connection).map_err(failed)?;
    Ok(())
}

fn disk_is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| {
        cause.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code)
            == Some(ErrorCode::DiskFull)
    })
}

fn database_error(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.into();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { path },
        Some(ErrorCode::DiskFull) => OpenError::DiskFull { path },
        _ => OpenError::Database { path, source },
    }
}
