//! `inbox`: keeps the newest messages in memory, for the page of `watchword dev`. It always accepts.

mod provider;

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;
use watchword_core::delivery::DeliveryId;
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Passcode;
use watchword_core::ports::{Clock, Outgoing};
use watchword_core::time::Timestamp;
use watchword_core::verification::ExternalId;

pub use provider::InboxSettings;

/// A message in the inbox. Its `Debug` shows neither passcode nor text nor address.
#[derive(Clone)]
pub struct InboxMessage {
    /// The delivery it came with.
    pub delivery: DeliveryId,
    /// When it came.
    pub at: Timestamp,
    /// The address, as given.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The passcode on its own.
    pub passcode: Passcode,
    /// Whose verification it is of.
    pub namespace: Namespace,
    /// The caller's name for the verification, where it has one.
    pub external_id: Option<ExternalId>,
}

impl fmt::Debug for InboxMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxMessage")
            .field("delivery", &self.delivery)
            .field("at", &self.at)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// The newest messages. Cheap to clone; clones are one inbox.
#[derive(Clone)]
pub struct Inbox {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    capacity: usize,
    kept: Mutex<Kept>,
    arrivals: broadcast::Sender<Arc<InboxMessage>>,
}

#[derive(Default)]
struct Kept {
    /// Oldest first.
    messages: VecDeque<Arc<InboxMessage>>,
    /// Theirs, to know a repeat by.
    deliveries: HashSet<DeliveryId>,
}

impl Inbox {
    /// How many messages are kept where nothing else is asked for.
    pub const DEFAULT_CAPACITY: usize = 200;

    /// How many messages a reader of [`Self::subscribe`] may be behind before it misses some.
    pub const MAX_LAG: usize = 256;

    /// An empty inbox that keeps the newest `capacity` messages, at least one.
    pub fn new(clock: Arc<dyn Clock>, capacity: usize) -> Self {
        let (arrivals, _) = broadcast::channel(Self::MAX_LAG);
        let capacity = capacity.max(1);
        Self { shared: Arc::new(Shared { clock, capacity, kept: Mutex::default(), arrivals }) }
    }

    /// The messages that are kept, newest first.
    pub fn recent(&self) -> Vec<Arc<InboxMessage>> {
        self.shared.kept.lock().messages.iter().rev().cloned().collect()
    }

    /// Every message from here on, in the order of [`Self::recent`] reversed. Who subscribes first and then reads
    /// [`Self::recent`] misses none, and may see one twice.
    ///
    /// A reader more than [`Self::MAX_LAG`] behind is told so (`Lagged`) and goes on with the oldest still there.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<InboxMessage>> {
        self.shared.arrivals.subscribe()
    }

    fn put(&self, outgoing: &Outgoing<'_>) {
        let Shared { clock, capacity, kept, arrivals } = &*self.shared;
        let (verification, message) = (outgoing.verification, outgoing.message);
        let message = Arc::new(InboxMessage {
            delivery: outgoing.delivery.id,
            at: clock.now(),
            to: message.to.clone(),
            subject: message.subject.clone(),
            body: message.body.clone(),
            passcode: message.passcode.clone(),
            namespace: verification.namespace.clone(),
            external_id: verification.external_id.clone(),
        });
        let mut kept = kept.lock();
        if !kept.deliveries.insert(message.delivery) {
            return;
        }
        let oldest = if kept.messages.len() < *capacity { None } else { kept.messages.pop_front() };
        if let Some(oldest) = &oldest {
            kept.deliveries.remove(&oldest.delivery);
        }
        if arrivals.receiver_count() > 0 {
            // Under the lock, so that readers see the order that is kept. An error only says that the last one left.
            let _ = arrivals.send(Arc::clone(&message));
        }
        kept.messages.push_back(message);
        // The oldest is freed after the lock.
        drop(kept);
        drop(oldest);
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("messages", &self.shared.kept.lock().messages.len()).finish()
    }
}
