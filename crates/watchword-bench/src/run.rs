//! `watchword-bench run`: load on one server.

use clap::Args;
use serde::Serialize;

use crate::error::Error;
use crate::machine::Machine;
use crate::options::Measurement;
use crate::output::Output;
use crate::report::{Head, Medians, RunReport};
use crate::stop::Stop;
use crate::target::Measured;

/// Drive a server, any that speaks the otpgateway API.
#[derive(Args)]
#[command(override_usage = "watchword-bench run [OPTIONS] [-- <SERVER ARGUMENT>...]")]
#[command(after_help = "\
Examples:
  A server that runs already, as fast as 64 connections go:
    watchword-bench run --target http://127.0.0.1:9000 --server-pid $(pidof watchword)

  At 2,000 verifications a second, each timed from when it was due:
    watchword-bench run --rate 2000 --verifications 60000 --runs 3

  A server with its store, under its own credentials, over TLS, the result for a machine:
    WATCHWORD_BENCH_SECRET=... watchword-bench run --target https://otp.example.com \\
      --namespace myApp --provider sms --to '+77{number}' \\
      --server-pid 4711 --also-pid postgres=$(head -1 /var/lib/postgresql/15/main/postmaster.pid) --json

  A server started for it and stopped afterwards:
    watchword-bench run --server-binary target/release/watchword

Ctrl-C ends it early and reports what was done until then. Exit code: 0 when every verification went through, 1 when
one did not or it was stopped, 2 when an option is wrong.")]
pub(crate) struct Options {
    #[command(flatten)]
    measurement: Measurement,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    head: Head,
    interrupted: bool,
    target: String,
    runs: Vec<RunReport>,
    medians: Medians,
}

/// Warms up, runs and reports.
///
/// # Errors
///
/// When something can't be measured, a verification failed, or it was stopped early.
pub(crate) async fn run(options: Options, stop: Stop) -> Result<(), Error> {
    let Measurement { target, caller, amount, reporting } = options.measurement;
    let output = Output::new(reporting.json);
    let machine = Machine::read();
    output.section(&machine)?;

    let Measured { subject, versions, started } =
        Measured::open(&target, &caller, &reporting, None, &stop).await?;
    let target = subject.api.endpoint.origin.to_string();
    output.section(&format_args!("{target}, {versions}{} connections", amount.connections))?;
    subject.prepare(amount.warm_up(), "warm-up").await?;
    let mut runs = Vec::new();
    for number in 1..=amount.runs.get() {
        let what = format!("run {number} of {}", amount.runs);
        let report = subject.measure(amount.run(), &what).await?;
        output.section(&format_args!("\n{what}: {report}"))?;
        let last = stop.asked() || report.must_be_clean().is_err();
        runs.push(report);
        if last {
            break;
        }
    }
    drop(started);

    let medians = Medians::of(&runs);
    output.section(&format_args!("\nmedians: {medians}"))?;
    let clean = runs.iter().try_for_each(RunReport::must_be_clean);
    let head = Head::new("run", versions, machine, &amount, subject.api.passcode_from);
    let interrupted = stop.asked();
    output.document(&Report { head, interrupted, target, runs, medians })?;
    clean.and(stop.or_go_on())
}
