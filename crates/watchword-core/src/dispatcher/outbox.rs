//! Taking over what is due: retries, messages for later, and what a dead node left behind.

use futures::StreamExt as _;
use futures::future::select;
use futures::stream;

use super::{LEASE_MARGIN, MOST_HELD, POLL_EVERY, Shared};
use crate::delivery::Claimant;
use crate::ports::{ClaimDue, Claimed, StoreError};
use crate::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many are taken at once.
const CLAIM_BATCH: usize = 64;

impl Shared {
    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Until the dispatcher stops.
    pub(super) async fn take_over_due(self: &Arc<Self>) {
        // A store that tells no more is asked now and then, as one that never told.
        let told = self.parts.store.wake_ups().unwrap_or_else(|| stream::empty().boxed());
        let mut told = told.chain(stream::pending());
        while !self.is_stopping() {
            let listener = self.changed.listen();
            let now = self.now();
            // What is sent and can't be recorded must not be claimed again, or it is sent twice.
            if self.settling_fails.load(Ordering::SeqCst) {
                select(self.parts.clock.sleep_until(now.after(POLL_EVERY)), listener).await;
                continue;
            }
            let next_look = match self.take_over_once(now).await {
                Ok(Some(next_due)) => next_due.min(now.after(POLL_EVERY)),
                Ok(None) => now.after(POLL_EVERY),
                Err(error) => {
                    tracing::warn!(%error, "the outbox can't be read; trying again");
                    now.after(POLL_EVERY)
                }
            };
            if next_look > now && !self.is_stopping() {
                let until_due = self.parts.clock.sleep_until(next_look);
                select(until_due, select(listener, told.next())).await;
            }
        }
    }

    /// Takes what is due in every partition; answers when to look again.
    async fn take_over_once(self: &Arc<Self>, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut next_look: Option<Timestamp> = None;
        for partition in self.parts.store.partitions() {
            let room = MOST_HELD.saturating_sub(self.held.load(Ordering::Relaxed)).min(CLAIM_BATCH);
            if room == 0 {
                return Ok(None);
            }
            let lease_until = now.after(self.routes.load().longest_timeout() + LEASE_MARGIN);
            let claimant = Claimant { node: self.node.clone(), lease_until };
            let due = ClaimDue { partition, now, claimant, max: room };
            // Held from here on, so that whoever waits for the last one to be settled waits for these too.
            self.held.fetch_add(1, Ordering::SeqCst);
            let claimed = self.parts.store.claim(due).await;
            let claims = claimed.as_ref().map_or(0, |claimed| claimed.claims.len());
            self.held.fetch_add(claims, Ordering::SeqCst);
            self.released(1);
            let Claimed { claims, next_due } = claimed?;
            let may_be_more = (claims.len() == room).then_some(now);
            next_look = [next_look, next_due, may_be_more].into_iter().flatten().min();
            for claim in claims {
                let shared = Arc::clone(self);
                self.parts.tasks.spawn(Box::pin(async move { shared.deliver(claim, None, None).await }));
            }
        }
        Ok(next_look)
    }
}
