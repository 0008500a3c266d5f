//! The dispatcher: gets messages out. Claim, commit, send, settle.
//!
//! A claimed delivery walks its route: the providers in order, each with its own bulkhead and circuit breaker. Nothing is
//! held open in the store meanwhile; a lease and a fence say whose it is. What came of it is settled in batches, off the
//! caller's path.

mod outbox;
mod route;
mod settler;
mod walk;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use arc_swap::ArcSwap;
use event_listener::Event;
use futures::FutureExt;
use futures::channel::{mpsc, oneshot};

use crate::delivery::{Claim, Claimant, DeliveryId, DeliveryMode, Message, NodeId, ProviderId};
use crate::error::Error;
use crate::parts::Parts;
use crate::ports::Settlement;
use crate::time::Timestamp;
use crate::verification::{RouteName, Verification};

pub use route::{Carrier, Route, Routes};

/// How long a lease outlasts the longest a provider may take.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// How many deliveries this node holds at once; what comes on top waits in the store.
const MOST_HELD: usize = 10_000;
/// How long the outbox is left alone when nothing is known to be due: what other nodes left behind is found this late.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// Gets messages out. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher(Arc<Shared>);

struct Shared {
    parts: Parts,
    node: NodeId,
    routes: ArcSwap<Routes>,
    settlements: mpsc::UnboundedSender<Settlement>,
    settlement_queue: parking_lot::Mutex<Option<mpsc::UnboundedReceiver<Settlement>>>,
    /// Deliveries that this node holds: claimed, and their settlement not recorded yet.
    held: AtomicUsize,
    stopping: AtomicBool,
    /// Whether the last attempt to record settlements failed.
    settling_fails: AtomicBool,
    /// Is told when `stopping` turns true, when one less is held, and when something may be due earlier than expected.
    changed: Event,
}

/// A message in the clear, and the delivery that carries it.
pub(crate) struct Prepared {
    pub(crate) id: DeliveryId,
    pub(crate) message: Message,
}

/// A message on its way whose caller waits for the result.
#[derive(Debug)]
pub struct Attached {
    verification: Arc<Verification>,
    result: oneshot::Receiver<bool>,
}

impl Attached {
    /// Waits for the result, at the longest until the caller's deadline. It does not depend on being waited for.
    ///
    /// # Errors
    /// [`Error::NotSent`]: no provider took it in time. The verification and its counts stay.
    pub async fn result(self) -> Result<(), Error> {
        match self.result.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Error::NotSent(self.verification)),
        }
    }
}

impl Dispatcher {
    /// A dispatcher of these routes. [`Self::run`] must run for deliveries to be settled and taken over.
    pub fn new(parts: Parts, node: NodeId, routes: Routes) -> Self {
        let (settlements, queue) = mpsc::unbounded();
        Self(Arc::new(Shared {
            parts,
            node,
            routes: ArcSwap::from_pointee(routes),
            settlements,
            settlement_queue: parking_lot::Mutex::new(Some(queue)),
            held: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            settling_fails: AtomicBool::new(false),
            changed: Event::new(),
        }))
    }

    /// Whether there is a route of that name.
    pub fn has_route(&self, name: &RouteName) -> bool {
        self.0.routes.load().get(name).is_some()
    }

    /// The routes as they are now.
    pub fn routes(&self) -> Arc<Routes> {
        self.0.routes.load_full()
    }

    /// Sends over these routes from here on. What is on its way goes on over the route it began with.
    pub fn replace_routes(&self, routes: Routes) {
        self.0.routes.store(Arc::new(routes));
    }

    /// The providers that messages may go to, and whether each one's breaker is open.
    pub fn breakers(&self) -> Vec<(ProviderId, bool)> {
        let routes = self.0.routes.load();
        let carriers = routes.carriers();
        carriers.map(|carrier| (carrier.provider.id().clone(), carrier.breaker.is_open())).collect()
    }

    /// How many deliveries this node holds.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// The claimant for messages that are made now; `None`: too many are held, and they wait in the store.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many are held and the caller would wait for its own.
    pub(crate) fn claimant(&self, mode: DeliveryMode, now: Timestamp) -> Result<Option<Claimant>, Error> {
        let full = self.held() >= MOST_HELD || self.is_stopping();
        match mode {
            DeliveryMode::Attached { .. } if full => Err(Error::Overloaded),
            DeliveryMode::Attached { deadline } => Ok(Some(self.claimant_from(deadline.max(now)))),
            DeliveryMode::Durable if full => Ok(None),
            DeliveryMode::Durable => Ok(Some(self.claimant_from(now))),
        }
    }

    fn claimant_from(&self, begin: Timestamp) -> Claimant {
        Claimant {
            node: self.0.node.clone(),
            lease_until: begin.after(self.0.routes.load().longest_timeout() + LEASE_MARGIN),
        }
    }

    /// Sends what was claimed. For an attached caller the first message reports back.
    ///
    /// `prepared` are the messages in the clear: what was sealed a moment ago need not be opened.
    pub(crate) fn accept(
        &self,
        claims: Vec<Claim>,
        mut prepared: Vec<Prepared>,
        mode: DeliveryMode,
        verification: &Arc<Verification>,
    ) -> Option<Attached> {
        let mut attached = None;
        for claim in claims {
            let waiting = match mode {
                DeliveryMode::Attached { deadline } => {
                    let (reply, result) = oneshot::channel();
                    let waits = Attached { verification: Arc::clone(verification), result };
                    attached.get_or_insert(waits);
                    Some(walk::Waiting { deadline, reply })
                }
                DeliveryMode::Durable => None,
            };
            let index = prepared.iter().position(|prepared| prepared.id == claim.delivery.id);
            let message = index.map(|index| prepared.swap_remove(index).message);
            self.0.held.fetch_add(1, Ordering::SeqCst);
            if self.is_stopping() {
                // Nobody may be left to record it; whoever starts next sends it.
                self.0.released(1);
                continue;
            }
            let mut delivering = Arc::clone(&self.0).deliver(claim, message, waiting).boxed();
            // What a provider takes at once needs no task.
            let mut context = Context::from_waker(Waker::noop());
            if delivering.as_mut().poll(&mut context).is_pending() {
                self.0.parts.tasks.spawn(delivering);
            }
        }
        attached
    }

    /// Settles what was sent, and takes over what is due, until [`Self::stop`] was called and nothing is held any more.
    ///
    /// Call it once.
    pub async fn run(&self) {
        let queue = self.0.settlement_queue.lock().take();
        let Some(queue) = queue else { return };
        futures::join!(self.0.settle_all(queue), self.0.take_over_due());
    }

    /// Takes nothing new from here on; what waits for its turn goes back to the store.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.changed.notify(usize::MAX);
    }

    fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }
}

impl Shared {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Whether there is nothing left to do, ever.
    fn is_done(&self) -> bool {
        self.is_stopping() && self.held.load(Ordering::SeqCst) == 0
    }

    fn released(&self, count: usize) {
        self.held.fetch_sub(count, Ordering::SeqCst);
        if self.is_stopping() {
            self.changed.notify(usize::MAX);
        }
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("node", &self.0.node)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}
