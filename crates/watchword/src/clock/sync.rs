//! Asking a store for its time, again and again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;
use watchword_core::ports::{Clock as _, Store, StoreError};

use super::SystemClock;

/// How often the store is asked: clocks of machines drift apart by a few milliseconds in that time.
const EVERY: Duration = Duration::from_secs(30);

/// How soon it is asked again where it could not say.
const AGAIN: Duration = Duration::from_secs(2);

/// An answer that took longer says too little: it is right to within half of this.
const PROMPT: Duration = Duration::from_secs(2);

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
}

impl SystemClock {
    /// Asks the store what time it is, in one round trip, and goes by that from here on.
    ///
    /// # Errors
    /// The store did not say, or too late. The clock goes on as before.
    pub async fn anchor(&self, store: &dyn Store) -> Result<Anchored, SyncError> {
        let anchored = self.ask(store).await;
        self.0.is_waiting.store(anchored.is_err() && !self.is_anchored(), Ordering::Relaxed);
        anchored
    }

    async fn ask(&self, store: &dyn Store) -> Result<Anchored, SyncError> {
        let asked = self.0.machine.running();
        let Some(time) = store.time().await? else { return Ok(Anchored::ToMachine) };
        let took = self.0.machine.running().saturating_sub(asked);
        let waited = Duration::from_millis(u64::try_from(took).unwrap_or(0));
        if waited > PROMPT {
            return Err(SyncError::Late(waited));
        }
        self.set(time, asked.saturating_add(took / 2));
        Ok(Anchored::ToStore)
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
