//! Why a measurement could not be made.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use hyper::StatusCode;

use crate::client::{ExchangeError, TlsError};
use crate::failure::Errors;

/// What ends the program. No variant carries a passcode or a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("stopped by a signal before the end")]
    Interrupted,
    #[error("cannot write the results")]
    Output(#[source] io::Error),
    #[error("cannot write the results as JSON")]
    Json(#[source] serde_json::Error),
    #[error("cannot listen on {address}; is the port in use?")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the bare server stopped")]
    Bare(#[source] io::Error),
    #[error("cannot connect to {target}; does the server run, and listen there?")]
    Connect { target: String, source: ExchangeError },
    #[error(
        "no TLS with {target}; is it https, and its certificate signed by an authority of the system or of --ca?"
    )]
    NoTls { target: String, source: ExchangeError },
    #[error("TLS with {target} cannot be set up")]
    TlsSetUp { target: String, source: TlsError },
    #[error("{target}: {reason}. {advice}")]
    Preflight { target: String, reason: String, advice: String },
    #[error("cannot read the metrics of {admin}")]
    Metrics { admin: String, source: ExchangeError },
    #[error("{admin}/metrics was answered {status}")]
    MetricsRefused { admin: String, status: StatusCode },
    #[error("cannot read {path}; does process {pid} still run?")]
    Process { pid: u32, path: PathBuf, source: io::Error },
    #[error("{path} is not in the form that proc(5) describes")]
    ProcessFormat { path: PathBuf },
    #[error("cannot measure the disk in {folder}")]
    Disk { folder: PathBuf, source: io::Error },
    #[error("cannot make a folder for the server's data in {folder}")]
    Folder { folder: PathBuf, source: io::Error },
    #[error("cannot find a free port")]
    NoPort(#[source] io::Error),
    #[error("cannot start {program}")]
    Start { program: PathBuf, source: io::Error },
    #[error("{program} ended ({status}) before it was ready; the end of its log:\n{log}")]
    Exited { program: PathBuf, status: ExitStatus, log: String },
    #[error(
        "{program} did not accept connections on {waited_for} within {} s; the end of its log:\n{log}",
        deadline.as_secs()
    )]
    NotReady { program: PathBuf, waited_for: SocketAddr, deadline: Duration, log: String },
    /// An option that can't work. Ends the program with exit code 2, as those that the command line itself refuses.
    #[error("{0}")]
    Option(String),
    #[error("{problem}; does a mail server listen there, without TLS and without signing in?")]
    MailServer { problem: String },
    #[error("{server} did not take a message: {problem}")]
    Mail { server: String, problem: String },
    #[error("cannot ask the store; does it run, on this machine?")]
    Redis(#[source] redis::RedisError),
    #[error("cannot ask the store; does it run, on this machine?")]
    Postgres(#[source] tokio_postgres::Error),
    #[error("the bare server cannot call its store")]
    BareCall(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the store does not tell its `{what}`")]
    StoreFormat { what: &'static str },
    #[error("a task of the load program failed")]
    Task(#[source] tokio::task::JoinError),
    #[error("{failed} of {asked} verifications failed, so the figures say nothing: {kinds}")]
    Failures { failed: u64, asked: u64, kinds: String },
}

impl Error {
    /// 2 for what was asked for, 1 for the rest.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, Self::Option(_)) { 2 } else { 1 }
    }
}

/// An error when anything failed.
///
/// # Errors
///
/// How many failed, and why.
pub(crate) fn failures(asked: u64, errors: &Errors) -> Result<(), Error> {
    let failed = errors.total();
    if failed == 0 {
        return Ok(());
    }
    let kinds: Vec<String> = errors.kinds().iter().map(ToString::to_string).collect();
    Err(Error::Failures { failed, asked, kinds: kinds.join("; ") })
}
