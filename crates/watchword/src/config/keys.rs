//! Where the keys come from, by what the configuration says and what it leaves out.

use std::path::{Path, PathBuf};

use watchword_delivery::settings::Secret;

use super::layers::Layers;
use super::sections::Sections;
use super::{Origin, Original, Problem, StoreUrl, absolute};
use crate::keys::{KeyPlace, KeySource, MasterKeys};

/// Where the keys are, and what opens a data key.
pub(super) fn source(
    sections: &Sections,
    layers: &Layers,
    warnings: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) -> Option<KeySource> {
    // A store of its own keeps no data key: it has a file.
    let secrets = match &sections.store.url {
        StoreUrl::Sqlite(_) => None,
        StoreUrl::Redis(_) | StoreUrl::Postgres(_) => original_secrets(sections, layers),
    };
    let (secrets, named) = secrets.unzip();
    let place = match (layers.environment.key.as_deref(), sections.keys.file.as_deref(), &sections.store.url)
    {
        (Some(given), file, _) => {
            if file.is_some() {
                warnings
                    .push("WATCHWORD_KEY is set, so the file that keys.file names is not read".to_owned());
            }
            match MasterKeys::parse(given) {
                Ok(keys) => KeyPlace::Environment(keys),
                Err(error) => {
                    let origin = Origin::Environment("WATCHWORD_KEY".into());
                    problems.push(Problem::new(origin, String::new(), error.to_string()));
                    return None;
                }
            }
        }
        (None, Some(file), _) => KeyPlace::File(absolute(file)),
        (None, None, StoreUrl::Sqlite(store)) => KeyPlace::File(key_file_of(store)),
        (None, None, StoreUrl::Redis(_) | StoreUrl::Postgres(_)) => {
            let Some(named) = named else {
                let text = "a shared store needs the same keys on every node: set WATCHWORD_KEY, made with \
                            `openssl rand -hex 32`, or keys.file";
                problems.push(Problem::new(Origin::BuiltIn, "keys".to_owned(), text.to_owned()));
                return None;
            };
            warnings.push(format!(
                "WATCHWORD_KEY is not set, so the store keeps a data key under {named}: set one, made with \
                 `openssl rand -hex 32`, on every node"
            ));
            KeyPlace::Store
        }
    };
    Some(KeySource { place, secrets: secrets.unwrap_or_default() })
}

/// The original's own secrets, under which a shared store may keep a data key, and what they are called there.
fn original_secrets(sections: &Sections, layers: &Layers) -> Option<(Vec<Secret>, &'static str)> {
    match layers.original? {
        Original::Otpgateway => {
            let secrets = sections.namespaces.values().map(|namespace| namespace.secret.clone());
            Some((secrets.collect(), "the secrets in [auth]"))
        }
        Original::Perfumer => {
            let password = layers.secret.clone()?;
            Some((vec![password], "PG_PASSWORD"))
        }
        Original::Egov => {
            let password = layers.secret.clone()?;
            Some((vec![password], "spring.datasource.password"))
        }
    }
}

/// Next to the store: `watchword.db` has `watchword.key`.
fn key_file_of(store: &Path) -> PathBuf {
    store.with_extension("key")
}
