//! Real servers of PostgreSQL, and of PgBouncer before them, on free ports of 127.0.0.1. They need the Debian packages `postgresql`
//! and `pgbouncer`; of several versions of PostgreSQL the newest is used.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::net;
use crate::process::Process;

/// Who runs servers where the tests run as root, which they refuse: `nobody`.
const NOBODY: u32 = 65_534;

/// How a server keeps what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// In its files, which the system writes when it likes: a killed server finds it again, a killed machine would not.
    InMemory,
    /// On the disk before it is answered, as in production.
    OnDisk,
}

impl Keeping {
    const fn setting(self) -> &'static str {
        match self {
            Self::InMemory => "fsync=off",
            Self::OnDisk => "fsync=on",
        }
    }
}

/// A server; it is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// To be killed and let go on.
    pub process: Process,
    /// Where it listens.
    pub port: u16,
    settings: Vec<String>,
    folder: TempDir,
}

impl Server {
    /// Starts one, and waits until it takes connections. Its superuser is `postgres`, whom it believes without a password.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start(keeping: Keeping) -> Self {
        Self::start_with(keeping.setting(), &[])
    }

    /// As [`Self::start`], with TLS by this certificate and its key, both PEM.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        Self::start_with("ssl=on", &[("server.crt", certificate), ("server.key", key)])
    }

    /// As [`Self::start`], and it believes nobody but `postgres` without a password. Who else there is, [`Self::query`] can say.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_with_passwords(keeping: Keeping) -> Self {
        let fsync = keeping.setting();
        let who = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        Self::start_with(fsync, &[("pg_hba.conf", who)])
    }

    fn start_with(setting: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_away(folder.path());
        let data = folder.path().join("data");
        let made = as_nobody(&binary("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .expect("`initdb` can be run; install the package postgresql");
        assert!(made.status.success(), "{made:?}");
        for (name, text) in files {
            let file = data.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            give_away(&file);
        }
        let shared = [
            "max_connections=300",
            "shared_preload_libraries=pg_stat_statements",
            "listen_addresses=127.0.0.1",
        ];
        let settings: Vec<String> =
            shared.iter().chain(&[setting]).map(|&setting| setting.to_owned()).collect();
        // Another process may take a port between the look for a free one and the start.
        for _ in 0..5 {
            let port = net::free_port();
            if let Some(process) = run(port, &settings, folder.path()) {
                return Self { process, port, settings, folder };
            }
        }
        panic!("`postgres` does not start");
    }

    /// Stops it at once, as a crash would: clients are cut off, nothing is written any more.
    ///
    /// # Panics
    /// It does not stop.
    pub fn crash(&mut self) {
        self.process.signal("-QUIT");
        self.process.wait_for_end();
    }

    /// Kills the process that all others of it come from (SIGKILL), as the system does when memory is short. They see it and end, each
    /// in the midst of what it does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it in order: clients are told, and cut off.
    ///
    /// # Panics
    /// It does not stop.
    pub fn stop(&mut self) {
        self.process.signal("-INT");
        self.process.wait_for_end();
    }

    /// Starts it anew on its port, with what it kept, after it was stopped.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_again(&mut self) {
        // Until all processes of one that was killed have seen it, none may take its place.
        let mut tries = (0..1_000).map(|_| run(self.port, &self.settings, self.folder.path()));
        self.process = tries.find_map(|started| started).expect("it started before");
    }

    /// As stores name it: a database that is not there yet, another one each time.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// What `psql` prints of the answer to a statement, a line a row.
    ///
    /// # Panics
    /// It can't be run, or the server refuses the statement.
    pub fn query(&self, database: &str, statement: &str) -> String {
        let output = Command::new(binary("psql"))
            .args(["-h", "127.0.0.1", "-U", "postgres", "-d", database, "-p", &self.port.to_string()])
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement])
            .output();
        let output = output.expect("`psql` can be run; install the package postgresql");
        assert!(output.status.success(), "{statement}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

/// The name of the database in a URL of [`Server::url`] or [`Pooler::url`].
pub fn database_of(url: &str) -> &str {
    let name = url.rsplit('/').next().unwrap_or_default();
    name.split('?').next().unwrap_or_default()
}

fn url(port: u16) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("postgres://postgres@127.0.0.1:{port}/test{number}")
}

/// PgBouncer in transaction mode, as those run it who have many clients; it is killed when this is dropped.
#[derive(Debug)]
pub struct Pooler {
    /// To be killed.
    pub process: Process,
    /// Where it listens.
    pub port: u16,
    server: u16,
    _folder: TempDir,
}

impl Pooler {
    /// Starts one before `server`, and waits until it takes connections.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start(server: &Server) -> Self {
        for _ in 0..5 {
            if let Some(pooler) = Self::try_start(server, "127.0.0.1", net::free_port()) {
                return pooler;
            }
        }
        panic!("`pgbouncer` does not start; install the package pgbouncer");
    }

    /// As [`Self::start`], on 127.0.0.2 and the server's own port, for clients that know one port for both.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_beside(server: &Server) -> Self {
        Self::try_start(server, "127.0.0.2", server.port).expect("nobody else listens on 127.0.0.2")
    }

    /// `None`: somebody else has the port.
    fn try_start(server: &Server, address: &str, port: u16) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n\
                 [pgbouncer]\nlisten_addr = {address}\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = any\npool_mode = transaction\nmax_client_conn = 1000\ndefault_pool_size = 20\nserver_login_retry = 1\n",
            server.port
        );
        fs::write(&file, settings).unwrap();
        give_away(folder.path());
        let file = file.to_str().expect("a temporary folder has a plain name");
        let mut process = start_as_nobody(&pooler(), &[file.to_owned()]);
        let is_up = process.wait_for_line("the pooler's word that it is up", |line| {
            if line.contains("process up") {
                Some(true)
            } else {
                line.contains("Address already in use").then_some(false)
            }
        });
        is_up.then(|| Self { process, port, server: server.port, _folder: folder })
    }

    /// As stores name it, and the server behind it: a database that is not there yet, another one each time.
    pub fn url(&self) -> String {
        format!("{}?real_host=127.0.0.1:{}", url(self.port), self.server)
    }
}

/// Where Debian puts a version's programs, the newest first; elsewhere they are in the path.
fn binary(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path()).collect();
    versions.sort_by_key(number);
    let programs = versions.into_iter().rev().map(|version| version.join("bin").join(name));
    programs.into_iter().find(|program| program.exists()).unwrap_or_else(|| name.into())
}

/// Debian puts it where only root's path looks.
fn pooler() -> PathBuf {
    let debians = Path::new("/usr/sbin/pgbouncer");
    if debians.exists() { debians.into() } else { "pgbouncer".into() }
}

/// `None`: it ended, for somebody else has its port, or its data.
fn run(port: u16, settings: &[String], folder: &Path) -> Option<Process> {
    let folder = folder.to_str().expect("a temporary folder has a plain name");
    let mut arguments = vec!["-D".to_owned(), format!("{folder}/data"), "-p".to_owned(), port.to_string()];
    arguments.extend(["-c".to_owned(), format!("unix_socket_directories={folder}")]);
    arguments.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), setting.clone()]));
    let mut process = start_as_nobody(&binary("postgres"), &arguments);
    let is_up = process.wait_for_line("the server's word that it is up", |line| {
        if line.contains("ready to accept connections") {
            Some(true)
        } else {
            (line.contains("could not bind") || line.contains("still in use")).then_some(false)
        }
    });
    is_up.then_some(process)
}

fn is_root() -> bool {
    // Who may write there is root.
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn give_away(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// `setpriv` becomes the program, so its process is the program's.
fn unprivileged(program: &Path) -> (PathBuf, Vec<String>) {
    if !is_root() {
        return (program.to_owned(), Vec::new());
    }
    let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()];
    let program = program.to_str().expect("a program has a plain name").to_owned();
    ("setpriv".into(), user.into_iter().chain([program]).collect())
}

fn as_nobody(program: &Path) -> Command {
    let (program, arguments) = unprivileged(program);
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn start_as_nobody(program: &Path, arguments: &[String]) -> Process {
    let (program, mut all) = unprivileged(program);
    all.extend_from_slice(arguments);
    Process::start(&program, all, &[])
}
