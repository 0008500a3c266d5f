//! `watchword doctor`.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::sync::Arc;

use clap::Args;
use watchword_delivery::registry::Registry;

use super::sources::SourceOptions;
use super::{CommandError, once};
use crate::clock::SystemClock;
use crate::{config, doctor};

/// Find out whether everything the server needs works; nothing is sent.
///
/// It looks at the configuration, the modes of files with secrets, the store, its disk and its keys; has every provider connect
/// and sign in; looks up `server.root_url` and asks who answers there; and looks at the clock. It may run beside a server.
/// Exit code 1: something does not work. 2: the configuration has mistakes.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    sources: SourceOptions,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Whether all is well.
pub(super) fn run(options: Options) -> Result<bool, CommandError> {
    let clock = Arc::new(SystemClock::new());
    let registry = Registry::new(Arc::clone(&clock) as _);
    let config = config::load(options.sources.sources(Vec::new()), &registry)?;
    let findings = once(doctor::examine(&config, &*clock))?;
    let colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let text =
        if options.json { doctor::as_json(&findings) + "\n" } else { doctor::as_table(&findings, colour) };
    // Whoever stopped reading has seen enough.
    let _ = stdout().write_all(text.as_bytes());
    Ok(doctor::is_well(&findings))
}
