//! Answers of a service, kept in this process. One that is too old is still used, while a new one is asked for: who asks for a
//! passcode does not wait for a service that is slow.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use watchword_core::time::Timestamp;

/// How an answer is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    /// How long it is good. `None`: for ever.
    pub(super) fresh_for: Option<Duration>,
    /// The most answers. Past it, what was not used the longest goes.
    pub(super) most: usize,
}

/// What a service answered.
#[derive(Debug)]
pub(super) enum Fetched<V> {
    /// To be kept.
    Kept(Arc<V>),
    /// Good for those who wait for it, and asked for again by the next.
    Passing(Arc<V>),
    /// Nothing; the service has said to the log why.
    Failed,
}

/// Of the answer's pointer alone.
impl<V> Clone for Fetched<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Kept(value) => Self::Kept(Arc::clone(value)),
            Self::Passing(value) => Self::Passing(Arc::clone(value)),
            Self::Failed => Self::Failed,
        }
    }
}

/// An answer that is on its way. It comes about, and is kept, whether anybody waits for it or not.
pub(super) type Flight<V> = Shared<BoxFuture<'static, Fetched<V>>>;

/// What there is for a key.
pub(super) enum Found<V> {
    /// An answer.
    Ready(Arc<V>),
    /// None yet: it was asked for at that time.
    Asked { at: Timestamp, flight: Flight<V>, stale: Option<Arc<V>> },
}

struct Entry<V> {
    kept: Option<(Arc<V>, Timestamp)>,
    flight: Option<(Flight<V>, Timestamp)>,
    used: u64,
}

/// The answers by their keys.
pub(super) struct Cache<K, V>(Arc<Shelf<K, V>>);

struct Shelf<K, V> {
    keeping: Keeping,
    entries: Mutex<Entries<K, V>>,
}

struct Entries<K, V> {
    of: HashMap<K, Entry<V>>,
    uses: u64,
}

impl<K, V> Cache<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Send + Sync + 'static,
{
    pub(super) fn new(keeping: Keeping) -> Self {
        let entries = Mutex::new(Entries { of: HashMap::new(), uses: 0 });
        Self(Arc::new(Shelf { keeping, entries }))
    }

    /// What there is for `key` now. An answer that `suits` not is none, and is asked for again; of several who ask at once only the
    /// first does.
    pub(super) fn find<F>(
        &self,
        key: &K,
        now: Timestamp,
        suits: impl Fn(&V) -> bool,
        fetch: impl FnOnce() -> F,
    ) -> Found<V>
    where
        F: Future<Output = Fetched<V>> + Send + 'static,
    {
        let shelf = &self.0;
        let mut entries = shelf.entries.lock();
        entries.uses += 1;
        let uses = entries.uses;
        if !entries.of.contains_key(key) {
            entries.make_room(shelf.keeping.most);
        }
        let entry =
            entries.of.entry(key.clone()).or_insert_with(|| Entry { kept: None, flight: None, used: uses });
        entry.used = uses;
        let is_fresh =
            |since: Timestamp| shelf.keeping.fresh_for.is_none_or(|fresh_for| now < since.after(fresh_for));
        let kept = entry.kept.as_ref().filter(|(value, _)| suits(value));
        if let Some((value, since)) = kept
            && is_fresh(*since)
        {
            return Found::Ready(Arc::clone(value));
        }
        let stale = kept.map(|(value, _)| Arc::clone(value));
        let (flight, at) = entry
            .flight
            .get_or_insert_with(|| {
                let landing = Arc::clone(shelf).land(key.clone(), now, fetch()).boxed().shared();
                tokio::spawn(landing.clone());
                (landing, now)
            })
            .clone();
        match stale {
            Some(value) => Found::Ready(value),
            None => {
                let stale = entry.kept.as_ref().map(|(value, _)| Arc::clone(value));
                Found::Asked { at, flight, stale }
            }
        }
    }
}

impl<K: Eq + Hash, V> Shelf<K, V> {
    async fn land(
        self: Arc<Self>,
        key: K,
        now: Timestamp,
        fetching: impl Future<Output = Fetched<V>>,
    ) -> Fetched<V> {
        let fetched = fetching.await;
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.of.get_mut(&key) {
            entry.flight = None;
            match &fetched {
                Fetched::Kept(value) => entry.kept = Some((Arc::clone(value), now)),
                Fetched::Passing(_) => entry.kept = None,
                Fetched::Failed => {}
            }
            if entry.kept.is_none() {
                entries.of.remove(&key);
            }
        }
        fetched
    }
}

impl<K: Clone + Eq + Hash, V> Entries<K, V> {
    fn make_room(&mut self, most: usize) {
        while self.of.len() >= most.max(1) {
            let oldest = self.of.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.of.remove(&oldest);
        }
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("keeping", &self.0.keeping).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(0);

    /// What there is for a key in the end; `asked` counts who had to fetch.
    async fn get(cache: &Cache<u32, u32>, key: u32, asked: &Arc<AtomicUsize>) -> u32 {
        let fetch = || {
            asked.fetch_add(1, Ordering::SeqCst);
            async move { Fetched::Kept(Arc::new(key * 10)) }
        };
        match cache.find(&key, NOW, |_| true, fetch) {
            Found::Ready(value) => *value,
            Found::Asked { flight, .. } => match flight.await {
                Fetched::Kept(value) | Fetched::Passing(value) => *value,
                Fetched::Failed => panic!("it does not fail"),
            },
        }
    }

    #[tokio::test]
    async fn what_was_not_used_the_longest_goes_first() {
        let cache = Cache::new(Keeping { fresh_for: None, most: 3 });
        let asked = Arc::new(AtomicUsize::new(0));
        for key in [1, 2, 3, 1, 4, 1, 3] {
            assert_eq!(get(&cache, key, &asked).await, key * 10);
        }
        assert_eq!((asked.load(Ordering::SeqCst), cache.0.entries.lock().of.len()), (4, 3));
        get(&cache, 2, &asked).await;
        assert_eq!((asked.load(Ordering::SeqCst), cache.0.entries.lock().of.len()), (5, 3));
    }

    #[tokio::test]
    async fn of_many_who_ask_at_once_one_fetches() {
        let cache = Cache::new(Keeping { fresh_for: None, most: 3 });
        let asked = Arc::new(AtomicUsize::new(0));
        let all = futures::future::join_all((0..50).map(|_| get(&cache, 7, &asked))).await;
        assert!(all.iter().all(|value| *value == 70));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_failed_leaves_nothing_behind_and_is_asked_for_again() {
        let cache: Cache<u32, u32> = Cache::new(Keeping { fresh_for: None, most: 3 });
        for _ in 0..2 {
            let Found::Asked { flight, stale: None, .. } =
                cache.find(&1, NOW, |_| true, || async { Fetched::Failed })
            else {
                panic!("there is nothing yet")
            };
            assert!(matches!(flight.await, Fetched::Failed));
            assert!(cache.0.entries.lock().of.is_empty());
        }
    }
}
