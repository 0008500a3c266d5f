//! The reference: what every store must do, kept in plain lists behind one lock. Tests only (cargo feature `reference`).
//!
//! Nothing survives the process, and everything is a linear search: it is here to be obviously right, and to be broken on
//! purpose ([`Memory::broken`]), so that the testkit's suite can show that it notices.

mod fault;
mod outbox;
mod state;
mod upkeep;

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use watchword_core::address::{Channel, Target};
use watchword_core::delivery::{Delivery, DeliveryId};
use watchword_core::key_slot::KeySlot;
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::{Namespace, Partition};
use watchword_core::ports::{
    Check, CheckOutcome, ClaimDue, Claimed, DeleteOutcome, DeliveryQuery, Enqueue, Extend, Fenced, Hasten,
    HastenOutcome, KeyUse, NewestTarget, Purged, Receipt, Resend, Retention, SealedRow, Select, SendOutcome,
    SetAddress, Settlement, Start, StartOutcome, Store, StoreError, StoreStats,
};
use watchword_core::throttle::{ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Verification, Vid};

pub use fault::Fault;
use state::State;

/// The in-memory reference store. One lock is held for the whole of each operation.
#[derive(Debug)]
pub struct Memory {
    state: Mutex<State>,
    fault: Option<Fault>,
    time: Mutex<Result<Option<Timestamp>, StoreError>>,
}

impl Memory {
    /// An empty store that does everything right.
    pub fn new(retention: Retention) -> Self {
        Self { state: Mutex::new(State::new(retention, None)), fault: None, time: Mutex::new(Ok(None)) }
    }

    /// An empty store that does one thing wrong.
    pub fn broken(fault: Fault) -> Self {
        let state = State::new(Retention::default(), Some(fault));
        Self { state: Mutex::new(state), fault: Some(fault), time: Mutex::new(Ok(None)) }
    }

    /// What [`Store::time`] answers from here on; at first this store has no time of its own.
    pub fn set_time(&self, time: Result<Option<Timestamp>, StoreError>) {
        *self.time.lock() = time;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn reads_then_writes(&self) -> bool {
        self.fault == Some(Fault::ReadThenWrite)
    }
}

#[async_trait]
impl Store for Memory {
    async fn start(&self, start: Start) -> Result<StartOutcome, StoreError> {
        if self.reads_then_writes() {
            let view = self.state().start_view(&start);
            tokio::task::yield_now().await;
            return Ok(self.state().start_from(start, view));
        }
        let mut state = self.state();
        let view = state.start_view(&start);
        Ok(state.start_from(start, view))
    }

    async fn resend(&self, resend: Resend) -> Result<SendOutcome, StoreError> {
        Ok(self.state().resend(resend))
    }

    async fn set_address(&self, set: SetAddress) -> Result<SendOutcome, StoreError> {
        Ok(self.state().set_address(set))
    }

    async fn enqueue(&self, enqueue: Enqueue) -> Result<SendOutcome, StoreError> {
        Ok(self.state().enqueue(enqueue))
    }

    async fn check(&self, check: Check) -> Result<CheckOutcome, StoreError> {
        if self.reads_then_writes() {
            let view = self.state().check_view(&check);
            tokio::task::yield_now().await;
            return Ok(self.state().check_from(check, view));
        }
        let mut state = self.state();
        let view = state.check_view(&check);
        Ok(state.check_from(check, view))
    }

    async fn get(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        Ok(self.state().get(&select))
    }

    async fn find(&self, vid: Vid, now: Timestamp) -> Result<Option<Arc<Verification>>, StoreError> {
        Ok(self.state().find(vid, now))
    }

    async fn cancel(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        Ok(self.state().cancel(&select))
    }

    async fn delete_if_approved(&self, select: Select) -> Result<DeleteOutcome, StoreError> {
        Ok(self.state().delete_if_approved(&select))
    }

    async fn newest_target(&self, look_up: NewestTarget) -> Result<Option<Target>, StoreError> {
        Ok(self.state().newest_target(&look_up))
    }

    async fn newest_passcode(
        &self,
        namespace: Namespace,
        now: Timestamp,
        targets: Vec<Target>,
    ) -> Result<Option<SealedRow>, StoreError> {
        Ok(self.state().newest_passcode(&namespace, now, &targets))
    }

    async fn put_rules(
        &self,
        namespace: Namespace,
        channel: Channel,
        by_ip: Option<Vec<ThrottleRule>>,
        by_target: Option<Vec<ThrottleRule>>,
    ) -> Result<(), StoreError> {
        self.state().put_rules(namespace, channel, by_ip, by_target);
        Ok(())
    }

    async fn get_rules(&self, namespace: Namespace, channel: Channel) -> Result<ThrottleRules, StoreError> {
        Ok(self.state().get_rules(namespace, channel))
    }

    async fn claim(&self, claim: ClaimDue) -> Result<Claimed, StoreError> {
        Ok(self.state().claim(&claim))
    }

    async fn extend(&self, extend: Extend) -> Result<Fenced, StoreError> {
        Ok(self.state().extend(&extend))
    }

    async fn settle(&self, now: Timestamp, settlements: Vec<Settlement>) -> Result<Vec<Fenced>, StoreError> {
        let mut state = self.state();
        Ok(settlements.into_iter().map(|settlement| state.settle(settlement, now)).collect())
    }

    async fn receipt(&self, receipt: Receipt) -> Result<bool, StoreError> {
        Ok(self.state().receipt(receipt))
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.state().deliveries(&query))
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        Ok(self.state().delivery(id))
    }

    async fn hasten(&self, hasten: Hasten) -> Result<HastenOutcome, StoreError> {
        Ok(self.state().hasten(&hasten))
    }

    async fn unlock(&self, namespace: Namespace, subjects: Vec<SubjectKey>) -> Result<bool, StoreError> {
        Ok(self.state().unlock(&namespace, &subjects))
    }

    async fn purge(&self, _partition: Partition, now: Timestamp, max: usize) -> Result<Purged, StoreError> {
        Ok(self.state().purge(now, max))
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        Ok(self.state().stats())
    }

    async fn keys(&self) -> Result<Vec<KeyId>, StoreError> {
        Ok(self.state().keys())
    }

    async fn register_keys(&self, keys: Vec<KeyId>) -> Result<(), StoreError> {
        self.state().register_keys(keys);
        Ok(())
    }

    async fn key_slots(&self) -> Result<Vec<KeySlot>, StoreError> {
        Ok(self.state().key_slots())
    }

    async fn add_key_slots(&self, slots: Vec<KeySlot>, first: bool) -> Result<bool, StoreError> {
        Ok(self.state().add_key_slots(slots, first))
    }

    async fn drop_key_slots(&self, slots: Vec<KeySlot>) -> Result<(), StoreError> {
        self.state().drop_key_slots(&slots);
        Ok(())
    }

    async fn key_uses(&self, now: Timestamp) -> Result<Vec<KeyUse>, StoreError> {
        Ok(self.state().key_uses(now))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        self.time.lock().clone()
    }
}
