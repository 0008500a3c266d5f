use std::collections::BTreeMap;

use watchword_core::key_slot::KeySlot;
use watchword_core::keyring::KeyId;
use watchword_core::ports::{KeyUse, Purged, StoreStats};
use watchword_core::time::Timestamp;

use super::state::State;

impl State {
    pub(super) fn purge(&mut self, now: Timestamp, max: usize) -> Purged {
        let records_kept = self.retention.delivery_records;
        let mut left = max;
        let mut takes = |is_garbage: bool| {
            let takes = is_garbage && left > 0;
            left -= usize::from(takes);
            takes
        };
        self.verifications.retain(|row| !takes(now >= row.garbage_at()));
        self.deliveries.retain(|row| !takes(!row.state.is_open() && now >= row.due_at.after(records_kept)));
        self.counts.retain(|_, count| !takes(now >= count.garbage_at()));
        self.sends.retain(|_, sends| !takes(now >= sends.garbage_at));
        self.handled.retain(|_, until| !takes(now >= *until));
        Purged { rows: max - left, more: left == 0 }
    }

    pub(super) fn stats(&self) -> StoreStats {
        let open = self.deliveries.iter().filter(|delivery| delivery.state.is_open()).count();
        StoreStats {
            verifications: self.verifications.len() as u64,
            outbox: open as u64,
            oldest_due: self.next_due(),
        }
    }

    pub(super) fn keys(&self) -> Vec<KeyId> {
        self.keys.iter().copied().collect()
    }

    pub(super) fn key_uses(&self, now: Timestamp) -> Vec<KeyUse> {
        let mut uses = BTreeMap::new();
        let kept = self.verifications.iter().filter(|row| now < row.garbage_at());
        let kept = kept.map(|row| (row.passcode.check.key, 1, 0, row.garbage_at()));
        let messages = self
            .deliveries
            .iter()
            .filter_map(|delivery| Some((delivery.message.as_ref()?.key()?, 0, 1, delivery.expires_at)));
        for (key, verifications, messages, until) in kept.chain(messages) {
            let entry = uses.entry(key).or_insert(KeyUse { key, verifications: 0, messages: 0, until });
            entry.verifications += verifications;
            entry.messages += messages;
            entry.until = entry.until.max(until);
        }
        uses.into_values().collect()
    }

    pub(super) fn key_slots(&self) -> Vec<KeySlot> {
        self.key_slots.iter().cloned().collect()
    }

    pub(super) fn add_key_slots(&mut self, slots: Vec<KeySlot>, first: bool) -> bool {
        if first && !self.key_slots.is_empty() {
            return false;
        }
        self.key_slots.extend(slots);
        true
    }

    pub(super) fn drop_key_slots(&mut self, slots: &[KeySlot]) {
        self.key_slots.retain(|kept| !slots.contains(kept));
    }

    pub(super) fn register_keys(&mut self, keys: Vec<KeyId>) {
        self.keys.extend(keys);
    }
}
