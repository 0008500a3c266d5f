//! The port: each operation is one call.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use watchword_core::address::{Channel, Target};
use watchword_core::delivery::{Delivery, DeliveryId};
use watchword_core::key_slot::KeySlot;
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::{Namespace, Partition};
use watchword_core::ports::{
    Check, CheckOutcome, ClaimDue, Claimed, DeleteOutcome, DeliveryQuery, Enqueue, Extend, Fenced, Hasten,
    HastenOutcome, KeyUse, NewestTarget, Purged, Receipt, Resend, SealedRow, Select, SendOutcome, SetAddress,
    Settlement, Start, StartOutcome, Store, StoreError, StoreStats,
};
use watchword_core::throttle::{ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Verification, Vid};

use super::PostgresStore;

#[async_trait]
impl Store for PostgresStore {
    async fn start(&self, start: Start) -> Result<StartOutcome, StoreError> {
        self.begin(start).await
    }

    async fn resend(&self, resend: Resend) -> Result<SendOutcome, StoreError> {
        self.send_again(resend).await
    }

    async fn set_address(&self, set: SetAddress) -> Result<SendOutcome, StoreError> {
        self.give_address(set).await
    }

    async fn enqueue(&self, enqueue: Enqueue) -> Result<SendOutcome, StoreError> {
        self.add_messages(enqueue).await
    }

    async fn check(&self, check: Check) -> Result<CheckOutcome, StoreError> {
        self.check_guess(check).await
    }

    async fn get(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        self.look_at(select).await
    }

    async fn find(&self, vid: Vid, now: Timestamp) -> Result<Option<Arc<Verification>>, StoreError> {
        self.look_for(vid, now).await
    }

    async fn cancel(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        self.give_up(select).await
    }

    async fn delete_if_approved(&self, select: Select) -> Result<DeleteOutcome, StoreError> {
        self.delete_approved(select).await
    }

    async fn newest_target(&self, look_up: NewestTarget) -> Result<Option<Target>, StoreError> {
        self.target_of_passcode(look_up).await
    }

    async fn newest_passcode(
        &self,
        namespace: Namespace,
        now: Timestamp,
        targets: Vec<Target>,
    ) -> Result<Option<SealedRow>, StoreError> {
        self.passcode_of_targets(&namespace, now, &targets).await
    }

    async fn put_rules(
        &self,
        namespace: Namespace,
        channel: Channel,
        by_ip: Option<Vec<ThrottleRule>>,
        by_target: Option<Vec<ThrottleRule>>,
    ) -> Result<(), StoreError> {
        self.replace_rules(&namespace, &channel, by_ip, by_target).await
    }

    async fn get_rules(&self, namespace: Namespace, channel: Channel) -> Result<ThrottleRules, StoreError> {
        self.rules_of(&namespace, &channel).await
    }

    async fn claim(&self, claim: ClaimDue) -> Result<Claimed, StoreError> {
        self.claim_due(claim).await
    }

    async fn extend(&self, extend: Extend) -> Result<Fenced, StoreError> {
        self.extend_lease(extend).await
    }

    async fn settle(&self, now: Timestamp, settlements: Vec<Settlement>) -> Result<Vec<Fenced>, StoreError> {
        self.settle_all(now, settlements).await
    }

    async fn receipt(&self, receipt: Receipt) -> Result<bool, StoreError> {
        self.add_receipt(receipt).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        self.find_deliveries(query).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.find_delivery(id).await
    }

    async fn hasten(&self, hasten: Hasten) -> Result<HastenOutcome, StoreError> {
        self.make_due(hasten).await
    }

    async fn unlock(&self, namespace: Namespace, subjects: Vec<SubjectKey>) -> Result<bool, StoreError> {
        self.forget_guesses(namespace, subjects).await
    }

    async fn purge(&self, _partition: Partition, now: Timestamp, max: usize) -> Result<Purged, StoreError> {
        self.remove_garbage(now, max).await
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.count_rows().await
    }

    async fn keys(&self) -> Result<Vec<KeyId>, StoreError> {
        self.registered_keys().await
    }

    async fn register_keys(&self, keys: Vec<KeyId>) -> Result<(), StoreError> {
        self.add_keys(keys).await
    }

    async fn key_uses(&self, now: Timestamp) -> Result<Vec<KeyUse>, StoreError> {
        self.uses_of_keys(now).await
    }

    async fn key_slots(&self) -> Result<Vec<KeySlot>, StoreError> {
        self.kept_key_slots().await
    }

    async fn add_key_slots(&self, slots: Vec<KeySlot>, first: bool) -> Result<bool, StoreError> {
        self.put_key_slots(slots, first).await
    }

    async fn drop_key_slots(&self, slots: Vec<KeySlot>) -> Result<(), StoreError> {
        self.remove_key_slots(slots).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.takes_writes().await
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        self.time_of_server().await.map(Some)
    }

    fn wake_ups(&self) -> Option<BoxStream<'static, ()>> {
        Some(super::notify::wake_ups(self.straight.clone(), self.tls.clone(), self.schema.clone()))
    }
}
