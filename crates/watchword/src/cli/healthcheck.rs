//! `watchword healthcheck`.

use std::sync::Arc;

use clap::Args;
use watchword_delivery::registry::Registry;

use super::sources::SourceOptions;
use super::{CommandError, once, say};
use crate::clock::SystemClock;
use crate::config::{self, Admin};
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
    let registry = Registry::new(Arc::new(SystemClock::new()));
    let config = config::load(options.sources.sources(Vec::new()), &registry)?;
    let admin = config.admin.listen.map_or(Admin::DEFAULT, |listen| listen.0);
    let question = if options.ready { Question::Ready } else { Question::Health };
    let answer = once(operator::ask(admin, question))??;
    say(answer.text.trim_end());
    Ok(answer.is_success())
}
