//! The shared store for those who have PostgreSQL: one function an operation.
//!
//! Each function of ours says in PL/pgSQL what the function of its name in [`transition`](watchword_core::transition) decides, and
//! does it in one statement, which is one transaction and one round trip (`postgres/functions/`). Locks are taken in one order (IP,
//! target, verification, delivery), so that operations wait for each other and don't stand in each other's way.
//!
//! [`call`] calls a function over a connection of the [`pool`]; [`operations`] is the port; [`connect`] and [`migrate`] make a
//! database ready.

mod call;
mod connect;
mod errors;
mod migrate;
mod notify;
mod operations;
mod outbox;
mod pool;
mod records;
mod starting;
mod survey;
mod take_over;
mod tls;
mod upkeep;
mod url;
mod values;
mod verifications;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;
use watchword_core::ports::{Observer, Retention, Silent};

use pool::Link;
pub use survey::PostgresSetup;
pub use take_over::{OldPasscode, Successor, TakenOver};
pub use tls::PostgresTlsError;
pub use url::{PostgresPlace, PostgresUrl, PostgresUrlError};

/// How the store behaves. The default suits a server.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Where the tables are, where the URL does not say so: 1 to 63 letters, digits, `_` and `-`.
    pub schema: String,
    /// How many connections at most. Operations past that wait for their turn.
    pub connections: usize,
    /// How long to wait for a connection, and how long for an answer.
    pub timeout: Duration,
    /// Whether [`PostgresStore::prepare`] creates a database that is missing.
    pub create_database: bool,
    /// How long [`PostgresStore::prepare`] waits for a server that is not there; `None`: for ever.
    pub patience_at_start: Option<Duration>,
    /// How long records are kept.
    pub retention: Retention,
    /// How many operations may be under way; past that they are refused as
    /// [`StoreError::Busy`](watchword_core::ports::StoreError::Busy). What makes others done is never refused: claims, settlements,
    /// cancellations, the purge.
    pub most_under_way: usize,
    /// Is told of each round trip of an operation.
    pub observer: Arc<dyn Observer>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: "public".to_owned(),
            connections: 32,
            timeout: Duration::from_secs(5),
            create_database: true,
            patience_at_start: Some(Duration::from_secs(60)),
            retention: Retention::default(),
            most_under_way: 4_096,
            observer: Arc::new(Silent),
        }
    }
}

/// Why a PostgreSQL store can't be used at all. The text shows no password; what the server says of a refused login may name the user.
#[derive(Debug, Error)]
#[error("the store {url} can't be used: {reason}")]
pub struct PostgresOpenError {
    url: String,
    #[source]
    reason: Box<dyn std::error::Error + Send + Sync>,
}

/// Keeps everything in PostgreSQL, 13 or later.
pub struct PostgresStore {
    url: PostgresUrl,
    plain_schema: String,
    /// Its name as it stands in statements.
    schema: String,
    link: Link,
    straight: Config,
    tls: MakeRustlsConnect,
    create_database: bool,
    patience_at_start: Option<Duration>,
    records_kept: Duration,
    under_way: tokio::sync::Semaphore,
    observer: Arc<dyn Observer>,
}

impl PostgresStore {
    /// Makes ready to use the store at `url`. Nothing is connected to before [`Self::prepare`] or the first operation.
    ///
    /// # Errors
    /// The URL or the options ask for what can't be had, or the file of certificates can't be read.
    pub fn open(url: &PostgresUrl, options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        let wrong = |reason| PostgresOpenError { url: url.to_string(), reason };
        let plain_schema = url.schema.clone().unwrap_or(options.schema);
        if !url::is_plain(&plain_schema) {
            return Err(wrong(
                "its schema has a name that can't be used; take letters, digits, \"_\" and \"-\"".into(),
            ));
        }
        let tls = tls::connector(&url.verify).map_err(|error| wrong(error.into()))?;
        let link = Link::new(&url.config, tls.clone(), options.connections, options.timeout)
            .map_err(|error| wrong(error.into()))?;
        Ok(Self {
            url: url.clone(),
            schema: format!("\"{plain_schema}\""),
            plain_schema,
            link,
            straight: connect::straight(url),
            tls,
            create_database: options.create_database,
            patience_at_start: options.patience_at_start,
            records_kept: options.retention.delivery_records,
            under_way: tokio::sync::Semaphore::new(options.most_under_way),
            observer: options.observer,
        })
    }

    const fn keeps_records(&self) -> bool {
        !self.records_kept.is_zero()
    }

    /// Waits for the server, and brings the database, its schema, tables and functions to what this version needs. Many nodes may do
    /// so at once, while nodes of the last version run.
    ///
    /// # Errors
    /// The server refuses, or it is not there for longer than the options allow.
    pub async fn prepare(&self) -> Result<(), PostgresOpenError> {
        let (create, patience) = (self.create_database, self.patience_at_start);
        connect::prepare(&self.straight, &self.tls, &self.plain_schema, &self.schema, create, patience)
            .await
            .map_err(|problem| self.unusable(problem))
    }

    fn unusable(&self, reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PostgresOpenError {
        PostgresOpenError { url: self.url.to_string(), reason: reason.into() }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("url", &self.url)
            .field("schema", &self.plain_schema)
            .finish_non_exhaustive()
    }
}
