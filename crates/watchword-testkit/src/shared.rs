//! What tests that run at a time share, such as a server that takes long to start.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Started for the first test that asks, and dropped with the last that holds it: what a `static` holds is never dropped, and a
/// server would outlive the tests.
#[derive(Debug, Default)]
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    /// Nothing is started yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The one that there is, else what `start` makes.
    pub fn get(&self, start: impl FnOnce() -> T) -> Arc<T> {
        let mut current = self.0.lock();
        current.upgrade().unwrap_or_else(|| {
            let started = Arc::new(start());
            *current = Arc::downgrade(&started);
            started
        })
    }
}
