//! What `/metrics` shows when somebody asks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use watchword_core::dispatcher::Dispatcher;
use watchword_core::ports::{Clock, Store};
use watchword_core::time::Timestamp;
use watchword_http::front::Front;

use super::metrics::Metrics;

/// How long the store may take to say how much is in it; after that the figures stay as they were.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is asked at most, whoever asks us.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// The counters, and the figures that are looked up when somebody asks. Cheap to clone.
#[derive(Clone)]
pub struct Exposition(Arc<Shared>);

struct Shared {
    metrics: Arc<Metrics>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    dispatcher: Dispatcher,
    front: Front,
    /// When the store was asked last. Held while it is asked: others don't wait for that.
    asked_at: Mutex<Option<Timestamp>>,
}

impl Exposition {
    /// Shows `metrics`, and how much this store, this dispatcher and this front hold.
    pub fn new(
        metrics: Arc<Metrics>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        dispatcher: Dispatcher,
        front: Front,
    ) -> Self {
        Self(Arc::new(Shared { metrics, store, clock, dispatcher, front, asked_at: Mutex::new(None) }))
    }

    /// The text for a scrape (OpenMetrics 1.0). It comes also when the store does not answer.
    pub async fn text(&self) -> String {
        let Shared { metrics, dispatcher, front, .. } = &*self.0;
        self.0.ask_store().await;
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.held.set(whole(dispatcher.held()));
        metrics.requests_in_hand.set(whole(front.in_hand()));
        metrics.show_breakers(&dispatcher.breakers());
        metrics.text()
    }
}

impl Shared {
    async fn ask_store(&self) {
        let Ok(mut asked_at) = self.asked_at.try_lock() else { return };
        let now = self.clock.now();
        if asked_at.is_some_and(|at| now < at.after(ASK_EVERY)) {
            return;
        }
        *asked_at = Some(now);
        let asking = async {
            self.store.ready().await?;
            self.store.stats().await
        };
        let stats = tokio::time::timeout(PATIENCE, asking).await;
        self.metrics.store_ready.set(i64::from(matches!(stats, Ok(Ok(_)))));
        match stats {
            Ok(Ok(stats)) => {
                let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
                let overdue = stats.oldest_due.map_or(Duration::ZERO, |due| due.until(now));
                self.metrics.outbox_depth.set(whole(stats.outbox));
                self.metrics.outbox_oldest_due.set(overdue.as_secs_f64());
                self.metrics.verifications.set(whole(stats.verifications));
            }
            Ok(Err(error)) => tracing::warn!(%error, "the store does not say how much is in it"),
            Err(_) => tracing::warn!("the store takes too long to say how much is in it"),
        }
    }
}
