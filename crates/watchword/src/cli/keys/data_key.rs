//! The data key that a store keeps: ending it, and ending what opens it.

use watchword_core::keyring::KeyId;
use watchword_core::ports::Store;

use super::{KeysError, may_drop, needed};
use crate::cli::say;
use crate::cli::site::Site;
use crate::keys::{self, Survey};

/// Drops everything that the data key is wrapped in: nothing opens it from then on.
pub(super) async fn end(
    site: &Site,
    store: &dyn Store,
    key: KeyId,
    survey: &Survey,
    force: bool,
) -> Result<(), KeysError> {
    if !force {
        may_drop(site, key, survey.ours[0], &survey.known, &store.key_uses(site.now()).await?, true)?;
    }
    store.drop_key_slots(survey.slots.clone()).await?;
    say(&format!("Dropped the data key {key}, which the store kept: no secret opens it any more."));
    Ok(())
}

/// Drops what secrets that are not in the configuration open it with.
pub(super) async fn prune(site: &Site, force: bool) -> Result<(), KeysError> {
    let store = site.store().await?;
    let Survey { ours, data_key, slots, unopened, .. } = keys::survey(&site.config.keys, &*store).await?;
    if data_key.is_none() && !force {
        // Nobody can say which key that is: none that is not ours may be needed.
        let uses = store.key_uses(site.now()).await?;
        if let Some(used) = uses.iter().find(|used| !ours.contains(&used.key)) {
            return Err(needed(site, used));
        }
    }
    let (dropped, left) = (unopened.len(), slots.len() - unopened.len());
    if dropped > 0 {
        store.drop_key_slots(unopened).await?;
    }
    store.close().await;
    say(&match (dropped, left) {
        (0, 0) => "The store keeps no data key.".to_owned(),
        (0, _) => {
            "Every secret that opens the store's data key is in this configuration: nothing is changed."
                .to_owned()
        }
        (_, 0) => "Dropped the data key that the store kept: no secret opens it any more.".to_owned(),
        _ => format!(
            "Secrets that open the store's data key no more: {dropped}. Secrets of this configuration that still do: {left}."
        ),
    });
    Ok(())
}
