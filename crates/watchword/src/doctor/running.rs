//! Whether a server runs by this configuration already.

use super::{Finding, State};
use crate::config::{Admin, Config};
use crate::operator;

pub(super) async fn examine(config: &Config) -> Finding {
    let subject = "running server";
    let admin = config.admin.listen.map_or(Admin::DEFAULT, |listen| listen.0);
    match operator::ask(admin, operator::Question::Ready).await {
        Ok(answer) if answer.is_success() => Finding::new(subject, State::Good, format!("ready, at {admin}")),
        Ok(answer) => {
            Finding::new(subject, State::Failed, format!("runs, and is not ready: {}", answer.text.trim()))
        }
        Err(_) => Finding::new(subject, State::Untried, format!("none answers at {admin}")),
    }
}
