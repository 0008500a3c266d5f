//! The provider that puts messages into the inbox.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Outgoing, Provider};

use super::Inbox;
use crate::kind::{BuildError, PASSCODE_LENGTH, Presentation, ProviderKind, Shared};

/// There is nothing to set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboxSettings {}

impl ProviderKind for InboxSettings {
    fn presentation<'a>(&'a self, _: &'a ProviderId) -> Presentation<'a> {
        Presentation {
            channel: "Inbox",
            address_name: "Address",
            max_address_length: None,
            passcode_length: PASSCODE_LENGTH,
        }
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        match &shared.inbox {
            Some(inbox) => Ok(Arc::new(InboxProvider { id, inbox: inbox.clone() })),
            None => Err(BuildError::DevOnly { provider: id }),
        }
    }
}

struct InboxProvider {
    id: ProviderId,
    inbox: Inbox,
}

#[async_trait]
impl Provider for InboxProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn max_concurrent(&self) -> usize {
        1_024
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        self.inbox.put(&outgoing);
        Outcome::Accepted { message_id: None }
    }
}
