//! `watchword completions`.

use std::io::Write as _;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;

const EXAMPLE: &str = "\
Bash, for this user:

  mkdir -p ~/.local/share/bash-completion/completions
  watchword completions bash > ~/.local/share/bash-completion/completions/watchword
";

/// Print what a shell needs to complete commands and options.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Options {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(options: &Options) {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "watchword", &mut script);
    // Whoever stopped reading has seen enough.
    let _ = std::io::stdout().write_all(&script);
}
