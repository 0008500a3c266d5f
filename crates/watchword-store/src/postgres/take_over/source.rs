//! Perfumer OTP's tables, as its migrations left them: found, and read page by page.
//!
//! Every call is by unnamed statements, in one transaction, so that it works through a pooler too.

use std::fmt::Write as _;
use std::marker::PhantomData;
use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};
use watchword_core::throttle::{ThrottleKind, ThrottleRule};
use watchword_core::time::Timestamp;

use super::{Kept, TakeOverError};

const PASSWORDS: &str = "otp_password";
const LIMITS: &str = "otp_limit";

/// What each has; a table of that name without them is somebody else's.
const COLUMNS: [(&str, &[&str]); 2] = [
    (PASSWORDS, &["id", "channel", "target", "password", "ip", "expire_at", "created_at"]),
    (LIMITS, &["id", "channel", "measure", "rate", "minutes"]),
];

/// Rows at once.
const PAGE: usize = 500;
/// Times at once, of subjects that have many.
const TIMES: usize = 50_000;

/// More than any limit means: ten years.
const LONGEST_MINUTES: i64 = 10 * 365 * 24 * 60;

/// Which of the tables are there.
pub(super) struct Source<'a> {
    schema: &'a str,
    has_passwords: bool,
    has_limits: bool,
}

/// A row of `otp_limit`; `None` for what means nothing.
pub(super) struct RuleRow {
    pub(super) channel: i32,
    pub(super) kind: Option<ThrottleKind>,
    pub(super) rule: Option<ThrottleRule>,
}

/// A row of `otp_password`.
pub(super) struct PasscodeRow {
    pub(super) channel: Option<i32>,
    pub(super) target: Option<String>,
    pub(super) password: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// What was sent to one target, or for one IP address.
pub(super) struct SendsRow {
    pub(super) counted_by: String,
    pub(super) times: Vec<i64>,
}

impl SendsRow {
    pub(super) fn times(&self) -> Vec<Timestamp> {
        self.times.iter().copied().map(Timestamp::from_millis).collect()
    }
}

impl<'a> Source<'a> {
    /// Looks for the tables in a schema, whose name is given plain and quoted. `None`: there are none.
    pub(super) async fn find(
        transaction: &Transaction<'_>,
        plain: &str,
        quoted: &'a str,
    ) -> Result<Option<Self>, TakeOverError> {
        let mut found = Self { schema: quoted, has_passwords: false, has_limits: false };
        for (table, columns) in COLUMNS {
            let statement = "SELECT array_agg(a.attname::text), \
                    bool_and(pg_catalog.has_table_privilege(c.oid, 'SELECT')), current_user::text \
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') GROUP BY c.oid";
            let rows =
                transaction.query_typed(statement, &[(&plain, Type::TEXT), (&table, Type::TEXT)]).await?;
            let Some(row) = rows.first() else { continue };
            let there: Vec<&str> = row.try_get(0)?;
            let missing: Vec<&str> =
                columns.iter().copied().filter(|column| !there.contains(column)).collect();
            if !missing.is_empty() {
                let missing = missing.join(", ");
                tracing::warn!(
                    table,
                    missing,
                    "a table has the name of Perfumer OTP's, and not its columns: nothing is taken over from it"
                );
                continue;
            }
            if !row.try_get(1)? {
                let user: &str = row.try_get(2)?;
                let user = format!("\"{}\"", user.replace('"', "\"\""));
                return Err(TakeOverError::NotAllowed { table: format!("{quoted}.{table}"), user });
            }
            match table {
                PASSWORDS => found.has_passwords = true,
                _ => found.has_limits = true,
            }
        }
        Ok((found.has_passwords || found.has_limits).then_some(found))
    }

    /// All limits: an operator sets a few.
    pub(super) async fn rules(&self, transaction: &Transaction<'_>) -> Result<Vec<RuleRow>, TakeOverError> {
        if !self.has_limits {
            return Ok(Vec::new());
        }
        let statement = format!(
            "SELECT channel::integer, measure::integer, rate::bigint, minutes::bigint FROM {}.{LIMITS} ORDER BY id",
            self.schema
        );
        let rows = transaction.query_typed(&statement, &[]).await?;
        let rule = |row: &Row| {
            let (rate, minutes): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
            let means_something = rate >= 1 && minutes >= 1;
            let window = Duration::from_secs(60 * minutes.clamp(1, LONGEST_MINUTES).cast_unsigned());
            let rate = u32::try_from(rate).unwrap_or(u32::MAX);
            Ok(RuleRow {
                channel: row.try_get(0)?,
                kind: match row.try_get(1)? {
                    0 => Some(ThrottleKind::Target),
                    1 => Some(ThrottleKind::Ip),
                    _ => None,
                },
                rule: means_something.then_some(ThrottleRule { rate, window }),
            })
        };
        rows.iter().map(rule).collect()
    }

    /// The passcodes whose time is not over, oldest first.
    pub(super) async fn passcodes(
        &self,
        transaction: &Transaction<'_>,
        now: Timestamp,
    ) -> Result<Pages<PasscodeRow>, TakeOverError> {
        let query = format!(
            "SELECT channel::integer, target::text, password::text, {created_at}, {expires_at} FROM {schema}.{PASSWORDS} \
             WHERE expire_at > {now} ORDER BY id",
            // `infinity` is no number.
            expires_at = millis("least(expire_at, timestamp '9999-12-31')"),
            created_at = millis(&format!("least(greatest(created_at, timestamp 'epoch'), {})", at(now))),
            schema = self.schema,
            now = at(now),
        );
        self.pages(transaction, &query, PAGE).await
    }

    /// The newest sends of each target or IP address of a channel.
    pub(super) async fn sends(
        &self,
        transaction: &Transaction<'_>,
        channel: i32,
        kind: ThrottleKind,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<Pages<SendsRow>, TakeOverError> {
        let (column, nobody) = match kind {
            ThrottleKind::Target => ("target", "''"),
            // Which to the original is no address.
            ThrottleKind::Ip => ("ip", "'', '0'"),
        };
        let query = format!(
            "SELECT counted_by::text, array_agg(sent_at ORDER BY sent_at) FROM (\
                SELECT {column} AS counted_by, {sent_at} AS sent_at, \
                    row_number() OVER (PARTITION BY {column} ORDER BY created_at DESC, id DESC) AS place \
                FROM {schema}.{PASSWORDS} \
                WHERE channel = {channel} AND created_at > {since} AND {column} NOT IN ({nobody})\
             ) newest WHERE place <= {count} GROUP BY counted_by",
            sent_at = millis(&format!("least(created_at, {})", at(now))),
            schema = self.schema,
            since = at(now.before(kept.time)),
            count = kept.count,
        );
        self.pages(transaction, &query, (TIMES / kept.count).clamp(1, PAGE)).await
    }

    async fn pages<T: FromRow>(
        &self,
        transaction: &Transaction<'_>,
        query: &str,
        rows: usize,
    ) -> Result<Pages<T>, TakeOverError> {
        if self.has_passwords {
            let mut statement = format!("DECLARE {CURSOR} NO SCROLL CURSOR FOR ");
            statement.push_str(query);
            transaction.batch_execute(&statement).await?;
        }
        Ok(Pages { rows, is_there: self.has_passwords, of: PhantomData })
    }
}

const CURSOR: &str = "watchword_old";

/// Rows that the server gives out by and by. One at a time.
pub(super) struct Pages<T> {
    rows: usize,
    is_there: bool,
    of: PhantomData<T>,
}

impl<T: FromRow> Pages<T> {
    /// `None`: that was all.
    pub(super) async fn next(
        &mut self,
        transaction: &Transaction<'_>,
    ) -> Result<Option<Vec<T>>, TakeOverError> {
        if !self.is_there {
            return Ok(None);
        }
        let fetch = format!("FETCH FORWARD {} FROM {CURSOR}", self.rows);
        let rows = transaction.query_typed(&fetch, &[]).await?;
        let page: Result<Vec<T>, _> = rows.iter().map(T::from_row).collect();
        Ok(Some(page?).filter(|page| !page.is_empty()))
    }

    pub(super) async fn close(self, transaction: &Transaction<'_>) -> Result<(), TakeOverError> {
        if self.is_there {
            transaction.batch_execute(&format!("CLOSE {CURSOR}")).await?;
        }
        Ok(())
    }
}

pub(super) trait FromRow: Sized {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error>;
}

impl FromRow for PasscodeRow {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            channel: row.try_get(0)?,
            target: row.try_get(1)?,
            password: row.try_get(2)?,
            created_at: Timestamp::from_millis(row.try_get(3)?),
            expires_at: Timestamp::from_millis(row.try_get(4)?),
        })
    }
}

impl FromRow for SendsRow {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self { counted_by: row.try_get(0)?, times: row.try_get(1)? })
    }
}

/// A time of ours as a literal of theirs.
fn at(time: Timestamp) -> String {
    let mut literal = String::with_capacity(64);
    // Writing to a String never fails.
    let _ = write!(literal, "(timestamp 'epoch' + {} * interval '1 millisecond')", time.as_millis());
    literal
}

/// A time of theirs as a number of ours.
fn millis(time: &str) -> String {
    format!("floor(extract(epoch FROM {time}) * 1000)::bigint")
}
