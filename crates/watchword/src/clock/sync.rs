//! Asking a store for its time, again and again.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use watchword_core::ports::{Clock as _, Store, StoreError};
use watchword_core::time::Timestamp;

use super::SystemClock;

/// How often the store is asked: clocks of machines drift apart by a few milliseconds in that time.
const EVERY: Duration = Duration::from_secs(30);

/// How soon it is asked again where it could not say.
const AGAIN: Duration = Duration::from_secs(2);

/// An answer that took longer says too little: it is right to within half of this.
const PROMPT: Duration = Duration::from_secs(2);

/// A store's time that is further than this from what was expected has jumped, or one answer was wrong.
const JUMP: Duration = Duration::from_secs(5);

/// A jump is believed once so many answers in a row agree on it, to within a second.
const ANSWERS: u32 = 3;
const AGREE_MILLIS: u64 = 1_000;

/// How often a server asks before it gives up its start.
const TRIES_AT_START: u32 = 3;

/// A time that is not believed yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubted {
    /// Milliseconds from the time that was expected.
    by: i64,
    seen: u32,
}

/// What a clock goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchored {
    /// The store's time.
    ToStore,
    /// The machine's time: the store is embedded, and has no other.
    ToMachine,
}

/// Why a store's time is not known. The clock goes on as before.
#[derive(Debug, Error)]
pub enum SyncError {
    /// It can't be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its answer was old when it came.
    #[error("the store took {} ms to say what time it is", .0.as_millis())]
    Late(Duration),
    /// It is far from what it was.
    #[error("the store's time is {} s off what it was; it is asked again before that is believed", .0 / 1_000)]
    Jumped(i64),
}

impl SystemClock {
    /// Asks the store what time it is, in one round trip, and goes by that from here on.
    ///
    /// # Errors
    /// The store did not say, or too late. The clock goes on as before.
    pub async fn anchor(&self, store: &dyn Store) -> Result<Anchored, SyncError> {
        self.ask(store).await
    }

    /// As [`Self::anchor`], for the start of a server, which serves nothing before: asks a few times.
    ///
    /// # Errors
    /// The store did not say.
    pub async fn anchor_at_start(&self, store: &dyn Store) -> Result<Anchored, SyncError> {
        let mut tries = 1;
        loop {
            match self.ask(store).await {
                Err(_) if tries < TRIES_AT_START => tries += 1,
                said => return said,
            }
            self.sleep_until(self.now().after(AGAIN)).await;
        }
    }

    async fn ask(&self, store: &dyn Store) -> Result<Anchored, SyncError> {
        let asked = self.0.machine.running();
        let Some(time) = store.time().await? else { return Ok(Anchored::ToMachine) };
        let took = self.0.machine.running().saturating_sub(asked);
        let waited = Duration::from_millis(u64::try_from(took).unwrap_or(0));
        if waited > PROMPT {
            return Err(SyncError::Late(waited));
        }
        let middle = asked.saturating_add(took / 2);
        if let Some(by) = self.doubt(time, middle) {
            return Err(SyncError::Jumped(by));
        }
        self.set(time, middle);
        Ok(Anchored::ToStore)
    }
}

impl SystemClock {
    /// How far `time` is off, where that is too much to be believed yet.
    fn doubt(&self, time: Timestamp, running: i64) -> Option<i64> {
        let expected = self.0.anchor.get()?.read().store_at(running);
        let by = time.as_millis().saturating_sub(expected.as_millis());
        let mut doubted = self.0.doubted.lock();
        if Duration::from_millis(by.unsigned_abs()) <= JUMP {
            *doubted = None;
            return None;
        }
        let agrees = |before: &Doubted| before.by.abs_diff(by) <= AGREE_MILLIS;
        let seen = doubted.filter(agrees).map_or(0, |before| before.seen) + 1;
        if seen < ANSWERS {
            *doubted = Some(Doubted { by, seen });
            return Some(by);
        }
        *doubted = None;
        tracing::warn!(seconds = by / 1_000, "the store's time has jumped, and is gone by from here on");
        None
    }
}

/// Keeps a clock by a store's time until it is dropped; ends by itself where the store is embedded. While the store can't be
/// asked, the clock goes on by what it knew last.
pub async fn keep_anchored(clock: SystemClock, store: Arc<dyn Store>) {
    let mut is_failing = false;
    loop {
        let wait = match clock.anchor(&*store).await {
            Ok(Anchored::ToMachine) => return,
            Ok(Anchored::ToStore) => {
                if std::mem::take(&mut is_failing) {
                    tracing::info!("the store says what time it is again");
                }
                if clock.ahead() > JUMP {
                    let seconds = clock.ahead().as_secs();
                    tracing::warn!(
                        seconds,
                        "this server is ahead of the store's time, which went back; it slows down until the store has \
                         caught up. A restart takes the store's time at once"
                    );
                }
                EVERY
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    let known = clock.is_anchored();
                    tracing::warn!(%error, known, "the store does not say what time it is; it is asked again");
                }
                AGAIN
            }
        };
        clock.sleep_until(clock.now().after(wait)).await;
    }
}
