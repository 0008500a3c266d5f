//! One claimed delivery walks its route.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_lock::SemaphoreGuardArc;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Either, select};

use super::{Carrier, LEASE_MARGIN, Shared};
use crate::breaker::Change;
use crate::delivery::{Claim, Delivery, DeliveryAttempt, Ended, Message, Outcome, Verdict};
use crate::fail_point;
use crate::keyring::{OpenError, Purpose};
use crate::ports::{Extend, Fenced, Outgoing, Settlement};
use crate::time::Timestamp;
use crate::verification::Verification;

/// The first back-off after a whole route failed.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
/// The longest back-off.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(1);
/// The longest wait that a provider may ask for.
const LONGEST_ASKED: Duration = Duration::from_mins(10);

/// Somebody who waits for the result until a deadline.
pub(super) struct Waiting {
    pub(super) deadline: Timestamp,
    pub(super) reply: oneshot::Sender<bool>,
}

/// What came of the walk.
enum Walked {
    /// It comes to rest, or back into the outbox.
    Settled(Verdict),
    /// It is not ours any more.
    Stale,
}

/// Waits for a turn that did not come.
enum NoTurn {
    Deadline,
    Stopping,
}

/// What the last look before the wire found.
enum Look {
    /// Ours to send.
    Ours,
    /// Ended, or another's.
    Gone,
    /// The store does not say.
    Unknown,
}

/// A delivery under way.
struct Walk {
    delivery: Delivery,
    verification: Arc<Verification>,
    message: Message,
    /// Whether the claim is fresh from the store; anything that waits makes it stale, and the store is asked again.
    fresh: bool,
    lease_until: Timestamp,
    waiting: Option<Waiting>,
    attached: Option<Timestamp>,
    attempts: Vec<DeliveryAttempt>,
}

impl Walk {
    /// How it ends when its time is over.
    fn too_late(&self) -> Ended {
        match self.attached {
            None => Ended::Expired,
            Some(_) if self.attempts.is_empty() => Ended::Canceled,
            Some(_) => Ended::Failed,
        }
    }

    fn answer(&mut self, sent: bool) {
        if let Some(waiting) = self.waiting.take() {
            // Nobody may be waiting any more.
            let _ = waiting.reply.send(sent);
        }
    }
}

impl Shared {
    /// Delivers, answers whoever waits, and hands the settlement on. Without `message`, the sealed one is opened.
    pub(super) async fn deliver(
        self: Arc<Self>,
        claim: Claim,
        message: Option<Message>,
        waiting: Option<Waiting>,
    ) {
        let Claim { mut delivery, verification } = claim;
        let (namespace, id, fence) = (delivery.namespace.clone(), delivery.id, delivery.fence);
        let opened = message.map_or_else(|| self.open(&mut delivery), Ok);
        let attached = waiting.as_ref().map(|waiting| waiting.deadline);
        let (verdict, attempts) = match opened {
            Err(verdict) => (Some(verdict), Vec::new()),
            Ok(message) => {
                let lease_until = delivery.due_at;
                let mut walk = Walk {
                    delivery,
                    verification,
                    message,
                    fresh: true,
                    lease_until,
                    waiting,
                    attached,
                    attempts: Vec::new(),
                };
                let walked = self.walk(&mut walk).await;
                let accepted = matches!(walked, Walked::Settled(Verdict::Ended(Ended::Accepted)));
                walk.answer(accepted);
                let verdict = match walked {
                    // There is no next time: whoever watches hears of it now.
                    Walked::Settled(Verdict::Retry { at }) if at >= walk.delivery.expires_at => {
                        Some(Verdict::Ended(Ended::Expired))
                    }
                    Walked::Settled(verdict) => Some(verdict),
                    Walked::Stale => None,
                };
                (verdict, walk.attempts)
            }
        };
        let Some(verdict) = verdict else {
            tracing::debug!(delivery = %id, "the delivery ended or was taken over before it was sent");
            self.released(1);
            return;
        };
        if let Verdict::Ended(ended) = verdict {
            self.parts.observer.delivered(ended.into());
        }
        self.settle(Settlement { namespace, id, fence, verdict, attempts });
    }

    /// # Errors
    /// What becomes of a delivery whose message can't be opened: a key may come back, a broken copy will not.
    fn open(&self, delivery: &mut Delivery) -> Result<Message, Verdict> {
        let failed = Verdict::Ended(Ended::Failed);
        let sealed = delivery.message.take().ok_or(failed)?;
        let row = delivery.id.as_uuid().as_bytes();
        let opened = self.parts.keyring.open(Purpose::Message, &delivery.namespace, row, &sealed);
        let id = delivery.id;
        match opened {
            Ok(bytes) => Message::from_bytes(&bytes).ok_or(failed),
            Err(error @ OpenError::UnknownKey(_)) => {
                tracing::error!(delivery = %id, %error, "the message waits; give that key back to the keyring");
                Err(Verdict::Retry { at: self.now().after(LONGEST_BACK_OFF) })
            }
            Err(error @ OpenError::Damaged) => {
                tracing::error!(delivery = %id, %error, "the message can't be opened and is given up");
                Err(failed)
            }
        }
    }

    async fn walk(&self, walk: &mut Walk) -> Walked {
        let routes = self.routes.load_full();
        let Some(route) = routes.get(&walk.delivery.route) else {
            // Another node may have it, or this one soon: in a change that nodes take up one by one, one is first.
            tracing::error!(delivery = %walk.delivery.id, route = %walk.delivery.route, "the delivery's route is not configured here; the message waits");
            return Walked::Settled(Verdict::Retry { at: self.now().after(LONGEST_BACK_OFF) });
        };
        let mut asked_to_wait = Duration::ZERO;
        let mut breakers_close_at: Option<Timestamp> = None;
        for carrier in route.carriers() {
            let permit = match self.turn(carrier, walk).await {
                Ok(permit) => permit,
                Err(NoTurn::Deadline) => return Walked::Settled(Verdict::Ended(walk.too_late())),
                // Whoever comes next takes it over at once.
                Err(NoTurn::Stopping) => return Walked::Settled(Verdict::Retry { at: self.now() }),
            };
            let now = self.now();
            if walk.attached.is_some_and(|deadline| now >= deadline) {
                return Walked::Settled(Verdict::Ended(walk.too_late()));
            }
            if now >= walk.delivery.expires_at {
                return Walked::Settled(Verdict::Ended(Ended::Expired));
            }
            if let Err(until) = carrier.breaker.admit(now) {
                breakers_close_at = Some(breakers_close_at.map_or(until, |other| other.min(until)));
                continue;
            }
            match self.look(carrier, walk, now).await {
                Look::Ours => {}
                Look::Gone => {
                    carrier.breaker.abandon();
                    return Walked::Stale;
                }
                Look::Unknown => {
                    carrier.breaker.abandon();
                    // An attached caller is told that it was not sent, so it never may be. Others' messages are taken over.
                    let told = walk.attached.map(|_| Walked::Settled(Verdict::Ended(walk.too_late())));
                    return told.unwrap_or(Walked::Stale);
                }
            }
            let outcome = self.attempt(carrier, walk).await;
            drop(permit);
            match outcome {
                Outcome::Accepted { .. } => return Walked::Settled(Verdict::Ended(Ended::Accepted)),
                Outcome::AddressRefused { .. } => return Walked::Settled(Verdict::Ended(Ended::Failed)),
                Outcome::Throttled { after } => asked_to_wait = asked_to_wait.max(after.unwrap_or_default()),
                Outcome::ProviderRefused { .. } | Outcome::Transient { .. } | Outcome::Unknown { .. } => {}
            }
        }
        if walk.attached.is_some() {
            // Who was asked nothing is told of all the same, or nobody could see why it failed.
            if let (Some(until), true, Some(first)) =
                (breakers_close_at, walk.attempts.is_empty(), route.carriers().first())
            {
                walk.attempts.push(self.left_alone(first, until));
            }
            return Walked::Settled(Verdict::Ended(Ended::Failed));
        }
        let tried = walk.delivery.attempts.len() + walk.attempts.len();
        let back_off = self.now().after(self.back_off(tried).max(asked_to_wait.min(LONGEST_ASKED)));
        // With nothing tried there is nothing to back off from, but to wait for a breaker.
        let at = breakers_close_at.filter(|_| walk.attempts.is_empty()).unwrap_or(back_off);
        Walked::Settled(Verdict::Retry { at })
    }

    /// Waits for a place in the provider's bulkhead.
    async fn turn(&self, carrier: &Carrier, walk: &mut Walk) -> Result<SemaphoreGuardArc, NoTurn> {
        if let Some(permit) = carrier.bulkhead.try_acquire_arc() {
            return Ok(permit);
        }
        walk.fresh = false;
        let end = walk.attached.unwrap_or(walk.delivery.expires_at);
        let acquire = pin!(carrier.bulkhead.acquire_arc());
        let give_up = pin!(self.stopped_or(end, walk.attached.is_none()));
        match select(acquire, give_up).await {
            // Its turn may come at the very moment that everything stops.
            Either::Left(_) if self.is_stopping() && walk.attached.is_none() => Err(NoTurn::Stopping),
            Either::Left((permit, _)) => {
                // Places that came free together wake only one who waits; who got one passes it on.
                drop(carrier.bulkhead.try_acquire_arc());
                Ok(permit)
            }
            Either::Right((no_turn, _)) => Err(no_turn),
        }
    }

    async fn stopped_or(&self, end: Timestamp, stops: bool) -> NoTurn {
        let ended = self.parts.clock.sleep_until(end);
        if !stops {
            ended.await;
            return NoTurn::Deadline;
        }
        let stopping = async {
            loop {
                let listener = self.changed.listen();
                if self.is_stopping() {
                    return;
                }
                listener.await;
            }
        };
        match select(ended, pin!(stopping)).await {
            Either::Left(_) => NoTurn::Deadline,
            Either::Right(_) => NoTurn::Stopping,
        }
    }

    /// Just before the wire: whether the delivery is still ours to send, with a lease that lasts.
    ///
    /// A claim that comes straight from the store was looked at there.
    async fn look(&self, carrier: &Carrier, walk: &mut Walk, now: Timestamp) -> Look {
        let needed_until = now.after(carrier.provider.timeout());
        if walk.fresh && needed_until <= walk.lease_until {
            walk.fresh = false;
            return Look::Ours;
        }
        let lease_until = needed_until.after(LEASE_MARGIN);
        let Delivery { id, fence, ref namespace, .. } = walk.delivery;
        let extend = Extend { namespace: namespace.clone(), now, id, fence, lease_until };
        match self.parts.store.extend(extend).await {
            Ok(Fenced::Done) => {
                walk.lease_until = lease_until;
                Look::Ours
            }
            Ok(Fenced::Stale) => Look::Gone,
            Err(error) => {
                tracing::warn!(delivery = %id, %error, "the lease can't be renewed, so the message is not sent now");
                Look::Unknown
            }
        }
    }

    /// Tries once and records it.
    async fn attempt(&self, carrier: &Carrier, walk: &mut Walk) -> Outcome {
        fail_point::reached("before_send").await;
        let provider = &carrier.provider;
        let begin = self.now();
        let outcome = self.try_once(carrier, walk, begin).await;
        let now = self.now();
        fail_point::reached("after_send").await;
        self.parts.observer.tried(provider.id(), outcome.name(), begin.until(now));
        if let Some(change) = carrier.breaker.record(&outcome, now) {
            self.parts.observer.breaker(provider.id(), change == Change::Opened);
            match change {
                Change::Opened => {
                    tracing::warn!(provider = %provider.id(), "the provider does not work and is left alone for a while; messages go to the next one, or fail");
                }
                Change::Closed => tracing::info!(provider = %provider.id(), "the provider works again"),
            }
        }
        if !matches!(outcome, Outcome::Accepted { .. }) {
            let detail = outcome.detail().unwrap_or_default();
            tracing::warn!(delivery = %walk.delivery.id, provider = %provider.id(), to = %walk.delivery.masked_to, outcome = outcome.name(), detail, "the provider did not take a message");
        }
        let message_id = match &outcome {
            Outcome::Accepted { message_id } => message_id.clone(),
            _ => None,
        };
        walk.attempts.push(DeliveryAttempt {
            provider: provider.id().as_str().into(),
            at: now,
            outcome: outcome.name().into(),
            message_id,
            detail: outcome.detail().map(str::to_owned),
        });
        outcome
    }

    /// Tries once, within the provider's time. At the caller's deadline the caller is answered; the try goes on.
    async fn try_once(&self, carrier: &Carrier, walk: &mut Walk, begin: Timestamp) -> Outcome {
        let Walk { delivery, verification, message, waiting, .. } = walk;
        let sending = AssertUnwindSafe(carrier.provider.send(Outgoing { delivery, verification, message }))
            .catch_unwind();
        let mut sending = pin!(sending.map(|sent| {
            sent.unwrap_or_else(|_| Outcome::Unknown {
                detail: "the provider's code failed; see the log".to_owned(),
            })
        }));
        // Providers that are near answer at once, and need no timer.
        if let Poll::Ready(outcome) = futures::poll!(sending.as_mut()) {
            return outcome;
        }
        let times_out_at = begin.after(carrier.provider.timeout());
        if let Some(deadline) =
            waiting.as_ref().map(|waiting| waiting.deadline).filter(|deadline| *deadline < times_out_at)
        {
            match select(sending.as_mut(), self.parts.clock.sleep_until(deadline)).await {
                Either::Left((outcome, _)) => return outcome,
                Either::Right(_) => {
                    if let Some(waiting) = waiting.take() {
                        let _ = waiting.reply.send(false);
                    }
                }
            }
        }
        match select(sending, self.parts.clock.sleep_until(times_out_at)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                Outcome::Unknown { detail: format!("no answer within {:?}", carrier.provider.timeout()) }
            }
        }
    }

    /// The record of a provider that was not asked, because it kept failing.
    fn left_alone(&self, carrier: &Carrier, until: Timestamp) -> DeliveryAttempt {
        let now = self.now();
        let seconds = now.until(until).as_secs() + 1;
        DeliveryAttempt {
            provider: carrier.provider.id().as_str().into(),
            at: now,
            outcome: DeliveryAttempt::LEFT_ALONE.into(),
            message_id: None,
            detail: Some(format!("asked again in {seconds} s")),
        }
    }

    /// Exponential, with half of it random, so that what failed together is not tried together.
    fn back_off(&self, tried: usize) -> Duration {
        let doublings = u32::try_from(tried.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
        let whole = FIRST_BACK_OFF.saturating_mul(1 << doublings).min(LONGEST_BACK_OFF);
        let mut byte = [0];
        self.parts.random.fill(&mut byte);
        whole.mul_f64(0.5 + f64::from(byte[0]) / 512.0)
    }
}
