//! The log, on standard error.
//!
//! What libraries say through the crate `log` is not part of it, at no level: some say what they work on, and that may be a
//! message with its passcode.

use std::io::{IsTerminal as _, stderr};

use tracing::Subscriber;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use super::traces::Traces;
use crate::config::{Log, LogFormat};

/// Starts the log of this process, and hands spans to `traces`. Only the first call has an effect.
pub fn start(settings: &Log, traces: &Traces) {
    // The configuration has checked it.
    let filter = EnvFilter::try_new(settings.level.as_str()).unwrap_or_default();
    let for_people = match settings.format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let registry = tracing_subscriber::registry();
    // An error says that there is a log already, as in tests.
    let _ = match traces.layer() {
        Some(traces) => registry.with(lines(for_people).with_filter(filter)).with(traces).try_init(),
        // A filter for everything costs less than one for each.
        None => registry.with(filter).with(lines(for_people)).try_init(),
    };
}

fn lines<S>(for_people: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = fmt::layer().with_writer(stderr);
    if for_people { lines.with_ansi(is_coloured()).boxed() } else { lines.json().flatten_event(true).boxed() }
}

/// Colours are for terminals, unless their owner wants none (<https://no-color.org>).
fn is_coloured() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
