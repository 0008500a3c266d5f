use std::time::Duration;

use crate::delivery::{DeliveryState, ProviderId};

/// Is told what happens, for metrics. Calls are on the hot path: they must neither block nor fail.
pub trait Observer: Send + Sync + 'static {
    /// A dialect answered a call; `outcome` is `ok`, the code of the [`Error`](crate::error::Error), or the dialect's own name for a refusal.
    fn answered(&self, dialect: &'static str, call: &'static str, outcome: &'static str, took: Duration) {
        let _ = (dialect, call, outcome, took);
    }

    /// A check was decided; `result` is `approved` or the code of the [`Error`](crate::error::Error).
    fn checked(&self, result: &'static str) {
        let _ = result;
    }

    /// A provider was tried; `outcome` is the name of the [`Outcome`](crate::delivery::Outcome).
    fn tried(&self, provider: &ProviderId, outcome: &'static str, took: Duration) {
        let _ = (provider, outcome, took);
    }

    /// A delivery came to rest.
    fn delivered(&self, state: DeliveryState) {
        let _ = state;
    }

    /// A provider's circuit breaker opened or closed.
    fn breaker(&self, provider: &ProviderId, open: bool) {
        let _ = (provider, open);
    }

    /// A store made `operations` durable with one commit (or one round trip).
    fn committed(&self, operations: usize, took: Duration) {
        let _ = (operations, took);
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
