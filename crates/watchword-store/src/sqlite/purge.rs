//! Removes what counts for nothing any more, a little at a time.

use rusqlite::{Result, params};
use watchword_core::ports::{Purged, Retention};
use watchword_core::time::Timestamp;

use super::tables::{OLD_RECORDS, Tables};

/// Each takes the time and how many rows it may remove, and finds them by an index.
const GARBAGE: [&str; 4] = [
    "DELETE FROM verification WHERE number IN
         (SELECT number FROM verification WHERE garbage_at <= ?1 ORDER BY garbage_at LIMIT ?2)",
    "DELETE FROM guess_count WHERE (subject, namespace) IN
         (SELECT subject, namespace FROM guess_count WHERE garbage_at <= ?1 ORDER BY garbage_at LIMIT ?2)",
    "DELETE FROM send_times WHERE (subject, namespace) IN
         (SELECT subject, namespace FROM send_times WHERE garbage_at <= ?1 ORDER BY garbage_at LIMIT ?2)",
    "DELETE FROM handled_request WHERE (key, namespace) IN
         (SELECT key, namespace FROM handled_request WHERE garbage_at <= ?1 ORDER BY garbage_at LIMIT ?2)",
];

/// Removes at most `max` rows.
pub(super) fn purge(tables: &Tables<'_>, now: Timestamp, max: usize, retention: Retention) -> Result<Purged> {
    let records_before = now.before(retention.delivery_records);
    let steps = GARBAGE.iter().map(|sql| (*sql, now)).chain([(OLD_RECORDS, records_before)]);
    let mut left = max;
    for (sql, until) in steps {
        let limit = i64::try_from(left).unwrap_or(i64::MAX);
        let removed = tables.execute(sql, params![until.as_millis(), limit])?;
        left = left.saturating_sub(removed);
        if left == 0 {
            break;
        }
    }
    Ok(Purged { rows: max - left, more: left == 0 })
}
