//! The server's own counters, read from its admin listener in the Prometheus text format.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Serialize;

use crate::client::{Connection, Endpoint};
use crate::error::Error;

const COMMITS: &str = "watchword_store_commits_total";
const OPERATIONS: &str = "watchword_store_operations_total";

/// Sums of the store's counters over all their labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StoreCounters {
    pub(crate) commits: f64,
    pub(crate) operations: f64,
}

/// What the store did during a run.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct StoreWork {
    pub(crate) commits: f64,
    pub(crate) operations: f64,
    /// `None` when there was no operation.
    pub(crate) commits_per_operation: Option<f64>,
}

/// Reads the counters. `None`: the server answers, but has no such counters (yet).
///
/// # Errors
///
/// When the admin listener can't be reached or answers anything but 200.
pub(crate) async fn read(admin: &Endpoint) -> Result<Option<StoreCounters>, Error> {
    let fails = |source| Error::Metrics { admin: admin.origin.to_string(), source };
    let request =
        admin.origin.request(Method::GET, "/metrics", Bytes::new()).map_err(|error| fails(error.into()))?;
    let mut connection = Connection::open(admin).await.map_err(fails)?;
    let reply = connection.exchange(request).await.map_err(fails)?;
    if reply.status != StatusCode::OK {
        return Err(Error::MetricsRefused { admin: admin.origin.to_string(), status: reply.status });
    }
    Ok(counters(&String::from_utf8_lossy(&reply.body)))
}

/// The difference of two readings.
pub(crate) fn work(before: Option<StoreCounters>, after: Option<StoreCounters>) -> Option<StoreWork> {
    let after = after?;
    // A counter appears with its first increase: one that was not there before was 0.
    let before = before.unwrap_or(StoreCounters { commits: 0.0, operations: 0.0 });
    let commits = after.commits - before.commits;
    let operations = after.operations - before.operations;
    let commits_per_operation = (operations > 0.0).then(|| commits / operations);
    Some(StoreWork { commits, operations, commits_per_operation })
}

fn counters(text: &str) -> Option<StoreCounters> {
    Some(StoreCounters { commits: sum(text, COMMITS)?, operations: sum(text, OPERATIONS)? })
}

/// Sum of a metric's samples over all labels; `None` when it has no sample.
fn sum(text: &str, name: &str) -> Option<f64> {
    text.lines().filter_map(|line| sample(line, name)).reduce(|sum, value| sum + value)
}

/// The value of a line `name{labels} value [timestamp]`, when it is of this metric.
fn sample(line: &str, name: &str) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    let value = match rest.strip_prefix('{') {
        Some(labels) => after_labels(labels)?,
        None => rest.strip_prefix([' ', '\t'])?,
    };
    value.split_ascii_whitespace().next()?.parse().ok()
}

/// What follows the brace that closes the labels. Braces inside a quoted value close nothing.
fn after_labels(labels: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in labels.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return labels.get(at + 1..),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP watchword_store_commits Commits.
# TYPE watchword_store_commits counter
watchword_store_commits_total 40
# TYPE watchword_store_operations counter
watchword_store_operations_total{operation="start"} 100
watchword_store_operations_total{operation="check",note="a } b \" } 7"} 1e2 1700000000000
watchword_store_operations_total_of_another_kind 5
watchword_store_operations_created{operation="start"} 1700000000
"#;

    #[test]
    fn counters_are_summed_over_labels_and_told_from_others_with_a_longer_name() {
        assert_eq!(counters(TEXT), Some(StoreCounters { commits: 40.0, operations: 200.0 }));
    }

    #[test]
    fn a_server_without_the_counters_has_none() {
        for text in ["", "watchword_store_commits_total 4", "watchword_store_operations_total{a=\"b 4"] {
            assert_eq!(counters(text), None, "{text:?}");
        }
    }

    #[test]
    fn work_is_the_difference_and_counters_that_appear_began_at_zero() {
        let at = |commits, operations| Some(StoreCounters { commits, operations });
        let cases = [
            (at(10.0, 100.0), at(30.0, 300.0), Some(0.1)),
            (None, at(30.0, 300.0), Some(0.1)),
            (at(10.0, 100.0), at(10.0, 100.0), None),
        ];
        for (before, after, expected) in cases {
            assert_eq!(work(before, after).and_then(|work| work.commits_per_operation), expected);
        }
        assert!(work(at(1.0, 1.0), None).is_none());
    }
}
