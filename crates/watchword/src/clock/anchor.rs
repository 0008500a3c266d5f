//! How a clock goes by another one that it asks from time to time. Pure: all times come from outside, in milliseconds.

use watchword_core::time::Timestamp;

/// What is known of the store's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    /// The store's time less how long this process had run.
    offset: i64,
    /// Where the clock stood when it was anchored last.
    from: Timestamp,
    from_running: i64,
    moved: i64,
}

impl Anchor {
    /// The store's time was `store` when the process had run for `then`; the clock showed `shown` and has run for `running`.
    pub(super) fn first(store: Timestamp, then: i64, shown: Timestamp, running: i64) -> Self {
        let offset = store.as_millis().saturating_sub(then);
        let from = Timestamp::from_millis(offset.saturating_add(running));
        let moved = from.as_millis().saturating_sub(shown.as_millis());
        Self { offset, from, from_running: running, moved }
    }

    /// As [`Self::first`], later: the clock stays where it is, and goes on from there.
    pub(super) fn again(&mut self, store: Timestamp, then: i64, running: i64) {
        let from = self.at(running);
        self.offset = store.as_millis().saturating_sub(then);
        (self.from, self.from_running) = (from, running);
    }

    /// What the clock shows. Where it is ahead of the store it runs at half its pace until the store has caught up: it does not
    /// go back, and does not stand still, for waits are measured by it too.
    pub(super) fn at(&self, running: i64) -> Timestamp {
        let slowed = running.saturating_sub(self.from_running).max(0) / 2;
        let slowed = self.from.as_millis().saturating_add(slowed);
        self.store_at(running).max(Timestamp::from_millis(slowed))
    }

    /// The store's time, as far as it is known.
    pub(super) const fn store_at(&self, running: i64) -> Timestamp {
        Timestamp::from_millis(self.offset.saturating_add(running))
    }

    /// How far [`Self::first`] moved the clock.
    pub(super) const fn moved(&self) -> i64 {
        self.moved
    }
}
