//! What is counted, in the names that `/metrics` shows.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use watchword_core::delivery::{DeliveryState, ProviderId};
use watchword_core::ports::Observer;

use super::resolved::Resolved;

/// Names of the outcomes of a try ([`Outcome::name`](watchword_core::delivery::Outcome::name)).
const OUTCOMES: [&str; 6] =
    ["accepted", "address_refused", "provider_refused", "throttled", "transient", "unknown"];

/// The states in which deliveries come to rest.
const STATES: [(DeliveryState, &str); 4] = [
    (DeliveryState::Accepted, "accepted"),
    (DeliveryState::Failed, "failed"),
    (DeliveryState::Expired, "expired"),
    (DeliveryState::Canceled, "canceled"),
];

type Labels<const N: usize> = [(&'static str, &'static str); N];
type OfProvider<const N: usize> = [(&'static str, String); N];

/// Seconds up to which answers are told apart.
fn answer_times() -> Histogram {
    Histogram::new([0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

/// Seconds up to which commits are told apart: disks differ by a factor of a thousand.
fn commit_times() -> Histogram {
    Histogram::new([0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0])
}

/// Everything that is counted. On the hot path nothing is looked up by text.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    request_times: Family<Labels<2>, Histogram, fn() -> Histogram>,
    answered: Resolved<(Counter, Histogram), 3>,
    checks: Family<Labels<1>, Counter>,
    checked: Resolved<Counter, 1>,
    providers: HashMap<ProviderId, ProviderMetrics>,
    deliveries: [Counter; STATES.len()],
    commits: Counter,
    operations: Counter,
    commit_times: Histogram,
    /// Deliveries still to be sent.
    pub(super) outbox_depth: Gauge,
    /// Seconds since the first of them was due.
    pub(super) outbox_oldest_due: Gauge<f64, AtomicU64>,
    /// Verifications in the store.
    pub(super) verifications: Gauge,
    /// Deliveries that this node holds.
    pub(super) held: Gauge,
}

struct ProviderMetrics {
    attempts: [Counter; OUTCOMES.len()],
    times: Histogram,
    breaker: Gauge,
}

impl Metrics {
    /// Metrics of a node with these providers.
    pub fn new<'a>(providers: impl IntoIterator<Item = &'a ProviderId>) -> Self {
        let mut registry = Registry::with_prefix("watchword");
        let info = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", info);
        let requests = register(&mut registry, "requests", "Answered calls, by what came of them");
        let request_times = Family::new_with_constructor(answer_times as fn() -> Histogram);
        registry.register("request_seconds", "How long answers took", request_times.clone());
        let checks = register(&mut registry, "checks", "Checked passcodes, by result");
        let attempts: Family<OfProvider<2>, Counter> =
            register(&mut registry, "delivery_attempts", "Tries to hand a message to a provider, by outcome");
        let times = Family::new_with_constructor(answer_times as fn() -> Histogram);
        registry.register("delivery_attempt_seconds", "How long providers took", times.clone());
        let breakers: Family<OfProvider<1>, Gauge> =
            register(&mut registry, "breaker_open", "1 while a provider that failed is left alone");
        let of_provider = |id: &ProviderId| {
            let provider = || ("provider", id.as_str().to_owned());
            let metrics = ProviderMetrics {
                attempts: OUTCOMES.map(|outcome| {
                    attempts.get_or_create_owned(&[provider(), ("outcome", outcome.to_owned())])
                }),
                times: times.get_or_create_owned(&[provider()]),
                breaker: breakers.get_or_create_owned(&[provider()]),
            };
            (id.clone(), metrics)
        };
        let providers = providers.into_iter().map(of_provider).collect();
        let states: Family<Labels<1>, Counter> =
            register(&mut registry, "deliveries", "Messages that came to rest, by state");
        let commit_times = commit_times();
        registry.register("store_commit_seconds", "How long commits of the store took", commit_times.clone());
        Self {
            answered: Resolved::new(),
            checked: Resolved::new(),
            deliveries: STATES.map(|(_, name)| states.get_or_create_owned(&[("state", name)])),
            commits: register(&mut registry, "store_commits", "Commits of the store"),
            operations: register(
                &mut registry,
                "store_operations",
                "Operations that those commits made durable",
            ),
            outbox_depth: register(&mut registry, "outbox_depth", "Messages still to be sent"),
            outbox_oldest_due: register(
                &mut registry,
                "outbox_oldest_due_seconds",
                "How long the first of them has been due",
            ),
            verifications: register(
                &mut registry,
                "verifications",
                "Verifications in the store, expired ones that wait for the purge included",
            ),
            held: register(&mut registry, "deliveries_held", "Messages that this node has in hand"),
            requests,
            request_times,
            checks,
            providers,
            commit_times,
            registry,
        }
    }

    /// The text that `/metrics` shows (OpenMetrics 1.0).
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(16 * 1_024);
        // A `String` takes everything.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Registers a metric that begins at nothing.
fn register<M: prometheus_client::registry::Metric + Clone + Default>(
    registry: &mut Registry,
    name: &str,
    help: &str,
) -> M {
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
        let Some(metrics) = self.providers.get(provider) else { return };
        if let Some(index) = OUTCOMES.iter().position(|known| *known == outcome) {
            metrics.attempts[index].inc();
        }
        metrics.times.observe(took.as_secs_f64());
    }

    fn delivered(&self, state: DeliveryState) {
        if let Some(index) = STATES.iter().position(|(known, _)| *known == state) {
            self.deliveries[index].inc();
        }
    }

    fn breaker(&self, provider: &ProviderId, open: bool) {
        if let Some(metrics) = self.providers.get(provider) {
            metrics.breaker.set(i64::from(open));
        }
    }

    fn committed(&self, operations: usize, took: Duration) {
        self.commits.inc();
        self.operations.inc_by(operations as u64);
        self.commit_times.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use watchword_core::delivery::Outcome;

    use super::*;

    #[test]
    fn what_happened_is_counted_under_the_names_of_the_documentation() {
        let sms = ProviderId::new("sms").unwrap();
        let metrics = Metrics::new([&sms]);
        metrics.answered("otpgateway", "put", "ok", Duration::from_millis(3));
        metrics.answered("otpgateway", "put", "ok", Duration::from_millis(3));
        metrics.answered("otpgateway", "put", "locked", Duration::from_millis(1));
        metrics.checked("approved");
        metrics.tried(&sms, "accepted", Duration::from_millis(20));
        metrics.tried(&ProviderId::new("gone").unwrap(), "accepted", Duration::ZERO);
        metrics.delivered(DeliveryState::Accepted);
        metrics.breaker(&sms, true);
        metrics.committed(7, Duration::from_micros(300));
        let text = metrics.text();
        for line in [
            "watchword_build_info{version=\"0.1.0\"} 1",
            "watchword_requests_total{dialect=\"otpgateway\",call=\"put\",outcome=\"ok\"} 2",
            "watchword_requests_total{dialect=\"otpgateway\",call=\"put\",outcome=\"locked\"} 1",
            "watchword_request_seconds_count{dialect=\"otpgateway\",call=\"put\"} 3",
            "watchword_checks_total{result=\"approved\"} 1",
            "watchword_delivery_attempts_total{provider=\"sms\",outcome=\"accepted\"} 1",
            "watchword_delivery_attempts_total{provider=\"sms\",outcome=\"transient\"} 0",
            "watchword_delivery_attempt_seconds_count{provider=\"sms\"} 1",
            "watchword_deliveries_total{state=\"accepted\"} 1",
            "watchword_deliveries_total{state=\"failed\"} 0",
            "watchword_breaker_open{provider=\"sms\"} 1",
            "watchword_store_commits_total 1",
            "watchword_store_operations_total 7",
            "watchword_store_commit_seconds_count 1",
            "watchword_outbox_depth 0",
            "watchword_outbox_oldest_due_seconds 0.0",
            "watchword_verifications 0",
            "watchword_deliveries_held 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("gone"), "series exist for configured providers only");
    }

    #[test]
    fn every_metric_is_documented_and_no_other() {
        let sms = ProviderId::new("sms").unwrap();
        let metrics = Metrics::new([&sms]);
        metrics.answered("dialect", "call", "ok", Duration::ZERO);
        metrics.checked("approved");
        let text = metrics.text();
        let mut known: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
            .map(|(name, kind)| match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            })
            .collect();
        let document = include_str!("../../../../docs/metrics.md");
        let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let mut documented: Vec<&str> = rows.map(|(name, _)| name).collect();
        known.sort_unstable();
        documented.sort_unstable();
        assert_eq!(known, documented);
    }

    #[test]
    fn every_outcome_and_every_end_has_its_counter() {
        let detail = String::new;
        for outcome in [
            Outcome::Accepted { message_id: None },
            Outcome::AddressRefused { detail: detail() },
            Outcome::ProviderRefused { detail: detail() },
            Outcome::Throttled { after: None },
            Outcome::Transient { detail: detail() },
            Outcome::Unknown { detail: detail() },
        ] {
            assert!(OUTCOMES.contains(&outcome.name()));
        }
        assert!(STATES.iter().all(|(state, _)| !state.is_open()));
    }
}
