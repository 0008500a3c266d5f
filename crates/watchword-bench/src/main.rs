//! To measure one more thing in every run, read it before and after the load in `measure.rs` and give it a field in
//! `report.rs`. To add a command, write its file with its options and a `run` function, and name it in [`Command`].
//!
//! The load program for Watchword's developers: it drives PUT-then-check against a server that speaks the
//! otpgateway API, counts what that costs the server, and compares the cost with the least that an HTTP server can do.
//! Measure release builds only.

mod address_pattern;
mod aim;
mod bare;
mod child;
mod client;
mod compare;
mod disk;
mod error;
mod failure;
mod figures;
mod latency;
mod limit;
mod load;
mod machine;
mod measure;
mod memory;
mod metrics;
mod options;
mod output;
mod preflight;
mod process;
mod progress;
mod report;
mod run;
mod smtp;
mod stop;
mod stopwatch;
mod target;
mod verification;

use std::io::Write as _;
use std::pin::pin;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Error, with_causes};
use crate::stop::Stop;

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
    Smtp(smtp::Options),
    #[command(hide = true)]
    SmtpSink(smtp::sink::Options),
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
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs the command until it ends. The first signal asks it to end early and report what there is; a second one cuts it
/// short. Either way its future is dropped, and with it the servers it started. A signal is how the bare server is meant
/// to end.
async fn until_interrupted(command: Command) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
    let mut signaled = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let (stopper, stop) = stop::channel();
    let serves = matches!(command, Command::Bare(_) | Command::SmtpSink(_));
    let mut work = pin!(perform(command, stop));
    tokio::select! {
        outcome = &mut work => return outcome,
        () = signaled() => stopper.ask(),
    }
    if serves {
        return Ok(());
    }
    tokio::select! {
        outcome = &mut work => outcome,
        () = signaled() => Err(Error::Interrupted),
    }
}

async fn perform(command: Command, stop: Stop) -> Result<(), Error> {
    match command {
        Command::Bare(options) => bare::run(options).await,
        Command::Run(options) => run::run(options, stop).await,
        Command::Compare(options) => compare::run(options, stop).await,
        Command::Memory(options) => memory::run(options, stop).await,
        Command::Smtp(options) => smtp::run(options, stop).await,
        Command::SmtpSink(options) => smtp::sink::run(options).await,
    }
}
