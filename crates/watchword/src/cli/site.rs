//! What a command that works on a server's data starts from: its configuration, its store, the time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use watchword_core::ports::{Clock as _, StoreError};
use watchword_core::time::Timestamp;
use watchword_delivery::registry::Registry;
use watchword_store::{OpenError, SqliteOptions, SqliteStore};

use super::sources::SourceOptions;
use crate::clock::SystemClock;
use crate::config::{self, Config, ConfigError, StoreUrl};
use crate::keys::KeyError;

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
    /// It can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The keys can't be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
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
        let StoreUrl::Sqlite(path) = &self.config.store.url;
        if path.exists() { Ok(path) } else { Err(SiteError::NoStore { path: path.clone() }) }
    }

    /// Opens the store beside the server that may be running on it. Close it in the end.
    pub(super) fn store(&self) -> Result<Arc<SqliteStore>, SiteError> {
        let path = self.store_path()?;
        let options =
            SqliteOptions { retention: self.config.retention.retention(), ..SqliteOptions::default() };
        Ok(Arc::new(SqliteStore::open_shared(path, options)?))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
