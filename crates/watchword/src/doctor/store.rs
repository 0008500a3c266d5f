//! Whether the store opens, has room, and belongs to our keys.

use std::path::Path;
use std::sync::Arc;

use rustix::fs::statvfs;
use watchword_core::ports::{Silent, Store};
use watchword_store::{SqliteOptions, SqliteStore};

use super::files::mode_of;
use super::{Finding, State, clock, postgres, redis};
use crate::config::{Config, StoreUrl};
use crate::keys::{self, Survey};
use crate::wiring::{OpenedStore, open_store};

const SUBJECT: &str = "store";

/// Less room than this is none.
const NO_ROOM: u64 = 1_024 * 1_024;

/// Less room than this is soon used up.
const LITTLE_ROOM: u64 = 256 * 1_024 * 1_024;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let path = match &config.store.url {
        StoreUrl::Sqlite(path) => path,
        StoreUrl::Redis(_) | StoreUrl::Postgres(_) => return shared(config).await,
    };
    let mut findings = Vec::new();
    let shown = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let shown = shown.display();
    if path.exists() {
        findings.extend(
            mode_of("store file", path, "it has addresses in it").filter(|it| it.state != State::Good),
        );
        match SqliteStore::open_shared(path, SqliteOptions::default()) {
            Ok(store) => {
                findings.push(match store.stats().await {
                    Ok(stats) => {
                        let (live, outbox) = (stats.verifications, stats.outbox);
                        let detail = format!("{shown}: {live} verifications, {outbox} messages to be sent");
                        Finding::new(SUBJECT, State::Good, detail)
                    }
                    Err(error) => Finding::new(SUBJECT, State::Failed, error.to_string()),
                });
                findings.push(keys(config, &store).await);
                store.close().await;
            }
            Err(error) => findings.push(Finding::new(SUBJECT, State::Failed, error.to_string())),
        }
    } else {
        let detail = format!("{shown} is not there yet; the first start makes it, and its key file");
        findings.push(Finding::new(SUBJECT, State::Untried, detail));
    }
    findings.extend(room(path));
    findings
}

/// A store that several servers may share.
async fn shared(config: &Config) -> Vec<Finding> {
    let OpenedStore { store, redis, postgres, close, .. } = match open_store(config, Arc::new(Silent)) {
        Ok(opened) => opened,
        Err(error) => return vec![Finding::new(SUBJECT, State::Failed, error.to_string())],
    };
    let shown = &config.store.url;
    let mut findings = Vec::new();
    if let Some(postgres) = &postgres {
        findings.extend(postgres::examine(postgres).await);
        if matches!(postgres.is_set_up().await, Ok(false)) {
            let detail = format!("{shown}: no tables yet; the first start makes them");
            findings.insert(0, Finding::new(SUBJECT, State::Untried, detail));
            close.await;
            return findings;
        }
    }
    let ready = match store.ready().await {
        Ok(()) => store.stats().await,
        Err(error) => Err(error),
    };
    match ready {
        Ok(stats) => {
            let (live, outbox) = (stats.verifications, stats.outbox);
            let detail = format!("{shown}: {live} verifications, {outbox} messages to be sent");
            findings.push(Finding::new(SUBJECT, State::Good, detail));
            findings.push(keys(config, &*store).await);
            if let Some(redis) = redis {
                findings.extend(redis::examine(&redis).await);
            }
            findings.extend(clock::beside(&*store).await);
        }
        Err(error) => findings.push(Finding::new(SUBJECT, State::Failed, format!("{shown}: {error}"))),
    }
    close.await;
    findings
}

/// Whether our keys are the store's.
async fn keys(config: &Config, store: &dyn Store) -> Finding {
    let detail = match keys::survey(&config.keys, store).await {
        Err(error) => return Finding::new("keys", State::Failed, error.to_string()),
        Ok(Survey { ours, .. }) => match &ours[..] {
            [] => "the first start makes one".to_owned(),
            [first, others @ ..] => format!("{}: {first} seals, {} more", config.keys, others.len()),
        },
    };
    Finding::new("keys", State::Good, detail)
}

/// How much room the disk has. `None`: nobody can say.
fn room(path: &Path) -> Option<Finding> {
    let folder = path.ancestors().skip(1).find(|folder| *folder == Path::new("") || folder.exists())?;
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let disk = statvfs(folder).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let mebibytes = free / (1_024 * 1_024);
    let (state, advice) = match free {
        ..NO_ROOM => (State::Failed, ": nothing can be written; make room, or move the store"),
        NO_ROOM..LITTLE_ROOM => (State::Warning, ": make room, or move the store"),
        _ => (State::Good, ""),
    };
    Some(Finding::new("disk", state, format!("{mebibytes} MiB free for the store{advice}")))
}
