//! Recording what became of deliveries, many at a time.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::UnboundedReceiver;
use futures::future::{Either, select};

use super::Shared;
use crate::delivery::Verdict;
use crate::fail_point;
use crate::ports::{Fenced, Settlement};

/// How many are recorded in one store operation.
const BATCH: usize = 256;
/// How long to wait before a failed batch is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

impl Shared {
    pub(super) fn settle(&self, settlement: Settlement) {
        // The receiver lives in `run`; without it nothing is recorded, and the lease hands the delivery on.
        if let Err(error) = self.settlements.unbounded_send(settlement) {
            let delivery = error.into_inner().id;
            tracing::error!(%delivery, "a delivery was not settled; whoever takes it over sends it again");
            self.released(1);
        }
    }

    /// Until the dispatcher is done.
    pub(super) async fn settle_all(&self, queue: UnboundedReceiver<Settlement>) {
        let mut batches = queue.ready_chunks(BATCH);
        loop {
            let listener = self.changed.listen();
            if self.is_done() {
                return;
            }
            let batch = match select(pin!(batches.next()), listener).await {
                Either::Left((Some(batch), _)) => batch,
                Either::Left((None, _)) => return,
                Either::Right(_) => continue,
            };
            fail_point::reached("before_settle").await;
            self.record(batch).await;
        }
    }

    /// A settlement that is lost would be sent again, so it is tried until it is recorded; while everything stops, until the lease
    /// ended anyway.
    async fn record(&self, batch: Vec<Settlement>) {
        let count = batch.len();
        let earliest_retry = batch.iter().filter_map(|settlement| match settlement.verdict {
            Verdict::Retry { at } => Some(at),
            Verdict::Ended(_) => None,
        });
        let wakes = earliest_retry.min().is_some();
        let give_up_at = self.now().after(self.routes.load().longest_timeout() + super::LEASE_MARGIN);
        loop {
            match self.parts.store.settle(self.now(), batch.clone()).await {
                Ok(answers) => {
                    let stale = answers.iter().filter(|answer| **answer == Fenced::Stale).count();
                    if stale > 0 {
                        tracing::debug!(
                            stale,
                            "deliveries had ended or were taken over before they were settled"
                        );
                    }
                    self.settling_fails.store(false, Ordering::SeqCst);
                    break;
                }
                Err(error) if !self.is_stopping() || self.now() < give_up_at => {
                    if !self.settling_fails.swap(true, Ordering::SeqCst) {
                        tracing::warn!(%error, count, "deliveries can't be settled; trying again until they are");
                    }
                    self.parts.clock.sleep_until(self.now().after(RETRY_AFTER)).await;
                }
                Err(error) => {
                    tracing::error!(%error, count, "deliveries were not settled; whoever takes them over sends them again");
                    break;
                }
            }
        }
        self.released(count);
        if wakes {
            self.changed.notify(usize::MAX);
        }
    }
}
