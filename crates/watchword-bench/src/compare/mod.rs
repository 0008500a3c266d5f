//! `watchword-bench compare`: what a verification costs the server, beside what it costs a bare HTTP server.

mod aims;
mod sides;
mod text;

use clap::Args;
use serde::Serialize;

use self::sides::{Side, Sides};
use crate::aim::Aim;
use crate::disk::{self, DiskSpeed};
use crate::error::Error;
use crate::figures::grouped;
use crate::machine::Machine;
use crate::options::Measurement;
use crate::output::Output;
use crate::report::Head;
use crate::stop::Stop;
use crate::store::{StoreKind, StoreOptions};

/// Drive a server and the bare one in turn, and compare.
///
/// The bare server answers the same two calls with constants: the least that an HTTP server can cost. With --store both
/// have a store of that kind each, the CPU of the stores is counted too, and the bare server makes three calls of its store
/// a verification, which do nothing and together carry as many bytes as the server's.
#[derive(Args)]
#[command(override_usage = "watchword-bench compare [OPTIONS] [-- <SERVER ARGUMENT>...]")]
#[command(after_help = "\
Examples:
  The server of this repository, started for it with data of its own:
    watchword-bench compare --server-binary target/release/watchword

  The same with its data on another disk, and more of the server's own arguments:
    watchword-bench compare --server-binary target/release/watchword --data /mnt/fast -- --config watchword.toml

  The same with its data in Redis, or in a Redis that puts every write on the disk before it answers:
    watchword-bench compare --server-binary target/release/watchword --store redis
    watchword-bench compare --server-binary target/release/watchword --store redis \\
      --store-args '--appendonly yes --appendfsync always'

  Any server that runs already, and its store:
    watchword-bench compare --target http://127.0.0.1:9000 --server-pid 4711 --also-pid redis=$(pidof redis-server)

Ctrl-C ends it early and reports what was done until then. Exit code: 0 when every verification went through, whether
the aims are met or not; 1 when one did not or it was stopped; 2 when an option is wrong.")]
pub(crate) struct Options {
    #[command(flatten)]
    measurement: Measurement,
    #[command(flatten)]
    store: StoreOptions,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    head: Head,
    interrupted: bool,
    /// Where the data of a started server are.
    disk: Option<DiskSpeed>,
    target: String,
    store: Option<StoreReport>,
    bare: Side,
    server: Side,
    aims: Vec<Aim>,
}

/// The store that the server had.
#[derive(Serialize)]
struct StoreReport {
    kind: StoreKind,
    version: String,
}

/// Starts the bare server, and the other where that is asked for, runs and reports; what was started is stopped at the
/// end, whatever it is.
///
/// # Errors
///
/// When a server can't be started, something can't be measured, a verification failed, or it was stopped early.
pub(crate) async fn run(options: Options, stop: Stop) -> Result<(), Error> {
    let output = Output::new(options.measurement.reporting.json);
    let Measurement { target, amount, .. } = &options.measurement;
    let machine = Machine::read();
    output.section(&machine)?;
    let disk = match &target.server {
        Some(server) => Some(disk::measure(&server.folder()).await?),
        None => None,
    };
    if let Some(disk) = &disk {
        output.section(disk)?;
    }

    let Sides { mut bare, mut server, versions } = Sides::open(&options, &stop).await?;
    let origin = server.subject.api.endpoint.origin.to_string();
    let kind = options.store.kind();
    let store = server.store.as_ref().zip(kind);
    let store = store.map(|(store, kind)| StoreReport { kind, version: store.version().to_owned() });
    let beside = store.as_ref().map_or_else(String::new, |store| format!("with {}, ", store.version));
    output.section(&format_args!(
        "{origin}, {beside}{versions}{} connections, {} verifications a run, {} runs each, in turn\n\n{}",
        amount.connections,
        grouped(amount.verifications),
        amount.runs,
        text::head(kind),
    ))?;
    tokio::try_join!(bare.warm_up(amount.warm_up()), server.warm_up(amount.warm_up()))?;
    'runs: for number in 1..=amount.runs.get() {
        for running in [&mut bare, &mut server] {
            let report = running.measure(amount.run(), number, amount.runs).await?;
            output.section(&text::run(running.name, number, &report, kind))?;
            if stop.asked() {
                break 'runs;
            }
        }
    }
    let passcode_from = server.subject.api.passcode_from;
    let (bare, server) = tokio::try_join!(bare.finish(), server.finish())?;
    for (name, side) in [("bare", &bare), ("server", &server)] {
        output.section(&text::medians(name, side, kind))?;
    }
    output.section(&"")?;
    for (name, side) in [("bare", &bare), ("server", &server)] {
        if let Some(traffic) = &side.traffic {
            output.section(&text::traffic(name, traffic))?;
        }
    }

    let aims = aims::aims(&bare, &server, kind, disk.as_ref());
    for aim in &aims {
        output.section(aim)?;
    }
    let head = Head::new("compare", versions, machine, amount, passcode_from);
    let interrupted = stop.asked();
    output.document(&Report { head, interrupted, disk, target: origin, store, bare, server, aims })?;
    stop.or_go_on()
}
