//! `watchword serve`.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use watchword_delivery::registry::Registry;

use super::sources::SourceOptions;
use super::{CommandError, block_on, listen_address, server_runtime};
use crate::clock::SystemClock;
use crate::config::{self, Config, Flag};
use crate::lifecycle::{Ended, Listeners, Machine, ServeError, Server, allow_many_files};
use crate::random::OsRandom;
use crate::reload::Load;
use crate::telemetry;

const EXAMPLE: &str = "\
The least that works in a watchword.toml:

  [namespaces.myapp]
  secret = \"a long random text\"

  [providers.sms]
  kind = \"webhook\"
  url = \"https://example.com/otp\"
";

/// Run the server.
///
/// Settings come from watchword.toml, then from the environment (WATCHWORD_GUESS__BURST is `guess.burst`), then from the
/// options below; later ones win. All that is wrong with them is told at once. SIGTERM or Ctrl-C stops it: requests and
/// messages in hand are finished first; a second one stops it at once. SIGHUP takes up a changed configuration; with a mistake
/// in it nothing changes, and the log says what is wrong.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Options {
    #[command(flatten)]
    sources: SourceOptions,
    /// Address and port for clients, in place of `server.listen`
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen_address)]
    listen: Option<SocketAddr>,
}

pub(super) fn run(options: Options) -> Result<Ended, CommandError> {
    let runtime = server_runtime()?;
    // From its first moment on: a SIGHUP that comes early waits, and does not end the process.
    let hangup = {
        let _inside = runtime.enter();
        signal(SignalKind::hangup()).map_err(ServeError::Signals)?
    };
    let clock = Arc::new(SystemClock::new());
    let listen = options.listen.map(|listen| Flag {
        flag: "--listen",
        key: "server.listen",
        value: listen.to_string(),
    });
    let sources = options.sources.sources(listen.into_iter().collect());
    let registry = Registry::new(Arc::clone(&clock) as _);
    let load = move || config::load(sources.clone(), &registry);
    let config = load()?;
    let traces = telemetry::start(&config.log, &config.telemetry);
    allow_many_files(&config);
    let ended = block_on(runtime, serve(config, Arc::new(load), hangup, clock));
    traces.shutdown();
    ended
}

async fn serve(
    config: Config,
    load: Load,
    hangup: Signal,
    clock: Arc<SystemClock>,
) -> Result<Ended, ServeError> {
    let listeners = Listeners::bind(&config).await?;
    let machine = Machine { clock, random: Arc::new(OsRandom) };
    let server = Server::prepare(&config, listeners, machine).await?;
    server.reloading(load, config, hangup).run(|_| ()).await
}
