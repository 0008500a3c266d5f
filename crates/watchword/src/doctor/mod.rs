//! `watchword doctor`: whether everything that the server needs works, without sending anything.
//!
//! # How to add an examination
//!
//! A file here with a function that gives back its [`Finding`]s, and its line in [`examine`]. It has a time limit, changes
//! nothing, and its words say what to do. No finding holds a secret.

mod clock;
mod files;
mod postgres;
mod providers;
mod redis;
mod report;
mod running;
mod site;
mod store;
mod tls;

use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
use watchword_core::ports::Clock;

use crate::config::Config;
pub(crate) use postgres::warnings as warnings_of_postgres;
pub(crate) use redis::warnings as warnings_of;
pub use report::{as_json, as_table};

/// The longest that one examination over the network may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one examination found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `store`, `provider mail`.
    pub subject: String,
    /// How it is.
    pub state: State,
    /// What was found, and what to do about it.
    pub detail: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing could be found out, and nothing needs to be done for that.
    Untried,
    /// As it should be.
    Good,
    /// It works, and somebody should look at it.
    Warning,
    /// It does not work.
    Failed,
}

impl Finding {
    fn new(subject: impl Into<String>, state: State, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), state, detail: detail.into() }
    }
}

/// Looks at everything that this configuration names.
pub async fn examine(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let mut findings = files::examine(config);
    findings.extend(store::examine(config).await);
    findings.extend(tls::examine(config, clock));
    let from_outside = futures::future::join(site::examine(config, clock), running::examine(config));
    let (providers, (site, running)) =
        futures::join!(join_all(config.providers.iter().map(providers::examine)), from_outside);
    findings.extend(providers);
    findings.extend(site);
    findings.push(clock::examine(clock));
    findings.push(running);
    findings
}

/// Whether the server would work.
pub fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.state != State::Failed)
}
