//! What a listener counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// The connections of a listener, for metrics.
#[derive(Debug, Default)]
pub struct Traffic {
    limit: AtomicU64,
    accepted: AtomicU64,
    ended: AtomicU64,
    failed_handshakes: AtomicU64,
}

impl Traffic {
    /// Connections that are open.
    pub fn open(&self) -> u64 {
        // Read in this order, so that none ends before it was accepted.
        let ended = self.ended.load(Ordering::Acquire);
        self.accepted.load(Ordering::Acquire).saturating_sub(ended)
    }

    /// Connections that are held at once, at most.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Connections that were accepted since the start.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections that ended before TLS was agreed on, or that took too long to.
    pub fn failed_handshakes(&self) -> u64 {
        self.failed_handshakes.load(Ordering::Relaxed)
    }

    pub(super) fn limit_is(&self, connections: u32) {
        self.limit.store(connections.into(), Ordering::Relaxed);
    }

    pub(super) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn count_ended(&self) {
        self.ended.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn count_failed_handshake(&self) {
        self.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    }
}
