//! A server started for a measurement, and stopped with it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::bare::CallsOptions;
use crate::client::Endpoint;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::options::Server;
use crate::stopwatch;

/// Longest wait for a started server to accept connections.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// How often a server that is to stop is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// How the server learns where its admin listener belongs.
const ADMIN_LISTEN: &str = "WATCHWORD_ADMIN__LISTEN";

/// How the server learns the key that its passcodes are kept under.
const KEY: &str = "WATCHWORD_KEY";

/// 32 bytes in hex, for passcodes that nobody is ever sent.
const THROW_AWAY_KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Lines of a server's log that an error repeats.
const LOG_LINES: usize = 15;

/// A running server. Dropping it kills the process and removes its folder.
pub(crate) struct RunningServer {
    child: Child,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Where its API is.
    pub(crate) endpoint: Endpoint,
    /// Where its metrics are.
    pub(crate) admin: Option<Endpoint>,
    program: PathBuf,
    folder: TempDir,
}

impl RunningServer {
    /// Starts the server to be measured, and waits until it accepts connections. Its data and its log are in a new
    /// folder, unless its data are in the store that is named.
    ///
    /// # Errors
    ///
    /// When it can't be started, or is not ready in time.
    pub(crate) async fn start(server: &Server, store: Option<&str>, dialect: Dialect) -> Result<Self, Error> {
        let folder = new_folder(&server.folder())?;
        let listen = free_address()?;
        let mut command = Command::new(&server.server_binary);
        let places = Places { listen, data: folder.path(), store };
        command.args(places.fill(server.args(store.is_some(), dialect))).args(&server.extra);
        if dialect == Dialect::Perfumer {
            let in_folder = format!("sqlite:{}/watchword.db", folder.path().display());
            command.env("WATCHWORD_LISTEN", listen.to_string());
            command.env("WATCHWORD_STORE", store.unwrap_or(&in_folder));
            // Nobody is sent a message.
            command.env("DUMMY", "true");
        }
        if store.is_some() && std::env::var_os(KEY).is_none() {
            // A store that others could share asks for a key of one's own.
            command.env(KEY, THROW_AWAY_KEY);
        }
        let admin = if server.no_admin { None } else { Some(free_address()?) };
        if let Some(admin) = admin {
            command.env(ADMIN_LISTEN, admin.to_string());
        }
        Self::launch(command, folder, listen, admin).await
    }

    /// Starts this program itself as the bare server.
    ///
    /// # Errors
    ///
    /// As for [`RunningServer::start`].
    pub(crate) async fn start_bare(calls: Option<&CallsOptions>) -> Result<Self, Error> {
        let calls = calls.map(CallsOptions::arguments).unwrap_or_default();
        Self::start_own("bare", &calls).await
    }

    /// Starts this program itself as a sink of mail.
    ///
    /// # Errors
    ///
    /// As for [`RunningServer::start`].
    pub(crate) async fn start_sink() -> Result<Self, Error> {
        Self::start_own("smtp-sink", &[]).await
    }

    async fn start_own(command_name: &str, more: &[String]) -> Result<Self, Error> {
        let program = std::env::current_exe()
            .map_err(|source| Error::Start { program: PathBuf::from("watchword-bench"), source })?;
        let listen = free_address()?;
        let mut command = Command::new(program);
        command.args([command_name, "--listen", &listen.to_string()]).args(more);
        Self::launch(command, new_folder(&std::env::temp_dir())?, listen, None).await
    }

    /// Asks it to stop at once (SIGQUIT), and waits until it has.
    pub(crate) fn quit(&mut self, deadline: Duration) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Where it has ended already there is nothing to wait for either.
            let _ = rustix::process::kill_process(pid, Signal::QUIT);
        }
        let started = stopwatch::now();
        while matches!(self.child.try_wait(), Ok(None)) && started.elapsed() < deadline {
            stopwatch::block_for(PAUSE);
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts a program that keeps its data in `folder`, and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// As for [`RunningServer::start`].
    pub(crate) async fn launch(
        mut command: Command,
        folder: TempDir,
        listen: SocketAddr,
        admin: Option<SocketAddr>,
    ) -> Result<Self, Error> {
        let program = PathBuf::from(command.get_program());
        let fails = |source| Error::Start { program: program.clone(), source };
        let log = File::create(log_path(folder.path())).map_err(fails)?;
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(fails)?).stderr(log);
        // Ctrl-C is for this program alone: it stops the server when it has reported.
        command.process_group(0);
        let child = command.spawn().map_err(fails)?;
        let endpoint = Endpoint::at(listen);
        let mut server = Self { child, listen, endpoint, admin: admin.map(Endpoint::at), program, folder };
        for address in std::iter::once(listen).chain(admin) {
            server.wait_for(address).await?;
        }
        Ok(server)
    }

    /// Waits until `address` accepts a connection.
    async fn wait_for(&mut self, address: SocketAddr) -> Result<(), Error> {
        let answer = stopwatch::until(READY_DEADLINE, async || match self.child.try_wait() {
            Ok(None) => TcpStream::connect(address).await.ok().map(|_| Ok(())),
            Ok(Some(status)) => {
                Some(Err(Error::Exited { program: self.program.clone(), status, log: self.log() }))
            }
            Err(source) => Some(Err(Error::Start { program: self.program.clone(), source })),
        });
        match answer.await {
            Some(answer) => answer,
            None => Err(Error::NotReady {
                program: self.program.clone(),
                waited_for: address,
                deadline: READY_DEADLINE,
                log: self.log(),
            }),
        }
    }

    /// The end of what the server has printed.
    fn log(&self) -> String {
        let text = fs::read(log_path(self.folder.path())).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // It fails only when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder of a server's own, under the one that is named.
///
/// # Errors
///
/// When it can't be made.
pub(crate) fn new_folder(under: &Path) -> Result<TempDir, Error> {
    tempfile::Builder::new()
        .prefix("watchword-bench-")
        .tempdir_in(under)
        .map_err(|source| Error::Folder { folder: under.to_owned(), source })
}

/// Next to the data, so that it goes with them.
fn log_path(folder: &Path) -> PathBuf {
    folder.join("bench-server.log")
}

/// An address on which nobody listens now. Should another process take it first, the server says so and ends.
///
/// # Errors
///
/// When there is none.
pub(crate) fn free_address() -> Result<SocketAddr, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(Error::NoPort)
}

/// What a server is told in its arguments.
struct Places<'a> {
    listen: SocketAddr,
    data: &'a Path,
    store: Option<&'a str>,
}

impl Places<'_> {
    fn fill(&self, template: &str) -> Vec<String> {
        let fill = |argument: &str| {
            let argument = argument.replace("{listen}", &self.listen.to_string());
            let argument = argument.replace("{data}", &self.data.display().to_string());
            argument.replace("{store}", self.store.unwrap_or_default())
        };
        template.split_ascii_whitespace().map(fill).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_placeholders_of_the_argument_list_are_filled_also_inside_an_argument() {
        let listen: SocketAddr = "127.0.0.1:9000".parse().unwrap();
        let places = Places { listen, data: Path::new("/a b"), store: Some("redis://127.0.0.1") };
        let arguments = places.fill("dev  --listen {listen} --store=sqlite:{data}/w.db --store {store}");
        let expected = ["dev", "--listen", "127.0.0.1:9000", "--store=sqlite:/a b/w.db", "--store"];
        assert_eq!(arguments, [&expected[..], &["redis://127.0.0.1"]].concat());
    }
}
