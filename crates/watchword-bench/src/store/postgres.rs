//! A PostgreSQL.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

use super::Counters;
use crate::child::{self, RunningServer};
use crate::error::Error;
use crate::process;
use crate::stopwatch;

/// Where Debian has the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Who runs it where this program runs as root, which it refuses: `nobody`.
const NOBODY: u32 = 65_534;

/// Longest wait for a started server to take connections, and to stop.
const DEADLINE: Duration = Duration::from_secs(30);

/// Its processes hand over what they counted when they have had nothing to do for ten seconds, and not always before.
const HANDED_OVER: Duration = Duration::from_millis(10_500);

/// What it says of itself.
const COUNTERS: &str = "SELECT (SELECT sum(xact_commit)::bigint FROM pg_stat_database), \
                        (SELECT wal_sync FROM pg_stat_wal)";

/// A PostgreSQL that answers.
pub(super) struct RunningPostgres {
    pub(super) url: String,
    /// Of the first process, which all others come from.
    pub(super) pid: u32,
    /// The product and its version.
    pub(super) version: String,
    client: Client,
    started: Option<RunningServer>,
}

impl RunningPostgres {
    /// Starts one that makes every commit durable, unless `arguments` say something else.
    pub(super) async fn start(arguments: &str, folder: &Path) -> Result<Self, Error> {
        let folder = child::new_folder(folder)?;
        let fails = |source| Error::Folder { folder: folder.path().to_owned(), source };
        if rustix::process::geteuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).map_err(fails)?;
        }
        let data = folder.path().join("data");
        let mut initdb = command("initdb");
        initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]);
        run(initdb.arg(&data)).await?;

        let listen = child::free_address()?;
        let mut command = command("postgres");
        command.arg("-D").arg(&data).args(["-p", &listen.port().to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "fsync=on", "max_connections=300"] {
            command.args(["-c", setting]);
        }
        command.arg("-c").arg(format!("unix_socket_directories={}", folder.path().display()));
        command.args(arguments.split_ascii_whitespace());
        let started = RunningServer::launch(command, folder, listen, None).await?;
        Self::at(&format!("postgres://postgres@{listen}/postgres"), Some(started)).await
    }

    /// The one at `url`, started or not.
    pub(super) async fn at(url: &str, started: Option<RunningServer>) -> Result<Self, Error> {
        let config: Config =
            url.parse().map_err(|source| Error::Option(format!("--store-url can't be used: {source}")))?;
        // A server that is starting takes connections, and says that it is starting.
        let deadline = if started.is_some() { DEADLINE } else { Duration::ZERO };
        let mut last = None;
        let client = stopwatch::until(deadline, async || match connect(&config).await {
            Ok(client) => Some(client),
            Err(error) => {
                last = Some(error);
                None
            }
        });
        let Some(client) = client.await else {
            return Err(last.map_or(Error::StoreFormat { what: "answer" }, Error::Postgres));
        };
        let row = client.query_one("SELECT pg_backend_pid(), current_setting('server_version')", &[]).await;
        let row = row.map_err(Error::Postgres)?;
        let backend: i32 = row.try_get(0).map_err(Error::Postgres)?;
        let version: String = row.try_get(1).map_err(Error::Postgres)?;
        let pid = process::parent(backend.unsigned_abs())?;
        let version = format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default());
        Ok(Self { url: url.to_owned(), pid, version, client, started })
    }

    /// What was counted until now, all of it: it takes ten seconds.
    pub(super) async fn counters(&self) -> Result<Counters, Error> {
        stopwatch::wait(HANDED_OVER).await;
        let row = self.client.query_one(COUNTERS, &[]).await.map_err(Error::Postgres)?;
        let number = |column| row.try_get::<_, i64>(column).map(i64::unsigned_abs).map_err(Error::Postgres);
        Ok(Counters { calls: number(0)?, log_syncs: Some(number(1)?), ..Counters::default() })
    }
}

impl Drop for RunningPostgres {
    fn drop(&mut self) {
        // Killed, it would leave its shared memory behind.
        if let Some(started) = &mut self.started {
            started.quit(DEADLINE);
        }
    }
}

/// A connection of one's own; it ends with the client.
async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        // What is under way on it fails by itself.
        let _ = connection.await;
    });
    Ok(client)
}

/// A program of the newest version there is, else the one that the path finds.
fn command(name: &str) -> Command {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name().and_then(OsStr::to_str)?.parse::<u32>().ok();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path()).collect();
    versions.sort_by_key(number);
    let mut programs = versions.into_iter().rev().map(|version| version.join("bin").join(name));
    let mut command = Command::new(programs.find(|program| program.exists()).unwrap_or_else(|| name.into()));
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Runs a program to its end.
async fn run(command: &mut Command) -> Result<(), Error> {
    let program = PathBuf::from(command.get_program());
    let fails = |source| Error::Start { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(fails)?;
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.map_err(Error::Task)?;
    let output = output.map_err(fails)?;
    if output.status.success() {
        return Ok(());
    }
    let log = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    Err(Error::Exited { program: program.clone(), status: output.status, log })
}
