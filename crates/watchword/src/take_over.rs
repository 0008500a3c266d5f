//! Going on where Perfumer OTP stopped: its limits, its passcodes and its sends, on the first start in its database.

use std::sync::Arc;

use thiserror::Error;
use watchword_core::address::Channel;
use watchword_core::engine::Engine;
use watchword_core::keyring::SubjectKey;
use watchword_core::namespace::Namespace;
use watchword_core::parts::Parts;
use watchword_core::throttle::ThrottleKind;
use watchword_core::verification::Verification;
use watchword_http::dialects::perfumer::{PerfumerSettings, original};
use watchword_store::{OldPasscode, PostgresStore, Successor, TakenOver};

use crate::config::Config;
use crate::wiring::{StoreOpenError, WiringError, idle_engine, perfumer_settings};

/// Why it can't be taken over. Each text says what to do.
#[derive(Debug, Error)]
pub enum TakeOverError {
    /// The database refuses.
    #[error(transparent)]
    Store(#[from] StoreOpenError),
    /// The parts can't be made.
    #[error(transparent)]
    Wiring(#[from] WiringError),
}

/// This dialect, where the original was.
struct Perfumer {
    engine: Engine,
    settings: Arc<PerfumerSettings>,
}

impl Successor for Perfumer {
    fn namespace(&self) -> &Namespace {
        &self.settings.namespace
    }

    fn verification(&self, old: &OldPasscode<'_>) -> Option<Verification> {
        let lifetime = old.created_at.until(old.expires_at);
        let (request, passcode) =
            original::request_for(&self.settings, old.channel, old.target, old.password, lifetime)?;
        Some(self.engine.begun_elsewhere(&request, &passcode, old.created_at))
    }

    fn counted_under(&self, kind: ThrottleKind, channel: &Channel, text: &str) -> SubjectKey {
        self.engine.sends_subject(&self.settings.namespace, kind, channel, text)
    }
}

/// Takes over what is there, if nobody has, and tells the log.
///
/// # Errors
/// It can't be taken over; the text says what to do.
pub(crate) async fn from_perfumer(
    store: &PostgresStore,
    config: &Config,
    parts: &Parts,
) -> Result<(), TakeOverError> {
    let settings = Arc::new(perfumer_settings(config));
    let successor = Perfumer { engine: idle_engine(parts, "take-over")?, settings };
    let taken = store.take_over(&successor, parts.clock.now()).await.map_err(StoreOpenError::from)?;
    if let Some(TakenOver { rules, passcodes, sends, skipped }) = taken {
        tracing::info!(
            rules,
            passcodes,
            sends,
            skipped,
            "Perfumer OTP's limits, its passcodes that are still good, and its latest sends are taken over; its tables stay as \
             they are, and are not read again"
        );
    }
    Ok(())
}
