//! `discard`: takes every message and sends none, for development and load tests. What is stored and counted is as ever.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Outgoing, Probe, Provider};

use crate::kind::{BuildError, PASSCODE_LENGTH, Presentation, ProviderKind, Shared};

/// There is nothing to set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscardSettings {}

impl ProviderKind for DiscardSettings {
    fn presentation<'a>(&'a self, id: &'a ProviderId) -> Presentation<'a> {
        Presentation {
            channel: id.as_str(),
            address_name: "Address",
            max_address_length: None,
            passcode_length: PASSCODE_LENGTH,
        }
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        shared.warn(&id, "takes every message and sends none; nobody gets a passcode by it");
        Ok(Arc::new(Discard { id }))
    }
}

struct Discard {
    id: ProviderId,
}

#[async_trait]
impl Provider for Discard {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn max_concurrent(&self) -> usize {
        1_024
    }

    async fn send(&self, _: Outgoing<'_>) -> Outcome {
        Outcome::Accepted { message_id: None }
    }

    async fn probe(&self) -> Probe {
        Probe::Untried { reason: "it sends nothing".to_owned() }
    }
}
