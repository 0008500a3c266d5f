//! How the server is set up, for operators: what is kept there depends on it.

use tokio::time::timeout;
use tokio_postgres::types::Type;
use watchword_core::ports::StoreError;

use super::connect;
use super::errors::told;
use super::records::only;
use super::{PostgresStore, notify};

/// What a server says of itself, and of what we may do there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostgresSetup {
    /// `server_version`, for people.
    pub version: String,
    /// `server_version_num`: 150004 is 15.4.
    pub version_number: i32,
    /// `fsync`: whether what was committed survives the machine.
    pub fsync: bool,
    /// `full_page_writes`: whether a page that was half written is mended.
    pub full_page_writes: bool,
    /// `synchronous_commit`, as it is for our user in our database.
    pub synchronous_commit: String,
    /// It follows another server, and takes no writes.
    pub is_standby: bool,
    /// What is taken for the server itself is a pooler.
    pub is_pooler: bool,
    /// Our user's name.
    pub user: String,
    /// The schema, as it stands in statements.
    pub schema: String,
    /// What we need there and may not do, as `GRANT` names it: `CREATE ON SCHEMA "public"`.
    pub missing_rights: Vec<String>,
}

const SETTINGS: &str = "SELECT current_setting('server_version'), current_setting('server_version_num')::integer, \
    current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', current_setting('synchronous_commit'), \
    pg_catalog.pg_is_in_recovery(), current_user::text";

/// All that this user lacks, given the schema's name. A database without the schema needs one made.
const MISSING_RIGHTS: &str = "SELECT 'CREATE ON DATABASE ' || quote_ident(current_database()) \
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1) \
            AND NOT has_database_privilege(current_database(), 'CREATE') \
    UNION ALL SELECT r.name || ' ON SCHEMA ' || quote_ident(n.nspname) \
        FROM pg_catalog.pg_namespace n, (VALUES ('USAGE'), ('CREATE')) r (name) \
        WHERE n.nspname = $1 AND NOT has_schema_privilege(n.oid, r.name) \
    UNION ALL SELECT string_agg(r.name, ', ' ORDER BY r.place) || ' ON ' || c.oid::regclass::text \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, \
            (VALUES (1, 'SELECT'), (2, 'INSERT'), (3, 'UPDATE'), (4, 'DELETE')) r (place, name) \
        WHERE n.nspname = $1 AND c.relname LIKE 'watchword\\_%' AND c.relkind = 'r' AND NOT has_table_privilege(c.oid, r.name) \
        GROUP BY c.oid \
    UNION ALL SELECT 'USAGE ON SEQUENCE ' || c.oid::regclass::text \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relname LIKE 'watchword\\_%' \
            AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE') ELSE false END";

impl PostgresStore {
    /// Asks the server how it is set up, over a connection of its own, past a pooler where the URL names the server behind it. Nothing
    /// need be there yet.
    ///
    /// # Errors
    /// It can't be asked.
    pub async fn survey(&self) -> Result<PostgresSetup, StoreError> {
        let asking = async {
            let client = connect::connect(&self.straight, &self.tls).await?;
            let row = client.query_typed_one(SETTINGS, &[]).await?;
            let rights = client.query_typed(MISSING_RIGHTS, &[(&self.plain_schema, Type::TEXT)]).await?;
            Ok(PostgresSetup {
                version: row.try_get(0)?,
                version_number: row.try_get(1)?,
                fsync: row.try_get(2)?,
                full_page_writes: row.try_get(3)?,
                synchronous_commit: row.try_get(4)?,
                is_standby: row.try_get(5)?,
                user: row.try_get(6)?,
                schema: self.schema.clone(),
                missing_rights: rights.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?,
                is_pooler: notify::is_pooler(self.straight.clone(), &self.tls).await?,
            })
        };
        match timeout(self.link.patience(), asking).await {
            Ok(asked) => asked.map_err(|error: tokio_postgres::Error| StoreError::unavailable(told(error))),
            Err(elapsed) => Err(StoreError::unavailable(elapsed)),
        }
    }

    /// Whether a server of ours has made its tables there.
    ///
    /// # Errors
    /// It can't be asked.
    pub async fn is_set_up(&self) -> Result<bool, StoreError> {
        let table = format!("{}.watchword_key", self.schema);
        let found = "SELECT pg_catalog.to_regclass($1) IS NOT NULL";
        let rows = self.run(found, &[(&table, Type::TEXT)]).await?;
        rows.first().map_or(Ok(false), only)
    }
}
