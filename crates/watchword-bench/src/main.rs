//! To measure one more thing in every run, read it before and after the load in `measure.rs` and give it a field in
//! `report.rs`. To add a command, write its file with its options and a `run` function, and name it in [`Command`].
//!
//! The load program for Watchword's developers: it drives PUT-then-check against a server that speaks the
//! otpgateway API, counts what that costs the server, and compares the cost with the least that an HTTP server can do.
//! Measure release builds only.

mod bare;
mod child;
mod client;
mod compare;
mod disk;
mod error;
mod latency;
mod load;
mod machine;
mod measure;
mod memory;
mod metrics;
mod options;
mod process;
mod report;
mod run;
mod stopwatch;
mod verification;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Error, with_causes};

/// Drives and measures servers that speak the otpgateway API.
#[derive(Parser)]
#[command(name = "watchword-bench", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bare(bare::Options),
    Run(run::Options),
    Compare(compare::Options),
    Memory(memory::Options),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let outcome =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime).and_then(
            |runtime| {
                let outcome = runtime.block_on(until_interrupted(command));
                // A pacing thread or a disk measurement may still run: nothing waits for it.
                runtime.shutdown_background();
                outcome
            },
        );
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a standard error there is nobody left to tell; the exit code still says it.
            let _ = writeln!(std::io::stderr(), "watchword-bench: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// Runs the command until it ends or a signal asks to stop. Either way its future is dropped, and with it the servers
/// it started. A signal is how the bare server is meant to end; it cuts anything else short.
async fn until_interrupted(command: Command) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
    let interrupted = if matches!(command, Command::Bare(_)) { Ok(()) } else { Err(Error::Interrupted) };
    tokio::select! {
        outcome = perform(command) => outcome,
        _ = terminate.recv() => interrupted,
        _ = interrupt.recv() => interrupted,
    }
}

async fn perform(command: Command) -> Result<(), Error> {
    match command {
        Command::Bare(options) => bare::run(options).await,
        Command::Run(options) => run::run(options).await,
        Command::Compare(options) => compare::run(options).await,
        Command::Memory(options) => memory::run(options).await,
    }
}
