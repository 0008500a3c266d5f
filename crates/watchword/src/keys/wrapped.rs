//! The data key that a shared store keeps for servers without a key of their own, wrapped once under each of their secrets.

use watchword_core::key_slot::{KeySlot, Salt, SlotKey};
use watchword_core::keyring::{KEY_BYTES, KeyId};
use watchword_core::ports::{Random, Store};
use watchword_delivery::settings::Secret;
use zeroize::Zeroizing;

use super::{KeyError, KeyList, MasterKeys};

/// More secrets than this are not stretched: each takes some 30 ms at every start.
const MOST_SECRETS: usize = 64;

/// The data key, opened by any of `secrets`. The first start makes it; secrets that it was not wrapped under yet are added.
/// Nothing is made without `random`, for work beside a server, nor where the store knows keys already: those are elsewhere.
///
/// # Errors
/// None of the secrets opens it, it is none of the `known` keys, or there is none and none may be made. Nothing changed.
pub(super) async fn data_key(
    secrets: &[Secret],
    store: &dyn Store,
    known: &[KeyId],
    random: Option<&dyn Random>,
) -> Result<MasterKeys, KeyError> {
    let secrets = &secrets[..secrets.len().min(MOST_SECRETS)];
    let not_set = || KeyError::NotSet { keys: KeyList(known.to_vec()) };
    let mut slots = store.key_slots().await?;
    if slots.is_empty() && !known.is_empty() {
        return Err(not_set());
    }
    if let (true, Some(random)) = (slots.is_empty(), random) {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        random.fill(&mut *key);
        let salt = Salt::generate(random);
        let wrap = |secret: &Secret| SlotKey::new(secret.expose().as_bytes(), salt).wrap(&key, random);
        if store.add_key_slots(secrets.iter().map(wrap).collect(), true).await? {
            return Ok(MasterKeys(vec![key]));
        }
        // Another server was first, and its key is the store's.
        slots = store.key_slots().await?;
    }
    let Some(salt) = slots.first().map(KeySlot::salt) else { return Err(KeyError::NoDataKey) };
    let mut opened = None;
    let mut missing = Vec::new();
    for secret in secrets {
        let stretched = SlotKey::new(secret.expose().as_bytes(), salt);
        match slots.iter().find_map(|slot| stretched.open(slot)) {
            Some(key) => opened = Some(key),
            None => missing.push(stretched),
        }
    }
    let key = opened.ok_or(KeyError::NoSlotOpens)?;
    if !known.is_empty() && !MasterKeys(vec![key.clone()]).ids().iter().any(|id| known.contains(id)) {
        return Err(not_set());
    }
    if let (false, Some(random)) = (missing.is_empty(), random) {
        let slots = missing.iter().map(|secret| secret.wrap(&key, random)).collect();
        store.add_key_slots(slots, false).await?;
    }
    Ok(MasterKeys(vec![key]))
}

#[cfg(test)]
mod tests {
    use watchword_core::ports::Retention;
    use watchword_store::Memory;
    use watchword_testkit::random::SeededRandom;

    use super::super::{KeySource, open, open_existing};
    use super::*;

    fn secrets(all: &[&str]) -> KeySource {
        KeySource::Wrapped(all.iter().map(|secret| Secret::from(*secret)).collect())
    }

    /// The fingerprint of the key that a server with these secrets gets.
    async fn key(store: &Memory, seed: u64, all: &[&str]) -> Result<String, KeyError> {
        let ring = open(&secrets(all), store, &SeededRandom::new(seed)).await?;
        Ok(ring.ids().map(|id| id.to_string()).collect())
    }

    #[tokio::test]
    async fn servers_whose_secrets_come_and_go_keep_one_data_key() {
        let store = Memory::new(Retention::default());
        let first = key(&store, 1, &["one"]).await.unwrap();
        assert_eq!(key(&store, 2, &["one", "two"]).await.unwrap(), first, "a secret is added");
        assert_eq!(key(&store, 3, &["two", "three"]).await.unwrap(), first, "another is removed");
        assert_eq!(key(&store, 4, &["three"]).await.unwrap(), first);
        assert_eq!(store.key_slots().await.unwrap().len(), 3, "each secret has one slot");
        assert_eq!(store.keys().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_server_with_none_of_the_secrets_is_refused_and_changes_nothing() {
        let store = Memory::new(Retention::default());
        key(&store, 1, &["one"]).await.unwrap();
        let refused = key(&store, 2, &["other"]).await.unwrap_err();
        assert!(matches!(refused, KeyError::NoSlotOpens), "{refused}");
        assert_eq!(store.key_slots().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn where_the_store_has_keys_no_data_key_is_made_beside_them() {
        let store = Memory::new(Retention::default());
        let own = KeySource::Environment(MasterKeys(vec![Zeroizing::new([1; KEY_BYTES])]));
        let owned = open(&own, &store, &SeededRandom::new(1)).await.unwrap().ids().next().unwrap();
        let says = format!("WATCHWORD_KEY is not set, and the store has passcodes under key {owned}: ");
        let refused = key(&store, 2, &["one"]).await.unwrap_err().to_string();
        assert!(refused.starts_with(&says), "{refused}");
        assert_eq!(store.key_slots().await.unwrap(), [], "the store is as it was");

        // A data key that was left behind there is none of the store's.
        let random = SeededRandom::new(3);
        let left = SlotKey::new(b"one", Salt::generate(&random)).wrap(&[2; KEY_BYTES], &random);
        store.add_key_slots(vec![left.clone()], true).await.unwrap();
        let refused = key(&store, 4, &["one", "two"]).await.unwrap_err().to_string();
        assert!(refused.starts_with(&says), "{refused}");
        assert_eq!(store.key_slots().await.unwrap(), [left]);
        assert_eq!(store.keys().await.unwrap(), [owned]);
    }

    #[tokio::test]
    async fn work_beside_a_server_makes_no_key() {
        let store = Memory::new(Retention::default());
        let refused = open_existing(&secrets(&["one"]), &store).await.unwrap_err();
        assert!(matches!(refused, KeyError::NoDataKey), "{refused}");
        let first = key(&store, 1, &["one"]).await.unwrap();
        let ring = open_existing(&secrets(&["one", "two"]), &store).await.unwrap();
        assert_eq!(ring.ids().map(|id| id.to_string()).collect::<String>(), first);
        assert_eq!(store.key_slots().await.unwrap().len(), 1, "nor a slot");
    }

    #[tokio::test]
    async fn servers_that_start_at_once_agree() {
        let store = Memory::new(Retention::default());
        let (one, other) = futures::join!(key(&store, 1, &["one"]), key(&store, 2, &["one"]));
        assert_eq!(one.unwrap(), other.unwrap());
    }
}
