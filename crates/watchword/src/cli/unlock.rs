//! `watchword unlock`.

use std::sync::Arc;

use clap::Args;
use thiserror::Error;
use watchword_core::address::Address;
use watchword_core::delivery::NodeId;
use watchword_core::dispatcher::{Dispatcher, Routes};
use watchword_core::engine::{Engine, EngineSettings};
use watchword_core::error::InvalidInput;
use watchword_core::namespace::Namespace;
use watchword_core::parts::Parts;
use watchword_core::ports::Silent;

use super::site::{Site, SiteError};
use super::sources::SourceOptions;
use super::{CommandError, once, say};
use crate::config::{Config, Dialect};
use crate::keys;
use crate::random::OsRandom;
use crate::tasks::BackgroundTasks;
use crate::wiring::perfumer_settings;

/// Forget the wrong passcodes of a target, so that the next check is looked at again.
///
/// After too many wrong passcodes in a row a target is refused for a while, over all its verifications, whatever the code. This
/// lifts that. The attempts of a verification itself are its application's to give: it starts another one.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The address as the application gives it; or the id, where it started without an address
    #[arg(value_name = "TARGET", value_parser = target)]
    target: Address,
    /// Whose target; may be left out where only one namespace is configured
    #[arg(long, value_name = "NAME", value_parser = Namespace::new)]
    namespace: Option<Namespace>,
    #[command(flatten)]
    sources: SourceOptions,
}

/// Why nothing was looked at. Each text says what to do.
#[derive(Debug, Error)]
pub(super) enum UnlockError {
    /// Several could be meant.
    #[error("say whose target it is, with --namespace: {configured}")]
    WhichNamespace { configured: String },
    /// Most likely mistyped.
    #[error("there is no namespace `{namespace}`; configured: {configured}")]
    NoNamespace { namespace: Namespace, configured: String },
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The engine does not do it.
    #[error(transparent)]
    Engine(#[from] watchword_core::error::Error),
}

impl UnlockError {
    /// Whether the command line is what is wrong.
    pub(super) const fn is_usage(&self) -> bool {
        matches!(self, Self::WhichNamespace { .. } | Self::NoNamespace { .. })
    }
}

fn target(text: &str) -> Result<Address, InvalidInput> {
    Address::new(text)
}

pub(super) fn run(options: Options) -> Result<(), CommandError> {
    let site = Site::read(options.sources)?;
    let namespace = namespace(options.namespace, &site.config)?;
    let forgot = once(unlock(&site, &namespace, &options.target))??;
    say(&if forgot {
        format!("Forgotten: the next check of that target in namespace `{namespace}` is looked at again.")
    } else {
        format!(
            "There was nothing to forget: no wrong passcode of that target is counted in namespace `{namespace}`."
        )
    });
    Ok(())
}

fn namespace(given: Option<Namespace>, config: &Config) -> Result<Namespace, UnlockError> {
    // Perfumer's API knows no tenants: there is one.
    let only = (config.server.dialect == Dialect::Perfumer).then(|| perfumer_settings(config).namespace);
    let known: Vec<&Namespace> = match &only {
        Some(only) => vec![only],
        None => config.namespaces.keys().collect(),
    };
    let configured = || known.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    match given {
        Some(namespace) if known.contains(&&namespace) => Ok(namespace),
        Some(namespace) => Err(UnlockError::NoNamespace { namespace, configured: configured() }),
        None => match known[..] {
            [only] => Ok(only.clone()),
            _ => Err(UnlockError::WhichNamespace { configured: configured() }),
        },
    }
}

async fn unlock(site: &Site, namespace: &Namespace, target: &Address) -> Result<bool, UnlockError> {
    let store = site.store().await?;
    let keyring = keys::open_existing(&site.config.keys, &*store).await.map_err(SiteError::from)?;
    let parts = Parts {
        store: Arc::clone(&store.store),
        clock: Arc::clone(&site.clock) as _,
        random: Arc::new(OsRandom),
        tasks: Arc::new(BackgroundTasks::default()),
        observer: Arc::new(Silent),
        keyring: Arc::new(keyring),
    };
    // It sends nothing: nobody runs the dispatcher, and there is no route.
    let node = NodeId::new("unlock").map_err(watchword_core::error::Error::from)?;
    let dispatcher = Dispatcher::new(parts.clone(), node, Routes::default());
    let engine = Engine::new(parts, dispatcher, EngineSettings::default());
    let forgot = engine.unlock(namespace, target).await;
    store.close().await;
    Ok(forgot?)
}
