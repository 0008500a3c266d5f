//! A provider whose tries are seen in traces.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tracing::Instrument as _;
use tracing::field::Empty;
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Outgoing, Probe, Provider};

use super::traces::{self, TARGET};

/// `provider`, with a span for each try; as it is while traces are off.
pub fn traced(provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
    if traces::are_on() { Arc::new(Traced(provider)) } else { provider }
}

struct Traced(Arc<dyn Provider>);

#[async_trait]
impl Provider for Traced {
    fn id(&self) -> &ProviderId {
        self.0.id()
    }

    fn timeout(&self) -> Duration {
        self.0.timeout()
    }

    fn max_concurrent(&self) -> usize {
        self.0.max_concurrent()
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        let span = tracing::debug_span!(
            target: TARGET, "delivery attempt", provider = %self.id(), delivery = %outgoing.delivery.id,
            outcome = Empty, otel.kind = "client", otel.status_code = Empty
        );
        let outcome = self.0.send(outgoing).instrument(span.clone()).await;
        span.record("outcome", outcome.name());
        if !matches!(outcome, Outcome::Accepted { .. }) {
            span.record("otel.status_code", "ERROR");
        }
        outcome
    }

    async fn probe(&self) -> Probe {
        self.0.probe().await
    }
}
