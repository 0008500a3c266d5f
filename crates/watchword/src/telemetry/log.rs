//! The log, on standard error.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Starts the log of this process. Only the first call has an effect.
pub fn start(settings: &Log) {
    // What the tool for migrations says at this level is of no use to operators.
    let level = match settings.level.as_str() {
        "info" => "info,refinery_core=warn",
        level => level,
    };
    // The configuration has checked it.
    let filter = EnvFilter::try_new(level).unwrap_or_default();
    let for_people = match settings.format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(stderr);
    // An error says that there is a log already, as in tests.
    let _ = if for_people {
        registry.with(lines.with_ansi(stderr().is_terminal())).try_init()
    } else {
        registry.with(lines.json().flatten_event(true)).try_init()
    };
}
