//! What a bare server calls before it answers.

use clap::Args;

use super::postgres::{CallError, Postgres};
use super::redis::Redis;
use crate::error::Error;
use crate::store::traffic::StoreTraffic;

/// Calls of the store that a verification takes at least: to begin it, to settle its message, to check it. The first two
/// belong to PUT.
const CALLS: f64 = 3.0;

/// Longest call and longest answer, in bytes.
const MAX_BYTES: i64 = 1 << 20;

/// What is called.
#[derive(Args)]
#[command(next_help_heading = "The store")]
pub(crate) struct CallsOptions {
    /// A store to call: redis://… or postgres://…
    #[arg(long, value_name = "URL")]
    store_url: Option<String>,
    /// Length of a call on the wire, in bytes; of Redis alone.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=MAX_BYTES))]
    request_bytes: u32,
    /// Length of its answer; of Redis alone.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=MAX_BYTES))]
    reply_bytes: u32,
    /// Write a row with each call; of PostgreSQL alone.
    #[arg(long)]
    writes: bool,
}

/// A store that is ready to be called.
#[derive(Clone)]
pub(super) enum Calls {
    Redis(Redis),
    Postgres(Postgres),
}

/// Why a call went wrong.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum CallFailure {
    Redis(#[from] ::redis::RedisError),
    Postgres(#[from] CallError),
}

impl CallsOptions {
    /// Calls of a Redis that together have as many bytes as the server's was seen to get and give for one verification.
    pub(crate) fn as_long_as(store_url: &str, traffic: &StoreTraffic) -> Self {
        let each =
            |bytes: Option<f64>| (bytes.unwrap_or_default() / CALLS).clamp(0.0, MAX_BYTES as f64) as u32;
        let (request_bytes, reply_bytes) = (each(traffic.received_bytes), each(traffic.sent_bytes));
        Self { store_url: Some(store_url.to_owned()), request_bytes, reply_bytes, writes: false }
    }

    /// Calls of a PostgreSQL's function of one row.
    pub(crate) fn of_one_row(store_url: &str, writes: bool) -> Self {
        Self { store_url: Some(store_url.to_owned()), request_bytes: 0, reply_bytes: 0, writes }
    }

    /// As they are given on the command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self { store_url, request_bytes, reply_bytes, writes } = self;
        let lengths = [("--request-bytes", request_bytes), ("--reply-bytes", reply_bytes)];
        let url = store_url.iter().flat_map(|url| ["--store-url".to_owned(), url.clone()]);
        let lengths = lengths.into_iter().flat_map(|(name, length)| [name.to_owned(), length.to_string()]);
        url.chain(lengths).chain(writes.then(|| "--writes".to_owned())).collect()
    }

    /// Connects. `None`: there is nothing to call.
    ///
    /// # Errors
    ///
    /// When the store can't be reached.
    pub(super) async fn connect(&self) -> Result<Option<Calls>, Error> {
        let Some(url) = &self.store_url else { return Ok(None) };
        if url.starts_with("postgres") {
            let config = url.parse().map_err(|error| Error::Option(format!("--store-url: {error}")))?;
            let postgres = Postgres::connect(config, self.writes).await;
            return postgres
                .map(|postgres| Some(Calls::Postgres(postgres)))
                .map_err(|error| Error::BareCall(error.into()));
        }
        let redis = Redis::connect(url, self.request_bytes as usize, self.reply_bytes as usize).await;
        redis.map(|redis| Some(Calls::Redis(redis))).map_err(Error::Redis)
    }
}

impl Calls {
    /// One call.
    pub(super) async fn call(&self) -> Result<(), CallFailure> {
        match self {
            Self::Redis(redis) => redis.call().await?,
            Self::Postgres(postgres) => postgres.call().await?,
        }
        Ok(())
    }
}
