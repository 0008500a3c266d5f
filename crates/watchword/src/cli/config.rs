//! `watchword config`.

use std::collections::BTreeMap;
use std::io::{Write as _, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use watchword_delivery::registry::Registry;

use super::sources::{Original, SourceOptions};
use super::{CommandError, EXIT_CONFIGURATION, environment, say};
use crate::clock::SystemClock;
use crate::config::{self, Config, Dialect, REFERENCE};

/// Look at the configuration without starting a server.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read it as `serve` would, and list all that is wrong
    ///
    /// Each mistake is one line with its file and line; the exit code is 2 then. Nothing is connected to, see `doctor` for that.
    Check(SourceOptions),
    /// Print every setting with its value and where it was set; secrets are left out
    Show(SourceOptions),
    /// Print every setting there is, with its default and what it is for
    Reference,
    /// Print a watchword.toml that says what another product's configuration says
    ///
    /// Its variables, such as OTP_GATEWAY_…, go over its files. Secrets are printed as they are:
    /// `(umask 077 && watchword config import otpgateway config.toml > watchword.toml)`.
    Import(ImportOptions),
}

#[derive(Debug, Args)]
struct ImportOptions {
    /// The product
    #[arg(value_name = "PRODUCT")]
    original: Original,
    /// Its configuration files; later ones win
    #[arg(value_name = "FILE", required_if_eq("original", "otpgateway"))]
    files: Vec<PathBuf>,
}

pub(super) fn run(options: Options) -> Result<ExitCode, CommandError> {
    match options.command {
        Command::Check(sources) => Ok(check(sources)),
        Command::Show(sources) => {
            let mut out = stdout().lock();
            for setting in config::show(sources.sources(Vec::new()))? {
                // Whoever stopped reading has seen enough.
                let _ = writeln!(out, "{setting}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Import(ImportOptions { original, files }) => {
            let text = config::import(original.into(), &files, &environment())?;
            let _ = stdout().write_all(text.as_bytes());
            Ok(ExitCode::SUCCESS)
        }
        Command::Reference => {
            let _ = stdout().write_all(REFERENCE.as_bytes());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(sources: SourceOptions) -> ExitCode {
    let registry = Registry::new(Arc::new(SystemClock::new()));
    match config::load(sources.sources(Vec::new()), &registry) {
        Ok(config) => {
            say(&summary(&config));
            for warning in &config.warnings {
                say(&format!("warning: {warning}"));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            for problem in error.problems() {
                let _ = writeln!(stderr(), "{problem}");
            }
            EXIT_CONFIGURATION.into()
        }
    }
}

/// What would run.
fn summary(config: &Config) -> String {
    let Config { server, store, namespaces, providers, routes, .. } = config;
    let of_kinds: BTreeMap<_, _> =
        providers.iter().map(|(id, provider)| (id.as_str(), provider.settings.kind())).collect();
    let of_kinds: Vec<String> = of_kinds.iter().map(|(id, kind)| format!("{id} ({kind})")).collect();
    // Each provider is a route of its own name too.
    let routes: Vec<&str> = routes
        .keys()
        .map(|route| route.as_str())
        .filter(|name| !providers.keys().any(|id| id.as_str() == *name))
        .collect();
    let routes = if routes.is_empty() { String::new() } else { format!(", routes {}", routes.join(", ")) };
    let callers = match server.dialect {
        Dialect::Otpgateway if namespaces.len() == 1 => "1 namespace".to_owned(),
        Dialect::Otpgateway => format!("{} namespaces", namespaces.len()),
        // Their callers have no names.
        Dialect::Perfumer => "Perfumer OTP's API".to_owned(),
        Dialect::Egov => "the APIs of user-otp and egov-otp".to_owned(),
    };
    format!(
        "good: listens on {}, store {}, {callers}, providers {}{routes}",
        server.listen.0,
        store.url,
        of_kinds.join(", "),
    )
}
