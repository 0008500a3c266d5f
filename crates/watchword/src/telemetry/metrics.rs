//! What is counted, in the names that `/metrics` shows.

mod process;
mod providers;
mod traffic;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};
use watchword_core::delivery::{DeliveryState, ProviderId};
use watchword_core::ports::{Observer, StoreError};
use watchword_http::server::{Certificates, Traffic};

use super::resolved::Resolved;
use providers::Providers;
use traffic::Connections;

/// The states in which deliveries come to rest.
const STATES: [(DeliveryState, &str); 4] = [
    (DeliveryState::Accepted, "accepted"),
    (DeliveryState::Failed, "failed"),
    (DeliveryState::Expired, "expired"),
    (DeliveryState::Canceled, "canceled"),
];

/// Results of checks that are shown before the first one: a series that is not there can't be alerted on.
const CHECK_RESULTS: [&str; 7] = ["approved", "wrong", "used", "locked", "refused", "gone", "unknown_key"];

/// Ways in which a store fails.
const FAILURES: [&str; 3] = ["busy", "unavailable", "outcome_unknown"];

/// What a reload of the configuration comes to.
const RELOADS: [&str; 2] = ["ok", "failed"];

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Seconds up to which answers are told apart.
fn answer_times() -> Histogram {
    Histogram::new([0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

/// Seconds up to which the store's work is told apart: disks differ by a factor of a thousand.
fn store_times() -> Histogram {
    Histogram::new([0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0])
}

/// Operations up to which commits are told apart.
fn batch_sizes() -> Histogram {
    Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0])
}

type Times = Family<Labels<1>, Histogram, fn() -> Histogram>;

/// Everything that is counted. On the hot path no metric is looked up by text.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    request_times: Family<Labels<2>, Histogram, fn() -> Histogram>,
    answered: Resolved<(Counter, Histogram), 3>,
    checks: Family<Labels<1>, Counter>,
    checked: Resolved<Counter, 1>,
    providers: Providers,
    deliveries: [Counter; STATES.len()],
    commits: Counter,
    operations: Counter,
    commit_times: Histogram,
    commit_sizes: Histogram,
    store_times: Times,
    stored: Resolved<Histogram, 1>,
    store_failures: [Counter; FAILURES.len()],
    reloads: [Counter; RELOADS.len()],
    last_reload_ok: Gauge,
    last_reload: Gauge<f64, AtomicU64>,
    connections: Arc<Connections>,
    /// Deliveries still to be sent.
    pub(super) outbox_depth: Gauge,
    /// Seconds since the first of them was due.
    pub(super) outbox_oldest_due: Gauge<f64, AtomicU64>,
    /// Verifications in the store.
    pub(super) verifications: Gauge,
    /// Whether the store can take work.
    pub(super) store_ready: Gauge,
    /// Deliveries that this node holds.
    pub(super) held: Gauge,
    /// Requests that have no answer yet.
    pub(super) requests_in_hand: Gauge,
}

impl Metrics {
    /// Metrics of a node with these providers.
    pub fn new<'a>(providers: impl IntoIterator<Item = &'a ProviderId>) -> Self {
        let mut root = Registry::default();
        root.register_collector(Box::new(process::Process));
        let registry = root.sub_registry_with_prefix("watchword");
        let info = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", info);
        let requests = register(registry, "requests", "Answered calls, by what came of them");
        let request_times = Family::new_with_constructor(answer_times as fn() -> Histogram);
        registry.register("request_seconds", "How long answers took", request_times.clone());
        let checks: Family<Labels<1>, Counter> = register(registry, "checks", "Checked passcodes, by result");
        for result in CHECK_RESULTS {
            drop(checks.get_or_create_owned(&[("result", result)]));
        }
        let by_name = Providers::new(registry);
        by_name.know(providers);
        let states: Family<Labels<1>, Counter> =
            register(registry, "deliveries", "Messages that came to rest, by state");
        let (commit_times, commit_sizes) = (store_times(), batch_sizes());
        registry.register("store_commit_seconds", "How long commits of the store took", commit_times.clone());
        registry.register(
            "store_commit_operations",
            "How many operations shared a commit",
            commit_sizes.clone(),
        );
        let store_times: Times = Family::new_with_constructor(store_times as fn() -> Histogram);
        registry.register(
            "store_operation_seconds",
            "How long operations of the store took, the wait for their turn included",
            store_times.clone(),
        );
        let failures: Family<Labels<1>, Counter> =
            register(registry, "store_failures", "Operations that the store did not do");
        let reloads: Family<Labels<1>, Counter> =
            register(registry, "config_reloads", "Times the configuration was read again");
        let connections = Arc::new(Connections::default());
        registry.register_collector(Box::new(Arc::clone(&connections)));
        let metrics = Self {
            answered: Resolved::new(),
            checked: Resolved::new(),
            stored: Resolved::new(),
            deliveries: STATES.map(|(_, name)| states.get_or_create_owned(&[("state", name)])),
            commits: register(registry, "store_commits", "Commits of the store"),
            operations: register(registry, "store_operations", "Operations that those commits made durable"),
            store_failures: FAILURES.map(|name| failures.get_or_create_owned(&[("failure", name)])),
            reloads: RELOADS.map(|name| reloads.get_or_create_owned(&[("result", name)])),
            last_reload_ok: register(
                registry,
                "config_last_reload_successful",
                "1 unless the configuration was read again last with a mistake in it",
            ),
            last_reload: register(
                registry,
                "config_last_reload_success_timestamp_seconds",
                "When the configuration was taken up last",
            ),
            outbox_depth: register(registry, "outbox_depth", "Messages still to be sent"),
            outbox_oldest_due: register(
                registry,
                "outbox_oldest_due_seconds",
                "How long the first of them has been due",
            ),
            verifications: register(
                registry,
                "verifications",
                "Verifications in the store, expired ones that wait for the purge included",
            ),
            store_ready: register(registry, "store_ready", "1 while the store can take work"),
            held: register(registry, "deliveries_held", "Messages that this node has in hand"),
            requests_in_hand: register(registry, "requests_in_hand", "Requests without an answer yet"),
            requests,
            request_times,
            checks,
            providers: by_name,
            commit_times,
            commit_sizes,
            store_times,
            connections,
            registry: root,
        };
        // What the server starts with is taken up.
        metrics.taken_up();
        // It was opened a moment ago.
        metrics.store_ready.set(1);
        metrics
    }

    /// Shows these providers too from here on.
    pub fn know_providers<'a>(&self, providers: impl IntoIterator<Item = &'a ProviderId>) {
        self.providers.know(providers);
    }

    /// Counts a reload of the configuration: taken up, or refused for its mistakes.
    pub fn reloaded(&self, ok: bool) {
        self.reloads[usize::from(!ok)].inc();
        if ok {
            self.taken_up();
        } else {
            self.last_reload_ok.set(0);
        }
    }

    fn taken_up(&self) {
        #[expect(clippy::disallowed_methods, reason = "shown to operators; nothing is decided by it")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_reload_ok.set(1);
        self.last_reload.set(now.as_secs_f64().floor());
    }

    /// What the listener for clients counts.
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.connections.traffic)
    }

    /// Shows when that listener's certificate ends. Only the first call has an effect.
    pub fn show_certificate(&self, certificates: Certificates) {
        // It never changes for others; what they show does.
        let _ = self.connections.certificates.set(certificates);
    }

    /// Shows which providers are left alone now.
    pub(super) fn show_breakers(&self, all: &[(ProviderId, bool)]) {
        self.providers.show_breakers(all);
    }

    /// Counts an operation of the store; `name` is that of its method.
    pub(super) fn stored(&self, name: &'static str, took: Duration, failure: Option<&StoreError>) {
        let resolve = || self.store_times.get_or_create_owned(&[("operation", name)]);
        self.stored.count([name], resolve, |times| times.observe(took.as_secs_f64()));
        if let Some(failure) = failure {
            let index = match failure {
                StoreError::Busy => 0,
                StoreError::Unavailable(_) => 1,
                StoreError::OutcomeUnknown(_) => 2,
            };
            self.store_failures[index].inc();
        }
    }

    /// The text that `/metrics` shows (OpenMetrics 1.0).
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(32 * 1_024);
        // A `String` takes everything.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Registers a metric that begins at nothing.
fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Observer for Metrics {
    fn answered(&self, dialect: &'static str, call: &'static str, outcome: &'static str, took: Duration) {
        let (dialect_label, call_label) = (("dialect", dialect), ("call", call));
        let resolve = || {
            let labels = [dialect_label, call_label, ("outcome", outcome)];
            let count = self.requests.get_or_create_owned(&labels);
            (count, self.request_times.get_or_create_owned(&[dialect_label, call_label]))
        };
        self.answered.count([dialect, call, outcome], resolve, |(count, times)| {
            count.inc();
            times.observe(took.as_secs_f64());
        });
    }

    fn checked(&self, result: &'static str) {
        let resolve = || self.checks.get_or_create_owned(&[("result", result)]);
        self.checked.count([result], resolve, |count| {
            count.inc();
        });
    }

    fn tried(&self, provider: &ProviderId, outcome: &'static str, took: Duration) {
        self.providers.tried(provider, outcome, took);
    }

    fn delivered(&self, state: DeliveryState) {
        if let Some(index) = STATES.iter().position(|(known, _)| *known == state) {
            self.deliveries[index].inc();
        }
    }

    fn breaker(&self, provider: &ProviderId, open: bool) {
        if open {
            self.providers.breaker_opened(provider);
        }
    }

    fn committed(&self, operations: usize, took: Duration) {
        self.commits.inc();
        self.operations.inc_by(operations as u64);
        self.commit_times.observe(took.as_secs_f64());
        self.commit_sizes.observe(u32::try_from(operations).unwrap_or(u32::MAX).into());
    }
}

#[cfg(test)]
mod tests;
