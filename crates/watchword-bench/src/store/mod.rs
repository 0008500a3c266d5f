//! Stores that are servers of their own: started for a measurement or running already, their CPU counted beside the
//! server's.

mod postgres;
mod redis;
pub(crate) mod traffic;

use std::path::Path;

use clap::{Args, ValueEnum};
use serde::Serialize;

use self::postgres::RunningPostgres;
use self::redis::RunningRedis;
use self::traffic::StoreTraffic;
use crate::error::Error;
use crate::process::Watched;

/// What kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoreKind {
    /// Redis.
    Redis,
    /// PostgreSQL, with fsync.
    Postgres,
}

/// Which store is measured with the server.
#[derive(Args)]
#[command(next_help_heading = "The store")]
pub(crate) struct StoreOptions {
    /// Measure with a store that is a server of its own, and count its CPU too. One is started for each server; {store} in
    /// --server-args stands for its URL.
    #[arg(long, value_enum, requires = "server_binary")]
    store: Option<StoreKind>,
    /// URL of a store that runs already, on this machine; both servers use it, and what it does is not counted by calls.
    #[arg(long, value_name = "URL", requires = "store")]
    store_url: Option<String>,
    /// More arguments for a store that is started, split at spaces.
    #[arg(
        long,
        value_name = "ARGUMENTS",
        requires = "store",
        conflicts_with = "store_url",
        allow_hyphen_values = true,
        default_value = ""
    )]
    store_args: String,
    /// Let each call of the bare server write a row, where the store is PostgreSQL.
    #[arg(long, requires = "store")]
    bare_writes: bool,
}

/// A store that answers. One that was started is stopped when this is dropped.
pub(crate) struct RunningStore {
    server: Server,
    /// Others use it too.
    pub(crate) is_shared: bool,
}

enum Server {
    Redis(RunningRedis),
    Postgres(RunningPostgres),
}

/// What a store has done, by its own counters. `None`: it does not count that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    /// Calls that came over the wire: scripts, or functions, each with its transaction.
    calls: u64,
    /// Time spent in them, in microseconds.
    busy_us: Option<u64>,
    /// Commands that scripts gave, and all others that came.
    commands: Option<u64>,
    received_bytes: Option<u64>,
    sent_bytes: Option<u64>,
    /// How often the log was made durable.
    log_syncs: Option<u64>,
}

impl StoreOptions {
    pub(crate) fn kind(&self) -> Option<StoreKind> {
        self.store
    }

    pub(crate) fn bare_writes(&self) -> bool {
        self.bare_writes
    }

    /// A store of that kind: the one that runs already, else a new one with its data under `folder`.
    ///
    /// # Errors
    ///
    /// When it can't be started or reached.
    pub(crate) async fn open(&self, kind: StoreKind, folder: &Path) -> Result<RunningStore, Error> {
        let server = match (kind, &self.store_url) {
            (StoreKind::Redis, Some(url)) => Server::Redis(RunningRedis::at(url, None).await?),
            (StoreKind::Redis, None) => Server::Redis(RunningRedis::start(&self.store_args, folder).await?),
            (StoreKind::Postgres, Some(url)) => Server::Postgres(RunningPostgres::at(url, None).await?),
            (StoreKind::Postgres, None) => {
                Server::Postgres(RunningPostgres::start(&self.store_args, folder).await?)
            }
        };
        Ok(RunningStore { server, is_shared: self.store_url.is_some() })
    }
}

impl RunningStore {
    /// Its URL. It may hold a password.
    pub(crate) fn url(&self) -> &str {
        match &self.server {
            Server::Redis(redis) => &redis.url,
            Server::Postgres(postgres) => &postgres.url,
        }
    }

    /// The product and its version.
    pub(crate) fn version(&self) -> &str {
        match &self.server {
            Server::Redis(redis) => &redis.version,
            Server::Postgres(postgres) => &postgres.version,
        }
    }

    /// Its process.
    pub(crate) fn watched(&self) -> Watched {
        let (name, pid) = match &self.server {
            Server::Redis(redis) => ("redis", redis.pid),
            Server::Postgres(postgres) => ("postgres", postgres.pid),
        };
        Watched { name: name.to_owned(), pid }
    }

    /// What it has done so far.
    ///
    /// # Errors
    ///
    /// When it can't be asked.
    pub(crate) async fn counters(&self) -> Result<Counters, Error> {
        match &self.server {
            Server::Redis(redis) => redis.counters().await,
            Server::Postgres(postgres) => postgres.counters().await,
        }
    }
}

impl Counters {
    /// What was done since `before` for each of so many verifications. `None` for none.
    pub(crate) fn each(&self, before: &Self, verifications: u64) -> Option<StoreTraffic> {
        let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / verifications as f64;
        let of = |field: fn(&Self) -> Option<u64>| Some(each(field(self)?, field(before)?));
        (verifications > 0).then(|| StoreTraffic {
            calls: each(self.calls, before.calls),
            busy_us: of(|counters| counters.busy_us),
            commands: of(|counters| counters.commands),
            received_bytes: of(|counters| counters.received_bytes),
            sent_bytes: of(|counters| counters.sent_bytes),
            log_syncs: of(|counters| counters.log_syncs),
        })
    }
}
