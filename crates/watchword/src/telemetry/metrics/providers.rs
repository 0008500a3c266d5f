//! What is counted for each provider. Providers come with the configuration; whoever counts waits for no lock to find one.

use std::collections::HashMap;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use watchword_core::delivery::ProviderId;

use super::{answer_times, register};

/// Names of the outcomes of a try ([`Outcome::name`](watchword_core::delivery::Outcome::name)).
pub(super) const OUTCOMES: [&str; 6] =
    ["accepted", "address_refused", "provider_refused", "throttled", "transient", "unknown"];

type Labels<const N: usize> = [(&'static str, String); N];

pub(super) struct Providers {
    by_id: ArcSwap<HashMap<ProviderId, OfProvider>>,
    attempts: Family<Labels<2>, Counter>,
    times: Family<Labels<1>, Histogram, fn() -> Histogram>,
    breakers: Family<Labels<1>, Gauge>,
    openings: Family<Labels<1>, Counter>,
}

#[derive(Clone)]
struct OfProvider {
    attempts: [Counter; OUTCOMES.len()],
    times: Histogram,
    breaker: Gauge,
    openings: Counter,
}

impl Providers {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let times = Family::new_with_constructor(answer_times as fn() -> Histogram);
        registry.register("delivery_attempt_seconds", "How long providers took", times.clone());
        Self {
            by_id: ArcSwap::default(),
            attempts: register(
                registry,
                "delivery_attempts",
                "Tries to hand a message to a provider, by outcome",
            ),
            times,
            breakers: register(registry, "breaker_open", "1 while a provider that failed is left alone"),
            openings: register(registry, "breaker_openings", "Times a provider began to be left alone"),
        }
    }

    /// Adds those that are not known yet. What was counted for others stays: their last messages may still be under way.
    pub(super) fn know<'a>(&self, ids: impl IntoIterator<Item = &'a ProviderId>) {
        let mut by_id = HashMap::clone(&self.by_id.load());
        for id in ids {
            by_id.entry(id.clone()).or_insert_with(|| self.of(id));
        }
        self.by_id.store(by_id.into());
    }

    fn of(&self, id: &ProviderId) -> OfProvider {
        let provider = || ("provider", id.as_str().to_owned());
        OfProvider {
            attempts: OUTCOMES.map(|outcome| {
                self.attempts.get_or_create_owned(&[provider(), ("outcome", outcome.to_owned())])
            }),
            times: self.times.get_or_create_owned(&[provider()]),
            breaker: self.breakers.get_or_create_owned(&[provider()]),
            openings: self.openings.get_or_create_owned(&[provider()]),
        }
    }

    pub(super) fn tried(&self, id: &ProviderId, outcome: &str, took: Duration) {
        let by_id = self.by_id.load();
        let Some(provider) = by_id.get(id) else { return };
        if let Some(index) = OUTCOMES.iter().position(|known| *known == outcome) {
            provider.attempts[index].inc();
        }
        provider.times.observe(took.as_secs_f64());
    }

    pub(super) fn breaker_opened(&self, id: &ProviderId) {
        if let Some(provider) = self.by_id.load().get(id) {
            provider.openings.inc();
        }
    }

    /// A provider that is not among `all` is not in use any more.
    pub(super) fn show_breakers(&self, all: &[(ProviderId, bool)]) {
        for (id, provider) in &**self.by_id.load() {
            let is_open = all.iter().any(|(other, open)| other == id && *open);
            provider.breaker.set(i64::from(is_open));
        }
    }
}
