//! Metrics by labels that are known only once they are used, found again without a lock.

use std::sync::OnceLock;

/// Label sets that are found fast. There are fewer: each is spelled out in the code of a dialect.
const SLOTS: usize = 256;

/// Metrics by `N` label values. A value is told by where its text is in the program, so no text is compared.
pub(super) struct Resolved<M, const N: usize> {
    slots: Box<[OnceLock<Slot<M, N>>]>,
}

struct Slot<M, const N: usize> {
    values: [&'static str; N],
    metric: M,
}

impl<M, const N: usize> Resolved<M, N> {
    pub(super) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| OnceLock::new()).collect() }
    }

    /// Counts in the metric of these values; `resolve` makes or finds it the first time.
    pub(super) fn count(&self, values: [&'static str; N], resolve: impl Fn() -> M, count: impl FnOnce(&M)) {
        let first = place(&values);
        for step in 0..SLOTS {
            let slot = &self.slots[(first + step) % SLOTS];
            // Another thread may have taken it for other values meanwhile.
            let slot = slot.get_or_init(|| Slot { values, metric: resolve() });
            if std::iter::zip(&slot.values, &values).all(|(ours, theirs)| std::ptr::eq(*ours, *theirs)) {
                return count(&slot.metric);
            }
        }
        count(&resolve());
    }
}

fn place(values: &[&'static str]) -> usize {
    let mixed = values.iter().fold(0_u64, |mixed, value| {
        (mixed ^ value.as_ptr().addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
    });
    (mixed >> 32) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn each_label_set_has_its_own_metric_also_past_the_slots() {
        let words: Vec<&'static str> =
            (0..SLOTS + 20).map(|number| &*Box::leak(number.to_string().into())).collect();
        let made: Vec<Arc<AtomicU64>> = words.iter().map(|_| Arc::default()).collect();
        let resolved = Resolved::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for (index, word) in words.iter().enumerate() {
                        let add = |counter: &Arc<AtomicU64>| {
                            counter.fetch_add(1, Ordering::Relaxed);
                        };
                        resolved.count([*word], || Arc::clone(&made[index]), add);
                    }
                });
            }
        });
        assert!(made.iter().all(|counter| counter.load(Ordering::Relaxed) == 4));
    }
}
