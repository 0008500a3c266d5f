//! The data key that a shared store keeps for servers without a key of their own, wrapped once under each of their secrets.

use watchword_core::key_slot::{KeySlot, Salt, SlotKey};
use watchword_core::keyring::{KEY_BYTES, KeyId};
use watchword_core::ports::{Random, Store};
use watchword_delivery::settings::Secret;
use zeroize::Zeroizing;

use super::file::new_key;
use super::{KeyError, MasterKeys};

/// More secrets than this are not stretched: each takes some 30 ms at every start.
const MOST_SECRETS: usize = 64;

/// A store's data key, opened.
pub(super) struct DataKey {
    pub(super) key: Zeroizing<[u8; KEY_BYTES]>,
    /// The secrets that it is to be opened by and is not yet, stretched.
    missing: Vec<SlotKey>,
    /// The slots that none of the secrets opens.
    pub(super) unopened: Vec<KeySlot>,
}

impl DataKey {
    pub(super) fn id(&self) -> KeyId {
        self.as_keys().ids()[0]
    }

    pub(super) fn as_keys(&self) -> MasterKeys {
        MasterKeys(vec![self.key.clone()])
    }

    /// Lets those secrets open it that don't yet.
    pub(super) async fn add_missing(&self, store: &dyn Store, random: &dyn Random) -> Result<(), KeyError> {
        if !self.missing.is_empty() {
            let slots = self.missing.iter().map(|secret| secret.wrap(&self.key, random)).collect();
            store.add_key_slots(slots, false).await?;
        }
        Ok(())
    }
}

/// Makes a store's data key. `None`: another server was first.
pub(super) async fn make(
    secrets: &[Secret],
    store: &dyn Store,
    random: &dyn Random,
) -> Result<Option<DataKey>, KeyError> {
    let key = new_key(random);
    let secrets = stretched(distinct(secrets), Salt::generate(random)).await?;
    let slots = secrets.iter().map(|secret| secret.wrap(&key, random)).collect();
    let is_first = store.add_key_slots(slots, true).await?;
    Ok(is_first.then_some(DataKey { key, missing: Vec::new(), unopened: Vec::new() }))
}

/// Opens a store's data key, by any of `secrets`, which are all to open it from then on, or else by one of `others`.
/// `None`: none does.
pub(super) async fn open(
    secrets: &[Secret],
    others: &[Secret],
    slots: Vec<KeySlot>,
) -> Result<Option<DataKey>, KeyError> {
    let Some(salt) = slots.first().map(KeySlot::salt) else { return Ok(None) };
    let mut unopened = slots;
    let mut key = None;
    let mut missing = Vec::new();
    for secret in stretched(distinct(secrets), salt).await? {
        let mut opens = false;
        unopened.retain(|slot| {
            let opened = secret.open(slot);
            let stays = opened.is_none();
            opens |= !stays;
            key = opened.or_else(|| key.take());
            stays
        });
        if !opens {
            missing.push(secret);
        }
    }
    if key.is_none() {
        let others = stretched(distinct(others), salt).await?;
        key = unopened.iter().find_map(|slot| others.iter().find_map(|secret| secret.open(slot)));
    }
    Ok(key.map(|key| DataKey { key, missing, unopened }))
}

/// Each once: two names may have the same secret.
fn distinct(secrets: &[Secret]) -> Vec<Secret> {
    let mut distinct: Vec<Secret> = Vec::new();
    for secret in secrets {
        if distinct.len() < MOST_SECRETS && !distinct.iter().any(|known| known.expose() == secret.expose()) {
            distinct.push(secret.clone());
        }
    }
    distinct
}

/// Off the threads that answer requests: a server that reloads goes on answering.
async fn stretched(secrets: Vec<Secret>, salt: Salt) -> Result<Vec<SlotKey>, KeyError> {
    let stretch =
        move || secrets.iter().map(|secret| SlotKey::new(secret.expose().as_bytes(), salt)).collect();
    tokio::task::spawn_blocking(stretch).await.map_err(|_| KeyError::Broken)
}

#[cfg(test)]
mod tests {
    use watchword_core::ports::Retention;
    use watchword_store::Memory;
    use watchword_testkit::random::SeededRandom;

    use super::super::{KeyPlace, KeySource, admit, open, open_existing, survey};
    use super::*;

    fn from(place: KeyPlace, secrets: &[&str]) -> KeySource {
        KeySource { place, secrets: secrets.iter().map(|secret| Secret::from(*secret)).collect() }
    }

    fn secrets(all: &[&str]) -> KeySource {
        from(KeyPlace::Store, all)
    }

    /// A server that has a key of its own.
    fn with_key(secrets: &[&str]) -> KeySource {
        from(KeyPlace::Environment(MasterKeys(vec![Zeroizing::new([1; KEY_BYTES])])), secrets)
    }

    fn own_id() -> String {
        MasterKeys(vec![Zeroizing::new([1; KEY_BYTES])]).ids()[0].to_string()
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
        let own = with_key(&[]);
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
        assert!(matches!(refused, KeyError::NoKeyYet), "{refused}");
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

    #[tokio::test]
    async fn a_server_that_is_given_a_key_seals_under_it_and_still_opens_what_is_under_the_data_key() {
        let store = Memory::new(Retention::default());
        let data_key = key(&store, 1, &["one"]).await.unwrap();
        let random = SeededRandom::new(2);
        for _ in 0..2 {
            let ring = open(&with_key(&["one", "two"]), &store, &random).await.unwrap();
            let ids: Vec<_> = ring.ids().map(|id| id.to_string()).collect();
            assert_eq!(ids, [own_id(), data_key.clone()]);
        }
        assert_eq!(store.keys().await.unwrap().len(), 2);
        assert_eq!(
            store.key_slots().await.unwrap().len(),
            2,
            "the next start may have the second secret only"
        );
        let found = survey(&with_key(&["two"]), &store).await.unwrap();
        assert_eq!(found.data_key.map(|id| id.to_string()), Some(data_key));
        assert_eq!((found.slots.len(), found.unopened.len()), (2, 1), "the first one's slot is told of");

        // Ended, it is there no more, and nothing takes its place.
        store.drop_key_slots(found.slots).await.unwrap();
        let ring = open(&with_key(&["two"]), &store, &random).await.unwrap();
        assert_eq!(ring.ids().map(|id| id.to_string()).collect::<Vec<_>>(), [own_id()]);
        let refused = key(&store, 3, &["two"]).await.unwrap_err();
        assert!(matches!(refused, KeyError::NotSet { .. }), "{refused}");
    }

    #[tokio::test]
    async fn a_server_with_a_key_that_the_store_never_saw_must_open_its_data_key() {
        let store = Memory::new(Retention::default());
        key(&store, 1, &["one"]).await.unwrap();
        let random = SeededRandom::new(2);
        let refused = open(&with_key(&["other"]), &store, &random).await.unwrap_err();
        assert!(matches!(refused, KeyError::NoSlotOpens), "{refused}");
        let refused = open(&with_key(&[]), &store, &random).await.unwrap_err();
        assert!(matches!(refused, KeyError::KeepsDataKey), "{refused}");
        assert_eq!((store.keys().await.unwrap().len(), store.key_slots().await.unwrap().len()), (1, 1));

        // Once it has, it can do without.
        open(&with_key(&["one"]), &store, &random).await.unwrap();
        for secrets in [&["other"][..], &[]] {
            let ring = open(&with_key(secrets), &store, &random).await.unwrap();
            assert_eq!(ring.ids().count(), 1);
        }
        assert_eq!(store.key_slots().await.unwrap().len(), 1, "what it can't open stays as it is");
    }

    #[tokio::test]
    async fn secrets_that_a_server_takes_up_open_the_data_key_at_the_next_start() {
        let store = Memory::new(Retention::default());
        let first = key(&store, 1, &["one"]).await.unwrap();
        let random = SeededRandom::new(2);
        let slots = async || store.key_slots().await.unwrap().len();
        admit(&secrets(&["one"]), &secrets(&["one"]), &store, &random).await.unwrap();
        assert_eq!(slots().await, 1, "none is new");
        admit(&secrets(&["one"]), &secrets(&["two", "three", "two"]), &store, &random).await.unwrap();
        assert_eq!(slots().await, 3);
        assert_eq!(key(&store, 3, &["three"]).await.unwrap(), first);
        assert_eq!(key(&store, 3, &["two"]).await.unwrap(), first);

        let refused = admit(&secrets(&["six"]), &secrets(&["seven"]), &store, &random).await.unwrap_err();
        assert!(matches!(refused, KeyError::NoSlotOpens), "{refused}");
        assert_eq!(slots().await, 3);
        admit(&with_key(&["six"]), &with_key(&["seven"]), &store, &random).await.unwrap();
        assert_eq!(slots().await, 3, "a server with a key of its own does without");

        let empty = Memory::new(Retention::default());
        admit(&with_key(&["one"]), &with_key(&["two"]), &empty, &random).await.unwrap();
        assert_eq!(empty.key_slots().await.unwrap(), [], "there is no data key");
    }

    #[tokio::test]
    async fn a_secret_that_two_names_have_gets_one_slot() {
        let store = Memory::new(Retention::default());
        key(&store, 1, &["one", "one"]).await.unwrap();
        assert_eq!(store.key_slots().await.unwrap().len(), 1);
    }
}
