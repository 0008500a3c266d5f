//! The shared store for those who have Redis: one script an operation.
//!
//! Redis runs a script alone from beginning to end, so each says in Lua what the function of its name in
//! [`transition`](watchword_core::transition) decides, and does it (`redis/scripts/`). [`call`] packs what a script takes,
//! [`link`] gets it there, [`reply`] reads what comes back.
//!
//! All keys of a namespace are in one of 64 partitions, and all keys of a partition in one slot of a cluster.

mod announcing;
mod call;
mod keys;
mod link;
mod operations;
mod outbox;
mod outlook;
mod packed;
mod records;
mod reply;
mod script;
mod survey;
mod unreadable;
mod url;
mod verifications;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::Value;
use futures::future::try_join_all;
use thiserror::Error;
use watchword_core::namespace::Partition;
use watchword_core::ports::{Observer, Retention, Silent, StoreError, StoreStats};
use watchword_core::time::Timestamp;

use announcing::Announcer;
pub use announcing::Announcing;
use call::Call;
use keys::Prefix;
use link::Link;
use outlook::{Outlook, View};
use script::Script;
pub use survey::{RedisServer, RedisSetup};
use unreadable::{Read, Unreadable};
pub use url::{RedisUrl, RedisUrlError};

/// How the store behaves. The default suits a server.
#[derive(Clone)]
pub struct RedisOptions {
    /// What all keys begin with, where the URL does not say so: installations that share a server have each their own.
    pub key_prefix: String,
    /// How long to wait for a connection, for an answer, or for a server that is being started anew.
    pub timeout: Duration,
    /// How many connections to a server that is no cluster.
    pub connections: usize,
    /// How long records are kept. Not at all is the default: they cost memory.
    pub retention: Retention,
    /// How many operations may be under way; past that they are refused as [`StoreError::Busy`]. What makes others done is
    /// never refused: claims, settlements, cancellations, the purge.
    pub most_under_way: usize,
    /// Is told of each round trip of an operation.
    pub observer: Arc<dyn Observer>,
    /// Whom checks and resends are published to, in the same step; `None`: nobody.
    pub announcing: Option<Announcing>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            key_prefix: "watchword".to_owned(),
            timeout: Duration::from_secs(5),
            connections: 2,
            retention: Retention { delivery_records: Duration::ZERO },
            most_under_way: 4_096,
            observer: Arc::new(Silent),
            announcing: None,
        }
    }
}

/// Why a Redis store can't be used at all.
#[derive(Debug, Error)]
#[error("the store {url} can't be used: {source}")]
pub struct RedisOpenError {
    url: String,
    source: ::redis::RedisError,
}

/// Keeps everything in Redis, or what speaks its protocol and runs its scripts.
pub struct RedisStore {
    url: RedisUrl,
    link: Link,
    prefix: Prefix,
    records_kept: Duration,
    under_way: tokio::sync::Semaphore,
    outlook: Outlook,
    observer: Arc<dyn Observer>,
    announcer: Option<Announcer>,
    #[cfg(feature = "reference")]
    mistaken: script::Mistaken,
}

impl RedisStore {
    /// Makes ready to use the store at `url`. Nothing is connected to before the first operation.
    ///
    /// # Errors
    /// The URL asks for what can't be had.
    pub fn open(url: &RedisUrl, options: RedisOptions) -> Result<Self, RedisOpenError> {
        if url.uses_tls() {
            // Another part of the process may have installed it before.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let link = Link::new(url, options.connections, options.timeout)
            .map_err(|source| RedisOpenError { url: url.to_string(), source })?;
        Ok(Self {
            url: url.clone(),
            link,
            prefix: Prefix::new(url.key_prefix.as_deref().unwrap_or(&options.key_prefix)),
            records_kept: options.retention.delivery_records,
            under_way: tokio::sync::Semaphore::new(options.most_under_way),
            outlook: Outlook::default(),
            observer: options.observer,
            announcer: options.announcing.map(Announcer::new),
            #[cfg(feature = "reference")]
            mistaken: script::Mistaken::default(),
        })
    }

    /// The same store with a mistake in its scripts: `wrong` stands wherever they have `right`. For tests of the tests.
    ///
    /// # Panics
    /// No script has `right`.
    #[cfg(feature = "reference")]
    #[must_use]
    pub fn with_mistake(self, right: &str, wrong: &str) -> Self {
        Self { mistaken: script::Mistaken::new(right, wrong), ..self }
    }

    fn call(&self, script: &'static Script, partitions: &[Partition], now: Timestamp) -> Call {
        #[cfg(feature = "reference")]
        let script = self.mistaken.instead_of(script);
        Call::new(script, &self.prefix, partitions, now, self.records_kept)
    }

    /// Runs an operation in one partition; refused where too many are under way.
    async fn run<T>(
        &self,
        script: &'static Script,
        partition: Partition,
        now: Timestamp,
        give: impl FnOnce(&mut Call),
        read: impl FnOnce(Value) -> Read<T>,
    ) -> Result<T, StoreError> {
        let _room = self.under_way.try_acquire().map_err(|_| StoreError::Busy)?;
        self.run_always(script, partition, now, give, read).await
    }

    /// As [`Self::run`], however many are under way.
    async fn run_always<T>(
        &self,
        script: &'static Script,
        partition: Partition,
        now: Timestamp,
        give: impl FnOnce(&mut Call),
        read: impl FnOnce(Value) -> Read<T>,
    ) -> Result<T, StoreError> {
        let mut call = self.call(script, &[partition], now);
        give(&mut call);
        #[expect(clippy::disallowed_methods, reason = "measures how long the server takes, for metrics only")]
        let started = Instant::now();
        self.outlook.changes(partition);
        let answer = self.link.run(call.ready()).await;
        self.outlook.changes(partition);
        if answer.is_ok() {
            self.observer.committed(1, started.elapsed());
        }
        Ok(read(answer?)?)
    }

    /// Asks all partitions: at once where one server has them all, else each by itself.
    async fn everywhere(
        &self,
        script: &'static Script,
        now: Timestamp,
        give: impl Fn(&mut Call),
    ) -> Result<Vec<Value>, StoreError> {
        let all: Vec<Partition> = Partition::all().collect();
        let together = if self.link.is_one() { all.len() } else { 1 };
        let calls = all.chunks(together).map(|partitions| {
            let mut call = self.call(script, partitions, now);
            give(&mut call);
            self.link.run(call.ready())
        });
        try_join_all(calls).await
    }

    async fn partitions_now(&self) -> Result<Vec<StoreStats>, StoreError> {
        let answers = self.everywhere(&script::OUTLOOK, Timestamp::default(), |_| {}).await?;
        let partitions = outlook::partitions(answers)?;
        if partitions.len() != usize::from(Partition::COUNT) {
            return Err(Unreadable("one answer a partition").into());
        }
        Ok(partitions)
    }

    /// What is known of a partition's outbox without asking for it alone.
    async fn view(&self, partition: Partition, now: Timestamp) -> Result<View, StoreError> {
        let view = self.outlook.of(partition, now);
        if view != View::Old {
            return Ok(view);
        }
        let before = self.outlook.before();
        self.outlook.saw(before, now, &self.partitions_now().await?);
        Ok(self.outlook.of(partition, now))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("url", &self.url)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
