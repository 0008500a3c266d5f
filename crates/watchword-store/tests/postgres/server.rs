//! Stores on real servers of PostgreSQL.

use std::sync::Arc;

use watchword_store::{PostgresOptions, PostgresStore, PostgresUrl};
use watchword_testkit::postgres::{Keeping, Pooler, Server};
use watchword_testkit::shared::Shared;

static SERVER: Shared<Server> = Shared::new();
static POOLED: Shared<(Pooler, Arc<Server>)> = Shared::new();

/// The server of all tests that do nothing to it.
pub(crate) fn shared() -> Arc<Server> {
    SERVER.get(|| Server::start(Keeping::InMemory))
}

/// A pooler before it.
pub(crate) fn pooled() -> Arc<(Pooler, Arc<Server>)> {
    POOLED.get(|| {
        let server = shared();
        (Pooler::start(&server), server)
    })
}

pub(crate) fn open(url: &str, options: PostgresOptions) -> PostgresStore {
    PostgresStore::open(&PostgresUrl::parse(url).unwrap(), options).unwrap()
}

/// A store that is ready.
pub(crate) async fn store(url: &str, options: PostgresOptions) -> PostgresStore {
    let store = open(url, options);
    store.prepare().await.unwrap();
    store
}

/// Few connections, for many stores share a server.
pub(crate) fn modest() -> PostgresOptions {
    PostgresOptions { connections: 8, ..PostgresOptions::default() }
}
