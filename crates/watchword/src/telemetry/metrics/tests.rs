use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use watchword_core::delivery::Outcome;

use super::providers::OUTCOMES;
use super::*;

fn id(name: &str) -> ProviderId {
    ProviderId::new(name).unwrap()
}

/// Everything that can be shown is.
fn complete() -> Metrics {
    let metrics = Metrics::new([&id("sms")]);
    metrics.answered("dialect", "call", "ok", Duration::ZERO);
    metrics.stored("check", Duration::ZERO, None);
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = folder.path().join("both.pem");
    fs::write(&file, made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    metrics.show_certificate(Certificates::load(&file, &file).unwrap());
    metrics
}

fn assert_shows(metrics: &Metrics, lines: &[&str]) {
    let text = metrics.text();
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line}\n{text}");
    }
}

#[test]
fn what_happened_is_counted_under_the_names_of_the_documentation() {
    let sms = id("sms");
    let metrics = Metrics::new([&sms]);
    metrics.answered("otpgateway", "put", "ok", Duration::from_millis(3));
    metrics.answered("otpgateway", "put", "ok", Duration::from_millis(3));
    metrics.answered("otpgateway", "put", "locked", Duration::from_millis(1));
    metrics.checked("approved");
    metrics.tried(&sms, "accepted", Duration::from_millis(20));
    metrics.tried(&id("former"), "accepted", Duration::ZERO);
    metrics.delivered(DeliveryState::Accepted);
    metrics.breaker(&sms, true);
    metrics.committed(7, Duration::from_micros(300));
    metrics.stored("start", Duration::from_micros(300), None);
    metrics.stored("start", Duration::from_micros(300), Some(&StoreError::Busy));
    assert_shows(
        &metrics,
        &[
            "watchword_build_info{version=\"0.1.0\"} 1",
            "watchword_requests_total{dialect=\"otpgateway\",call=\"put\",outcome=\"ok\"} 2",
            "watchword_requests_total{dialect=\"otpgateway\",call=\"put\",outcome=\"locked\"} 1",
            "watchword_request_seconds_count{dialect=\"otpgateway\",call=\"put\"} 3",
            "watchword_requests_in_hand 0",
            "watchword_connections 0",
            "watchword_tls_handshake_failures_total 0",
            "watchword_checks_total{result=\"approved\"} 1",
            "watchword_checks_total{result=\"refused\"} 0",
            "watchword_delivery_attempts_total{provider=\"sms\",outcome=\"accepted\"} 1",
            "watchword_delivery_attempts_total{provider=\"sms\",outcome=\"transient\"} 0",
            "watchword_delivery_attempt_seconds_count{provider=\"sms\"} 1",
            "watchword_deliveries_total{state=\"accepted\"} 1",
            "watchword_deliveries_total{state=\"failed\"} 0",
            "watchword_breaker_open{provider=\"sms\"} 0",
            "watchword_breaker_openings_total{provider=\"sms\"} 1",
            "watchword_store_commits_total 1",
            "watchword_store_operations_total 7",
            "watchword_store_commit_seconds_count 1",
            "watchword_store_commit_operations_bucket{le=\"8.0\"} 1",
            "watchword_store_commit_operations_bucket{le=\"4.0\"} 0",
            "watchword_store_operation_seconds_count{operation=\"start\"} 2",
            "watchword_store_failures_total{failure=\"busy\"} 1",
            "watchword_store_failures_total{failure=\"unavailable\"} 0",
            "watchword_outbox_depth 0",
            "watchword_outbox_oldest_due_seconds 0.0",
            "watchword_verifications 0",
            "watchword_deliveries_held 0",
        ],
    );
    assert!(!metrics.text().contains("former"), "series exist for configured providers only");
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let text = complete().text();
    let mut known: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total {kind}"),
            "info" => format!("{name}_info {kind}"),
            _ => format!("{name} {kind}"),
        })
        .collect();
    let document = include_str!("../../../../../docs/metrics.md");
    let mut documented: Vec<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(name, rest)| format!("{name} {}", rest.split_once(" |").unwrap().0))
        .collect();
    known.sort_unstable();
    documented.sort_unstable();
    assert_eq!(known, documented);
}

#[test]
fn every_label_is_documented() {
    let document = include_str!("../../../../../docs/metrics.md");
    for sample in complete().text().lines().filter(|line| !line.starts_with('#')) {
        let Some((name, labels)) = sample.split_once('{') else { continue };
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let row = |name: &str| document.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row(name).or_else(|| row(stem?)).unwrap_or_else(|| panic!("{sample}"));
        let labels = labels.split_once('}').unwrap().0;
        for label in labels.split(',').map(|label| label.split_once('=').unwrap().0) {
            assert!(label == "le" || row.contains(&format!("`{label}`")), "{label}: {row}");
        }
    }
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

#[test]
fn a_provider_that_comes_later_is_counted_and_the_others_go_on() {
    let (sms, mail) = (id("sms"), id("mail"));
    let metrics = Metrics::new([&sms]);
    metrics.tried(&sms, "accepted", Duration::ZERO);
    metrics.tried(&mail, "accepted", Duration::ZERO);
    metrics.know_providers([&mail]);
    metrics.tried(&sms, "accepted", Duration::ZERO);
    metrics.tried(&mail, "accepted", Duration::ZERO);
    metrics.show_breakers(&[(mail, true)]);
    assert_shows(
        &metrics,
        &[
            "watchword_delivery_attempts_total{provider=\"sms\",outcome=\"accepted\"} 2",
            "watchword_delivery_attempts_total{provider=\"mail\",outcome=\"accepted\"} 1",
            "watchword_breaker_open{provider=\"sms\"} 0",
            "watchword_breaker_open{provider=\"mail\"} 1",
        ],
    );
    metrics.show_breakers(&[(sms, false)]);
    assert_shows(&metrics, &["watchword_breaker_open{provider=\"mail\"} 0"]);
}

#[test]
fn a_refused_reload_shows_until_one_is_taken_up() {
    let metrics = complete();
    assert_shows(&metrics, &["watchword_config_last_reload_successful 1"]);
    metrics.reloaded(false);
    assert_shows(
        &metrics,
        &[
            "watchword_config_last_reload_successful 0",
            "watchword_config_reloads_total{result=\"failed\"} 1",
            "watchword_config_reloads_total{result=\"ok\"} 0",
        ],
    );
    metrics.reloaded(true);
    assert_shows(
        &metrics,
        &["watchword_config_last_reload_successful 1", "watchword_config_reloads_total{result=\"ok\"} 1"],
    );
}
