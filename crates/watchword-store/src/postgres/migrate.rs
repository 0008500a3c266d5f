//! Tables and functions: made when the server starts, by whichever node comes first.
//!
//! All of it is one transaction under a lock, so nodes that start together wait for each other and a failure leaves nothing behind.
//! Only add: a node of the last version runs on until it is replaced. So a function that changes gets a new name (`…_v2`), and the
//! old one stays for one version.

use refinery::{Migration, Runner};
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use super::errors::Problem;

/// What migrations and functions write for the name of the schema, quotes included: whose search path a pooled connection has is
/// anybody's guess.
const SCHEMA: &str = "{schema}";

/// One lock for all of Watchword in a database: "watchwor".
pub(super) const LOCK: i64 = i64::from_be_bytes(*b"watchwor");

/// Where it is written down what was done.
const HISTORY: &str = "watchword_schema_history";

const TABLES: &str = include_str!("migrations/V1__tables.sql");
const TAKE_OVER: &str = include_str!("migrations/V3__take_over.sql");
const DROP_KEY_SLOTS: &str = include_str!("migrations/V4__drop_key_slots.sql");

/// Every function of the first version, in an order in which they know each other.
const FUNCTIONS: &[&str] = &[
    include_str!("functions/shared.sql"),
    include_str!("functions/free_candidate.sql"),
    include_str!("functions/start.sql"),
    include_str!("functions/resend.sql"),
    include_str!("functions/set_address.sql"),
    include_str!("functions/enqueue.sql"),
    include_str!("functions/check.sql"),
    include_str!("functions/get.sql"),
    include_str!("functions/find.sql"),
    include_str!("functions/cancel.sql"),
    include_str!("functions/delete_if_approved.sql"),
    include_str!("functions/newest_target.sql"),
    include_str!("functions/newest_passcode.sql"),
    include_str!("functions/put_rules.sql"),
    include_str!("functions/get_rules.sql"),
    include_str!("functions/outbox.sql"),
    include_str!("functions/claim.sql"),
    include_str!("functions/settle.sql"),
    include_str!("functions/upkeep.sql"),
];

/// The migrations, for a schema of that name, quoted.
fn migrations(schema: &str) -> Result<Vec<Migration>, refinery::Error> {
    Ok(vec![
        Migration::unapplied("V1__tables", &TABLES.replace(SCHEMA, schema))?,
        Migration::unapplied("V2__functions", &FUNCTIONS.concat().replace(SCHEMA, schema))?,
        Migration::unapplied("V3__take_over", &TAKE_OVER.replace(SCHEMA, schema))?,
        Migration::unapplied("V4__drop_key_slots", &DROP_KEY_SLOTS.replace(SCHEMA, schema))?,
    ])
}

/// Brings the schema, whose name is given plain and quoted, to what this version needs.
pub(super) async fn migrate(client: &mut Client, plain: &str, quoted: &str) -> Result<(), Problem> {
    let transaction = client.transaction().await?;
    transaction.query_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await?;
    let exists = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1";
    // Asked first: who may not create a schema may not say `IF NOT EXISTS` either.
    if transaction.query_typed(exists, &[(&plain, Type::TEXT)]).await?.is_empty() {
        transaction.batch_execute(&format!("CREATE SCHEMA {quoted}")).await?;
    }
    let mut locked = Locked(transaction);
    let history = format!("{quoted}.{HISTORY}");
    // What a newer version added does not matter here: it keeps what this one calls.
    let mut runner = Runner::new(&migrations(quoted)?).set_abort_missing(false);
    runner.set_migration_table_name(&history);
    let report = runner.run_async(&mut locked).await?;
    locked.0.commit().await?;
    for migration in report.applied_migrations() {
        tracing::info!(%migration, schema = plain, "the store's tables are brought up to date");
    }
    Ok(())
}

/// A transaction that holds the lock; all migrations happen in it.
struct Locked<'a>(Transaction<'a>);

impl AsyncTransaction for Locked<'_> {
    type Error = tokio_postgres::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let mut count = 0;
        for query in queries {
            self.0.batch_execute(query).await?;
            count += 1;
        }
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Locked<'_> {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, Self::Error> {
        let rows = self.0.query_typed(query, &[]).await?;
        let applied = |row: &tokio_postgres::Row| {
            let checksum: String = row.try_get(3)?;
            // A checksum that is no number is that of no migration; when it was applied is not looked at.
            let checksum = checksum.parse().unwrap_or_default();
            Ok(Migration::applied(row.try_get(0)?, row.try_get(1)?, OffsetDateTime::UNIX_EPOCH, checksum))
        };
        rows.iter().map(applied).collect()
    }
}

impl AsyncMigrate for Locked<'_> {}
