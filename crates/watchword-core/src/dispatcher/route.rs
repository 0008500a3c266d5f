//! Routes: lists of providers, each with a bulkhead and a circuit breaker that all routes share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_lock::Semaphore;

use crate::breaker::Breaker;
use crate::ports::Provider;
use crate::verification::RouteName;

/// A provider with what protects it and us: bounded concurrency and a circuit breaker.
pub struct Carrier {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) bulkhead: Arc<Semaphore>,
    pub(super) breaker: Breaker,
}

impl Carrier {
    /// A provider, as routes use it.
    pub fn new(provider: Arc<dyn Provider>) -> Arc<Self> {
        let bulkhead = Arc::new(Semaphore::new(provider.max_concurrent().max(1)));
        Arc::new(Self { provider, bulkhead, breaker: Breaker::default() })
    }
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Carrier({})", self.provider.id())
    }
}

/// The providers that a message is offered to, in order.
#[derive(Clone, Debug)]
pub struct Route(Vec<Arc<Carrier>>);

impl Route {
    /// A route over these carriers, the first one first.
    pub fn new(carriers: Vec<Arc<Carrier>>) -> Self {
        Self(carriers)
    }

    pub(super) fn carriers(&self) -> &[Arc<Carrier>] {
        &self.0
    }
}

/// All routes by name.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    by_name: HashMap<RouteName, Route>,
    longest_timeout: Duration,
}

impl Routes {
    /// These routes, and those of `older` whose names these do not have: for as long as somebody may still ask for them.
    #[must_use]
    pub fn beside(mut self, older: &Self) -> Self {
        for (name, route) in &older.by_name {
            self.by_name.entry(name.clone()).or_insert_with(|| route.clone());
        }
        self.longest_timeout = self.longest_timeout.max(older.longest_timeout);
        self
    }

    pub(super) fn get(&self, name: &RouteName) -> Option<&Route> {
        self.by_name.get(name)
    }

    /// All carriers, those of several routes several times.
    pub(super) fn carriers(&self) -> impl Iterator<Item = &Carrier> {
        self.by_name.values().flat_map(|route| &route.0).map(|carrier| &**carrier)
    }

    /// The longest that any provider may take for one try.
    pub(super) fn longest_timeout(&self) -> Duration {
        self.longest_timeout
    }
}

impl FromIterator<(RouteName, Route)> for Routes {
    fn from_iter<I: IntoIterator<Item = (RouteName, Route)>>(routes: I) -> Self {
        let by_name: HashMap<RouteName, Route> = routes.into_iter().collect();
        let carriers = by_name.values().flat_map(|route| &route.0);
        let longest_timeout = carriers.map(|carrier| carrier.provider.timeout()).max().unwrap_or_default();
        Self { by_name, longest_timeout }
    }
}
