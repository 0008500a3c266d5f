//! `watchword healthcheck`.

use clap::Args;

use super::sources::SourceOptions;
use super::{CommandError, once, say};
use crate::config;
use crate::operator::{self, Question};

/// Ask the running server whether it is well; for containers and supervisors.
///
/// It asks the admin listener that the configuration names. Exit code 0: it is well. 1: it is not, or none answers.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    sources: SourceOptions,
    /// Ask whether it should get requests (its store works, it is not stopping), not only whether it answers
    #[arg(long)]
    ready: bool,
}

/// Whether it is well.
pub(super) fn run(options: Options) -> Result<bool, CommandError> {
    // A mistake that somebody made since the server started is not its illness.
    let admin = config::admin_listen(options.sources.sources(Vec::new()))?;
    let question = if options.ready { Question::Ready } else { Question::Health };
    let answer = once(operator::ask(admin, question))??;
    say(answer.text.trim_end());
    Ok(answer.is_success())
}
