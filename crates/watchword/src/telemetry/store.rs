//! A store whose operations are timed, and seen in traces.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures::stream::BoxStream;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use watchword_core::address::{Channel, Target};
use watchword_core::delivery::{Delivery, DeliveryId};
use watchword_core::key::{KeyId, SubjectKey};
use watchword_core::key_slot::KeySlot;
use watchword_core::namespace::{Namespace, Partition};
use watchword_core::ports::{
    Check, CheckOutcome, ClaimDue, Claimed, DeleteOutcome, DeliveryQuery, Enqueue, Extend, Fenced, Hasten,
    HastenOutcome, KeyUse, NewestTarget, Purged, Receipt, Resend, SealedRow, Select, SendOutcome, SetAddress,
    Settlement, Start, StartOutcome, Store, StoreError, StoreStats,
};
use watchword_core::throttle::{ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Verification, Vid};

use super::metrics::Metrics;
use super::traces::{self, TARGET};

/// A store, watched.
pub struct WatchedStore {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl WatchedStore {
    /// Counts what `store` does in `metrics`.
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    async fn watch<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        #[expect(clippy::disallowed_methods, reason = "measures the store, for metrics only")]
        let began = Instant::now();
        // The store is also asked when nobody waits: what is due, what is old. Those are no traces.
        let span = if traces::in_a_trace() {
            let name = format_args!("store {name}");
            tracing::debug_span!(target: TARGET, "store", otel.name = %name, otel.status_code = Empty)
        } else {
            Span::none()
        };
        let result = work.instrument(span.clone()).await;
        if result.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        self.metrics.stored(name, began.elapsed(), result.as_ref().err());
        result
    }
}

/// Each operation as it is, watched under its own name.
macro_rules! watched {
    ($($name:ident($($input:ident: $type:ty),*) -> $output:ty;)*) => {
        #[async_trait]
        impl Store for WatchedStore {
            $(async fn $name(&self, $($input: $type),*) -> Result<$output, StoreError> {
                self.watch(stringify!($name), self.store.$name($($input),*)).await
            })*

            fn wake_ups(&self) -> Option<BoxStream<'static, ()>> {
                self.store.wake_ups()
            }

            fn partitions(&self) -> Vec<Partition> {
                self.store.partitions()
            }
        }
    };
}

watched! {
    start(start: Start) -> StartOutcome;
    resend(resend: Resend) -> SendOutcome;
    set_address(set: SetAddress) -> SendOutcome;
    enqueue(enqueue: Enqueue) -> SendOutcome;
    check(check: Check) -> CheckOutcome;
    get(select: Select) -> Option<Arc<Verification>>;
    find(vid: Vid, now: Timestamp) -> Option<Arc<Verification>>;
    cancel(select: Select) -> Option<Arc<Verification>>;
    delete_if_approved(select: Select) -> DeleteOutcome;
    newest_target(look_up: NewestTarget) -> Option<Target>;
    newest_passcode(namespace: Namespace, now: Timestamp, targets: Vec<Target>) -> Option<SealedRow>;
    put_rules(
        namespace: Namespace, channel: Channel, by_ip: Option<Vec<ThrottleRule>>, by_target: Option<Vec<ThrottleRule>>
    ) -> ();
    get_rules(namespace: Namespace, channel: Channel) -> ThrottleRules;
    claim(claim: ClaimDue) -> Claimed;
    extend(extend: Extend) -> Fenced;
    settle(now: Timestamp, settlements: Vec<Settlement>) -> Vec<Fenced>;
    receipt(receipt: Receipt) -> bool;
    deliveries(query: DeliveryQuery) -> Vec<Delivery>;
    delivery(id: DeliveryId) -> Option<Delivery>;
    hasten(hasten: Hasten) -> HastenOutcome;
    unlock(namespace: Namespace, subjects: Vec<SubjectKey>) -> bool;
    purge(partition: Partition, now: Timestamp, max: usize) -> Purged;
    stats() -> StoreStats;
    keys() -> Vec<KeyId>;
    register_keys(keys: Vec<KeyId>) -> ();
    key_slots() -> Vec<KeySlot>;
    add_key_slots(slots: Vec<KeySlot>, first: bool) -> bool;
    drop_key_slots(slots: Vec<KeySlot>) -> ();
    key_uses(now: Timestamp) -> Vec<KeyUse>;
    ready() -> ();
    time() -> Option<Timestamp>;
}
