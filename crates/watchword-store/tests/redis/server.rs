//! Stores on real servers of Redis.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use watchword_store::{RedisOptions, RedisStore, RedisUrl};
pub(crate) use watchword_testkit::redis::{Cluster, Keeping, Server};

/// A store of its own on a server that others are on too.
pub(crate) fn store(url: &str, options: RedisOptions) -> RedisStore {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let key_prefix = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let url = RedisUrl::parse(url).unwrap();
    RedisStore::open(&url, RedisOptions { key_prefix, ..options }).unwrap()
}

/// What all tests share that run at a time, and that ends with the last of them.
pub(crate) struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub(crate) fn get(&self, start: impl FnOnce() -> T) -> Arc<T> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.upgrade().unwrap_or_else(|| {
            let started = Arc::new(start());
            *current = Arc::downgrade(&started);
            started
        })
    }
}
