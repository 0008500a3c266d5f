//! How to add …
//!
//! - **a command**: a file with its options (`clap::Args`, with examples in `after_help`) and a `run` function, a line in
//!   [`Command`] and one in [`perform`].
//! - **a measure of every run**: read it before and after the load in `measure.rs`, hand it on in `report::Around`, give it a
//!   field in `report::RunReport`, a line in `report/text.rs`, and a row in the tables of docs/performance.md: a test compares
//!   those with what comes out.
//! - **a process to be counted**: nothing here; `--also-pid NAME=PID` takes any.
//! - **a target with another API**: a file in `verification/` with its two calls, a line in `dialect::Dialect` and where
//!   `Api` chooses, and its calls in the bare server. `preflight.rs` tries one verification before each load and says what to
//!   mend: its advice belongs to the API, too.
//! - **a store that is a server of its own**: a file in `store/` that starts it and reads its counters, one in `bare/` that calls
//!   it, and a line in `store::StoreKind`.
//! - **an aim**: an [`aim::Aim`] in the command that measures it.
//!
//! The load program for Watchword's developers: it drives PUT-then-check against a server that speaks the otpgateway API, or one
//! that takes the place of Perfumer OTP,
//! counts what that costs the server and its store, and compares the cost with the least that an HTTP server can do.
//! Measure release builds only.
//!
//! # How it is built
//!
//! `target.rs` finds or starts the server (`child.rs`) and tries it (`preflight.rs`). `measure.rs` reads CPU (`process.rs`,
//! `machine.rs`) and counters (`metrics.rs`) around a load. `load/` has a task for each connection (`client/`), which takes its
//! turns from `load/turns.rs`: at once, or when a thread of its own says that one is due. Latencies (`latency.rs`) and failures
//! (`failure.rs`) are counted by each task for itself and added up at the end. `limit.rs` says what kept it from being faster,
//! `report/` what came of it. `store/` starts and asks what the server keeps its data in, `bare/` is what it is compared with. `stop.rs` carries Ctrl-C to all of them, `progress.rs` shows a bar. Real time is read in
//! `stopwatch.rs` alone.

mod address_pattern;
mod aim;
mod bare;
mod causes;
mod child;
mod client;
mod compare;
mod dialect;
mod disk;
mod error;
mod failure;
mod figures;
mod history;
mod latency;
mod limit;
mod listen;
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
mod store;
mod target;
mod verification;

use std::io::Write as _;
use std::pin::pin;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::causes::with_causes;
use crate::error::Error;
use crate::stop::Stop;

/// Drives servers that speak the otpgateway API and measures what a verification costs them.
#[derive(Parser)]
#[command(
    name = "watchword-bench",
    version,
    after_help = "\
Examples:
  What this repository's server costs, beside the least that an HTTP server can cost:
    cargo build --release -p watchword -p watchword-bench
    target/release/watchword-bench compare --server-binary target/release/watchword

  Load on a server that runs already, at a rate:
    watchword-bench run --target https://otp.example.com --namespace myApp --provider smtp --rate 500

`watchword-bench COMMAND --help` has more. All about measuring, and the JSON documents: docs/performance.md."
)]
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
    History(history::Options),
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
        Command::History(options) => history::run(options, stop).await,
        Command::Smtp(options) => smtp::run(options, stop).await,
        Command::SmtpSink(options) => smtp::sink::run(options).await,
    }
}
