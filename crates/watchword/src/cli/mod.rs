//! The command line.
//!
//! # How to add a command
//!
//! A file here with its `Options` (their doc comments are the help that people read) and a `run`; one variant of `Command`.
//! What it says to people goes to standard output; why it failed is one line on standard error, and says what to do.

mod backup;
mod completions;
mod config;
mod deliveries;
mod dev;
mod doctor;
mod healthcheck;
mod init;
mod keys;
mod moment;
mod reload;
mod serve;
mod site;
mod sources;
mod table;
mod telegram;
mod unlock;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use thiserror::Error;
use tokio::runtime::Runtime;

use crate::config::ConfigError;
use crate::dev::DataError;
use crate::lifecycle::{Ended, ServeError};
use crate::operator::NoAnswer;
use backup::BackupError;
use deliveries::DeliveriesError;
use init::InitError;
use keys::KeysError;
use telegram::TelegramError;
use unlock::UnlockError;

/// What a process ends with when the command line or the configuration is wrong.
const EXIT_CONFIGURATION: u8 = 2;
/// What it ends with when anything else went wrong.
const EXIT_FAILURE: u8 = 1;

/// Threads for what blocks: looking up names of providers' hosts.
const BLOCKING_THREADS: usize = 32;

/// Proves that a person holds an address, with a one-time passcode.
///
/// To try it: `watchword dev`. To run it for good: `watchword init` writes a `watchword.toml`, and `watchword serve` starts it.
#[derive(Debug, Parser)]
#[command(name = "watchword", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Options),
    Dev(dev::Options),
    Init(init::Options),
    Config(config::Options),
    Reload(reload::Options),
    Deliveries(deliveries::Options),
    Unlock(unlock::Options),
    Keys(keys::Options),
    Backup(backup::Options),
    Telegram(telegram::Options),
    Doctor(doctor::Options),
    Healthcheck(healthcheck::Options),
    Completions(completions::Options),
}

/// Why a command failed.
#[derive(Debug, Error)]
enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("{0}; without an admin listener, send its process a SIGHUP: it reloads too")]
    NotReloaded(#[source] NoAnswer),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Deliveries(#[from] DeliveriesError),
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Telegram(#[from] TelegramError),
    #[error("no threads can be started: {0}")]
    Runtime(#[source] io::Error),
}

impl CommandError {
    /// What the process ends with.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Serve(ServeError::Tls(_)) => EXIT_CONFIGURATION,
            Self::Unlock(error) if error.is_usage() => EXIT_CONFIGURATION,
            Self::Telegram(error) if error.is_usage() => EXIT_CONFIGURATION,
            Self::Data(_)
            | Self::Serve(_)
            | Self::NoAnswer(_)
            | Self::NotReloaded(_)
            | Self::Init(_)
            | Self::Deliveries(_)
            | Self::Unlock(_)
            | Self::Keys(_)
            | Self::Backup(_)
            | Self::Telegram(_)
            | Self::Runtime(_) => EXIT_FAILURE,
        }
    }
}

/// Does what the process's arguments say.
pub fn main() -> ExitCode {
    let well = |well: bool| if well { ExitCode::SUCCESS } else { EXIT_FAILURE.into() };
    let outcome = match Cli::parse().command {
        Command::Serve(options) => serve::run(options).map(|ended| well(ended == Ended::Drained)),
        Command::Dev(options) => dev::run(options).map(|ended| well(ended == Ended::Drained)),
        Command::Init(options) => init::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Config(options) => config::run(options),
        Command::Reload(options) => reload::run(options),
        Command::Deliveries(options) => deliveries::run(options).map(|()| ExitCode::SUCCESS),
        Command::Unlock(options) => unlock::run(options).map(|()| ExitCode::SUCCESS),
        Command::Keys(options) => keys::run(options).map(|()| ExitCode::SUCCESS),
        Command::Backup(options) => backup::run(options).map(|()| ExitCode::SUCCESS),
        Command::Telegram(options) => telegram::run(options).map(|ended| well(ended == Ended::Drained)),
        Command::Doctor(options) => doctor::run(options).map(well),
        Command::Healthcheck(options) => healthcheck::run(options).map(well),
        Command::Completions(options) => {
            completions::run(&options);
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        // Without a standard error there is nobody left to tell; the exit code still says it.
        let _ = writeln!(io::stderr(), "watchword: {error}");
        error.exit_code().into()
    })
}

/// Prints a line for people. Whoever stopped reading has seen enough.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Does one short piece of work that waits for others.
fn once<T>(work: impl Future<Output = T>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(CommandError::Runtime)?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// What a server runs on.
fn server_runtime() -> Result<Runtime, CommandError> {
    // The store's writer is a thread of its own: with a core left to it, a verification costs a tenth less.
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.saturating_sub(1).max(1))
        .enable_all()
        .thread_name("watchword")
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(CommandError::Runtime)
}

/// Runs a whole life.
fn block_on<E: Into<CommandError>>(
    runtime: Runtime,
    life: impl Future<Output = Result<Ended, E>>,
) -> Result<Ended, CommandError> {
    let ended = runtime.block_on(life);
    // Whatever still runs was given up on.
    runtime.shutdown_background();
    ended.map_err(Into::into)
}

/// An IP address and a port, as an option.
fn listen_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "write an IP address and a port, like 127.0.0.1:9000 or [::]:9000")
}

/// The environment, where settings may come from.
fn environment() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
