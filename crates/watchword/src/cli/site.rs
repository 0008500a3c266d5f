//! What a command that works on a server's data starts from: its configuration, its store, the time.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use thiserror::Error;
use watchword_core::ports::{Clock as _, Silent, Store, StoreError};
use watchword_core::time::Timestamp;
use watchword_delivery::registry::Registry;
use watchword_store::{SqliteOptions, SqliteStore};

use super::sources::SourceOptions;
use crate::clock::{SyncError, SystemClock};
use crate::config::{self, Config, ConfigError, StoreUrl};
use crate::keys::KeyError;
use crate::wiring::{OpenedStore, StoreOpenError, open_store};

/// The configuration of a server that may be running, and the time.
pub(super) struct Site {
    pub(super) config: Config,
    pub(super) clock: Arc<SystemClock>,
}

/// Why a command can't do its work. Each text says what to do.
#[derive(Debug, Error)]
pub(super) enum SiteError {
    /// No server has made it yet, or it is elsewhere.
    #[error(
        "there is no store at {path}: name the server's configuration with --config, or start the server once"
    )]
    NoStore {
        /// Where it should be.
        path: PathBuf,
    },
    /// It has no file.
    #[error("{url} is no file, and has its own ways to be copied: {how}")]
    NoFile {
        /// Where it is.
        url: String,
        /// Which.
        how: &'static str,
    },
    /// No server has made its tables.
    #[error("no server has made its tables in {url} yet: start the server once")]
    NotSetUp {
        /// Where it is.
        url: String,
    },
    /// It can't be opened.
    #[error(transparent)]
    Open(#[from] StoreOpenError),
    /// The keys can't be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// It does not say what time it is.
    #[error("the store's time is not known: {0}")]
    Time(#[from] SyncError),
    /// It does not do what is asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Site {
    /// Reads the configuration.
    pub(super) fn read(sources: SourceOptions) -> Result<Self, ConfigError> {
        let clock = Arc::new(SystemClock::new());
        let registry = Registry::new(Arc::clone(&clock) as _);
        Ok(Self { config: config::load(sources.sources(Vec::new()), &registry)?, clock })
    }

    /// Where the store is; it is there.
    pub(super) fn store_path(&self) -> Result<&Path, SiteError> {
        match &self.config.store.url {
            StoreUrl::Sqlite(path) if path.exists() => Ok(path),
            StoreUrl::Sqlite(path) => Err(SiteError::NoStore { path: path.clone() }),
            shared @ StoreUrl::Redis(_) => Err(SiteError::NoFile {
                url: shared.to_string(),
                how: "its snapshots and its append-only file",
            }),
            shared @ StoreUrl::Postgres(_) => {
                Err(SiteError::NoFile { url: shared.to_string(), how: "pg_dump, and archives of its log" })
            }
        }
    }

    /// Opens the store beside the server that may be running on it; from here on the time is that of its servers. Close it
    /// in the end.
    pub(super) async fn store(&self) -> Result<SiteStore, SiteError> {
        if let StoreUrl::Redis(_) | StoreUrl::Postgres(_) = &self.config.store.url {
            let OpenedStore { store, postgres, close, .. } = open_store(&self.config, Arc::new(Silent))?;
            if let Some(postgres) = postgres
                && !postgres.is_set_up().await?
            {
                return Err(SiteError::NotSetUp { url: self.config.store.url.to_string() });
            }
            self.clock.anchor(&*store).await?;
            return Ok(SiteStore { store, close });
        }
        let path = self.store_path()?;
        let options =
            SqliteOptions { retention: self.config.retention.retention(), ..SqliteOptions::default() };
        let store = Arc::new(SqliteStore::open_shared(path, options).map_err(StoreOpenError::from)?);
        let closing = Arc::clone(&store);
        Ok(SiteStore { store, close: Box::pin(async move { closing.close().await }) })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A store that a server may be running on. Close it in the end.
pub(super) struct SiteStore {
    pub(super) store: Arc<dyn Store>,
    close: BoxFuture<'static, ()>,
}

impl SiteStore {
    /// Finishes what is under way.
    pub(super) async fn close(self) {
        self.close.await;
    }
}

impl Deref for SiteStore {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}
