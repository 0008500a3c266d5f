//! Stores that are servers of their own: started for a measurement or running already, their CPU counted beside the
//! server's.

mod redis;

use std::path::Path;

use clap::{Args, ValueEnum};
use serde::Serialize;

use self::redis::RunningRedis;
use crate::error::Error;
use crate::process::Watched;

/// What kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoreKind {
    /// Redis.
    Redis,
}

/// Which store is measured with the server.
#[derive(Args)]
#[command(next_help_heading = "The store")]
pub(crate) struct StoreOptions {
    /// Measure with a store that is a server of its own, and count its CPU too. One is started for the server and one for
    /// the bare server; {store} in --server-args stands for its URL.
    #[arg(long, value_enum, requires = "server_binary")]
    store: Option<StoreKind>,
    /// URL of a store that runs already, on this machine; both servers use it.
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
}

/// A store that answers. One that was started is stopped when this is dropped.
pub(crate) struct RunningStore {
    redis: RunningRedis,
}

/// What a store has done, by its own counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    /// Calls that came over the wire: scripts, or functions.
    calls: u64,
    /// Time spent in them, in microseconds.
    busy_us: u64,
    /// Commands that scripts gave, and all others that came.
    commands: u64,
    received_bytes: u64,
    sent_bytes: u64,
    /// Length of the answer that told all this: it counts as sent in the next one.
    told_bytes: u64,
}

/// What a store does for one verification. All fields are means.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct StoreTraffic {
    /// Calls that came over the wire: scripts, or functions.
    pub(crate) calls: f64,
    /// Commands that scripts gave, and all others that came.
    pub(crate) commands: f64,
    /// Time the store spent in calls, by its own clock.
    pub(crate) busy_us: f64,
    pub(crate) received_bytes: f64,
    pub(crate) sent_bytes: f64,
}

impl StoreOptions {
    pub(crate) fn kind(&self) -> Option<StoreKind> {
        self.store
    }

    /// A store of that kind: the one that runs already, else a new one with its data under `folder`.
    ///
    /// # Errors
    ///
    /// When it can't be started or reached.
    pub(crate) async fn open(&self, kind: StoreKind, folder: &Path) -> Result<RunningStore, Error> {
        let StoreKind::Redis = kind;
        let redis = match &self.store_url {
            Some(url) => RunningRedis::at(url, None).await?,
            None => RunningRedis::start(&self.store_args, folder).await?,
        };
        Ok(RunningStore { redis })
    }
}

impl StoreKind {
    /// What reports call its process.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
        }
    }
}

impl RunningStore {
    /// Its URL. It may hold a password.
    pub(crate) fn url(&self) -> &str {
        &self.redis.url
    }

    /// The product and its version.
    pub(crate) fn version(&self) -> &str {
        &self.redis.version
    }

    /// Its process.
    pub(crate) fn watched(&self) -> Watched {
        Watched { name: StoreKind::Redis.name().to_owned(), pid: self.redis.pid }
    }

    /// What it has done so far.
    ///
    /// # Errors
    ///
    /// When it can't be asked.
    pub(crate) async fn counters(&self) -> Result<Counters, Error> {
        self.redis.counters().await
    }
}

impl Counters {
    /// Adds what was done between two readings.
    pub(crate) fn add(&mut self, before: &Self, after: &Self) {
        self.calls += after.calls.saturating_sub(before.calls);
        self.busy_us += after.busy_us.saturating_sub(before.busy_us);
        self.commands += after.commands.saturating_sub(before.commands);
        self.received_bytes += after.received_bytes.saturating_sub(before.received_bytes);
        self.sent_bytes += after.sent_bytes.saturating_sub(before.sent_bytes + before.told_bytes);
    }

    /// The part of each of so many verifications. `None` for none.
    pub(crate) fn each(&self, verifications: u64) -> Option<StoreTraffic> {
        let each = |count: u64| count as f64 / verifications as f64;
        (verifications > 0).then(|| StoreTraffic {
            calls: each(self.calls),
            commands: each(self.commands),
            busy_us: each(self.busy_us),
            received_bytes: each(self.received_bytes),
            sent_bytes: each(self.sent_bytes),
        })
    }
}
