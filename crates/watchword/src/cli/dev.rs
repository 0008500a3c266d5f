//! `watchword dev`.

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use watchword_delivery::inbox::Inbox;
use watchword_delivery::registry::Registry;

use super::{CommandError, block_on, environment, listen_address, server_runtime};
use crate::clock::SystemClock;
use crate::config::{self, Flag, Sources};
use crate::dev::{Data, PRESET, Welcome, inbox_page};
use crate::lifecycle::{Ended, Listeners, Machine, Server, allow_many_files};
use crate::random::OsRandom;
use crate::telemetry;

/// Try it: a server with an inbox page in place of mail and telephones.
///
/// Namespace `dev` with secret `dev`, provider `inbox`, a fresh store. It prints where the inbox is, and lines to copy and
/// paste. Nobody else on the network can reach it, unless --listen says so: the inbox shows passcodes to whoever can.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Address and port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9000", value_parser = listen_address)]
    listen: SocketAddr,
    /// Folder for the store, kept for the next time [default: a fresh one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A store that is a server of its own, such as redis://127.0.0.1:6379; it wants WATCHWORD_KEY set
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    store: Option<StoreUrl>,
}

/// What --store names. It may hold a password.
#[derive(Clone)]
struct StoreUrl(String);

impl From<String> for StoreUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreUrl(…)")
    }
}

pub(super) fn run(options: Options) -> Result<Ended, CommandError> {
    let clock = Arc::new(SystemClock::new());
    let (data, data_flag) = match options.store {
        Some(StoreUrl(url)) => (Data::Elsewhere { url }, "--store"),
        None => (Data::at(options.data)?, "--data"),
    };
    let flag = |flag, key, value| Flag { flag, key, value };
    let sources = Sources {
        preset: Some(PRESET),
        no_usual_file: true,
        environment: environment(),
        flags: vec![
            flag("--listen", "server.listen", options.listen.to_string()),
            flag(data_flag, "store.url", data.store_url()?),
        ],
        ..Sources::default()
    };
    let inbox = Inbox::new(Arc::clone(&clock) as _, Inbox::DEFAULT_CAPACITY);
    let registry = Registry::new(Arc::clone(&clock) as _).with_inbox(inbox.clone());
    let config = config::load(sources, &registry)?;
    let traces = telemetry::start(&config.log, &config.telemetry);
    allow_many_files(&config);
    let ended = block_on(server_runtime()?, async {
        let listeners = Listeners::bind(&config).await?;
        let listen = listeners.public_address;
        let machine = Machine { clock, random: Arc::new(OsRandom) };
        let mut server = Server::prepare(&config, listeners, machine).await?;
        let page = inbox_page::router(inbox, listen, server.app.draining.clone());
        server.app.public = std::mem::take(&mut server.app.public).merge(page);
        server
            .run(|listeners| {
                let welcome = Welcome { listen, admin: listeners.admin_address, data: &data };
                // Nobody may be reading.
                let _ = writeln!(std::io::stdout(), "{welcome}");
            })
            .await
    });
    traces.shutdown();
    ended
}
