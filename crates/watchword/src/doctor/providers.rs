//! Whether each provider could send.

use watchword_core::delivery::ProviderId;
use watchword_core::ports::Probe;

use super::{Finding, PATIENCE, State};
use crate::config::ConfiguredProvider;

pub(super) async fn examine((id, configured): (&ProviderId, &ConfiguredProvider)) -> Finding {
    let patience = PATIENCE.max(configured.provider.timeout());
    let subject = format!("provider {id}");
    match tokio::time::timeout(patience, configured.provider.probe()).await {
        Ok(Probe::Good { tried }) => Finding::new(subject, State::Good, tried),
        Ok(Probe::Failed { problem }) => Finding::new(subject, State::Failed, problem),
        Ok(Probe::Untried { reason }) => Finding::new(subject, State::Untried, reason),
        Err(_) => Finding::new(subject, State::Failed, format!("no answer within {} s", patience.as_secs())),
    }
}
