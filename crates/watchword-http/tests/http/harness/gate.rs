//! A store that a test can take away.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use watchword_core::address::{Channel, Target};
use watchword_core::delivery::{Delivery, DeliveryId};
use watchword_core::key::{KeyId, SubjectKey};
use watchword_core::key_slot::KeySlot;
use watchword_core::namespace::{Namespace, Partition};
use watchword_core::ports::*;
use watchword_core::throttle::{ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Verification, Vid};
use watchword_store::Memory;

/// The reference store, behind a gate.
#[derive(Debug)]
pub(crate) struct Gate {
    inner: Memory,
    state: Mutex<State>,
}

/// What a call to the store meets.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// The store.
    Open,
    /// This error.
    Fails(StoreError),
    /// Nothing, for ever.
    Hangs,
    /// A mistake in the store's code.
    Panics,
}

impl Gate {
    /// An empty store, open.
    pub(crate) fn new() -> Self {
        Self { inner: Memory::new(Retention::default()), state: Mutex::new(State::Open) }
    }

    /// From now on.
    pub(crate) fn set(&self, state: State) {
        *self.state.lock() = state;
    }

    /// How many verifications there are.
    pub(crate) async fn count(&self) -> u64 {
        self.inner.stats().await.unwrap().verifications
    }

    async fn pass(&self) -> Result<(), StoreError> {
        let state = self.state.lock().clone();
        match state {
            State::Open => Ok(()),
            State::Fails(error) => Err(error),
            State::Hangs => std::future::pending().await,
            State::Panics => panic!("the store was told to panic"),
        }
    }
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        #[async_trait]
        impl Store for Gate {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.pass().await?;
                self.inner.$name($($argument),*).await
            })+
        }
    };
}

pass_on! {
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
    put_rules(namespace: Namespace, channel: Channel, by_ip: Option<Vec<ThrottleRule>>, by_target: Option<Vec<ThrottleRule>>) -> ();
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
