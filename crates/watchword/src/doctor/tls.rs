//! How long the listener's certificate is good for.

use std::time::Duration;

use watchword_core::ports::Clock;
use watchword_http::server::Certificate;

use super::{Finding, State};
use crate::config::Config;

/// It should have been renewed by then.
const SOON: Duration = Duration::from_hours(14 * 24);

pub(super) fn examine(config: &Config, clock: &dyn Clock) -> Option<Finding> {
    let tls = config.server.tls.as_ref()?;
    let shown = tls.certificate.display();
    let (state, detail) = match Certificate::read(&tls.certificate, &tls.key) {
        Err(error) => (State::Failed, error.to_string()),
        Ok(certificate) => {
            let left = clock.now().until(certificate.ends());
            let days = left.as_secs() / 86_400;
            match left {
                Duration::ZERO => {
                    (State::Failed, format!("{shown} has expired: renew it, then `watchword reload`"))
                }
                _ if left < SOON => (
                    State::Warning,
                    format!("{shown} ends in {days} days: renew it, then `watchword reload`"),
                ),
                _ => (State::Good, format!("{shown} is good for {days} days")),
            }
        }
    };
    Some(Finding::new("certificate", state, detail))
}
