//! The command line.
//!
//! # How to add a command
//!
//! A file here with its `Options` (their doc comments are the help that people read) and a `run`; one variant of `Command`.
//! What it says to people goes to standard output; why it failed is one line on standard error, and says what to do.

mod dev;
mod serve;
mod sources;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use thiserror::Error;

use crate::config::ConfigError;
use crate::dev::DataError;
use crate::lifecycle::{Ended, ServeError};

/// What a process ends with when the command line or the configuration is wrong.
const EXIT_CONFIGURATION: u8 = 2;

/// Threads for what blocks: looking up names of providers' hosts.
const BLOCKING_THREADS: usize = 32;

/// Proves that a person holds an address, with a one-time passcode.
///
/// To try it: `watchword dev`. To run it for good: write a `watchword.toml` and start `watchword serve`.
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
    #[error("no threads can be started: {0}")]
    Runtime(#[source] io::Error),
}

/// Does what the process's arguments say.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(options) => serve::run(options),
        Command::Dev(options) => dev::run(options),
    };
    match outcome {
        Ok(Ended::Drained) => ExitCode::SUCCESS,
        Ok(Ended::AtOnce) => ExitCode::FAILURE,
        Err(error) => {
            // Without a standard error there is nobody left to tell; the exit code still says it.
            let _ = writeln!(io::stderr(), "watchword: {error}");
            match error {
                CommandError::Config(_) => EXIT_CONFIGURATION.into(),
                CommandError::Data(_) | CommandError::Serve(_) | CommandError::Runtime(_) => {
                    ExitCode::FAILURE
                }
            }
        }
    }
}

/// Runs a server's whole life.
fn block_on(life: impl Future<Output = Result<Ended, ServeError>>) -> Result<Ended, CommandError> {
    // The store's writer is a thread of its own: with a core left to it, a verification costs a tenth less.
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.saturating_sub(1).max(1))
        .enable_all()
        .thread_name("watchword")
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(CommandError::Runtime)?;
    let ended = runtime.block_on(life);
    // Whatever still runs was given up on.
    runtime.shutdown_background();
    Ok(ended?)
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
