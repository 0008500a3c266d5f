//! `watchword reload`.

use std::io::{Write as _, stderr};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use super::sources::SourceOptions;
use super::{CommandError, EXIT_CONFIGURATION, EXIT_FAILURE, listen_address, once, say};
use crate::config;
use crate::operator::{self, Question};

/// Have the running server take up its changed configuration.
///
/// It reads the files and the environment that it was started with again, and drops no request. With a mistake in them nothing
/// changes, and the exit code is 2. The server is found by the `admin.listen` of the configuration; SIGHUP does the same.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    sources: SourceOptions,
    /// Where the admin listener of the server is, in place of `admin.listen`
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen_address)]
    admin: Option<SocketAddr>,
}

pub(super) fn run(options: Options) -> Result<ExitCode, CommandError> {
    let address = match options.admin {
        Some(address) => address,
        None => config::admin_listen(options.sources.sources(Vec::new()))?,
    };
    let answer = once(operator::ask(address, Question::Reload))?.map_err(CommandError::NotReloaded)?;
    let text = answer.text.trim_end();
    if answer.is_success() {
        say(text);
        return Ok(ExitCode::SUCCESS);
    }
    let (code, text) = if answer.is_refused() {
        (EXIT_CONFIGURATION, format!("nothing was changed: {text}"))
    } else {
        (EXIT_FAILURE, format!("the server at http://{address} does not reload: {text}"))
    };
    let _ = writeln!(stderr(), "watchword: {text}");
    Ok(code.into())
}
