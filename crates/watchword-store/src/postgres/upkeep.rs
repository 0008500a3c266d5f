//! The purge, numbers for metrics, keys: what their functions take, and what the answers mean.

use tokio_postgres::types::Type;
use uuid::Uuid;
use watchword_core::key_slot::KeySlot;
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::Namespace;
use watchword_core::ports::{KeyUse, Purged, StoreError, StoreStats};
use watchword_core::time::Timestamp;

use super::PostgresStore;
use super::outbox::most;
use super::records::{column, only};

impl PostgresStore {
    pub(super) async fn forget_guesses(
        &self,
        namespace: Namespace,
        subjects: Vec<SubjectKey>,
    ) -> Result<bool, StoreError> {
        let subjects: Vec<Uuid> = subjects.iter().map(|key| Uuid::from_bytes(*key.as_bytes())).collect();
        let parameters = [(&namespace.as_str() as _, Type::TEXT), (&subjects as _, Type::UUID_ARRAY)];
        only(&self.call("watchword_unlock_v1", &parameters).await?)
    }

    pub(super) async fn remove_garbage(&self, now: Timestamp, max: usize) -> Result<Purged, StoreError> {
        let records_before = now.before(self.records_kept).as_millis();
        let parameters = [
            (&now.as_millis() as _, Type::INT8),
            (&records_before as _, Type::INT8),
            (&most(max) as _, Type::INT8),
        ];
        let row = self.call_always("watchword_purge_v1", &parameters).await?;
        let rows = count(only(&row)?);
        Ok(Purged { rows, more: rows == max })
    }

    pub(super) async fn count_rows(&self) -> Result<StoreStats, StoreError> {
        let rows = self.rows("watchword_stats_v1", &[]).await?;
        let row = rows.first().ok_or_else(|| StoreError::unavailable("no row of numbers"))?;
        Ok(StoreStats {
            verifications: column::<i64>(row, "verifications")?.cast_unsigned(),
            outbox: column::<i64>(row, "outbox")?.cast_unsigned(),
            oldest_due: column::<Option<i64>>(row, "oldest_due")?.map(Timestamp::from_millis),
        })
    }

    pub(super) async fn registered_keys(&self) -> Result<Vec<KeyId>, StoreError> {
        let rows = self.rows("watchword_keys_v1", &[]).await?;
        rows.iter().map(|row| key_id(only(row)?)).collect()
    }

    pub(super) async fn add_keys(&self, keys: Vec<KeyId>) -> Result<(), StoreError> {
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key.as_bytes()[..]).collect();
        self.call("watchword_register_keys_v1", &[(&keys, Type::BYTEA_ARRAY)]).await.map(drop)
    }

    pub(super) async fn uses_of_keys(&self, now: Timestamp) -> Result<Vec<KeyUse>, StoreError> {
        let rows = self.rows("watchword_key_uses_v1", &[(&now.as_millis(), Type::INT8)]).await?;
        let read = |row| {
            Ok(KeyUse {
                key: key_id(column(row, "key")?)?,
                verifications: column::<i64>(row, "verifications")?.cast_unsigned(),
                messages: column::<i64>(row, "messages")?.cast_unsigned(),
                until: Timestamp::from_millis(column(row, "until")?),
            })
        };
        rows.iter().map(read).collect()
    }

    pub(super) async fn kept_key_slots(&self) -> Result<Vec<KeySlot>, StoreError> {
        let rows = self.rows("watchword_key_slots_v1", &[]).await?;
        rows.iter().map(|row| KeySlot::from_bytes(only(row)?).map_err(StoreError::unavailable)).collect()
    }

    pub(super) async fn put_key_slots(&self, slots: Vec<KeySlot>, first: bool) -> Result<bool, StoreError> {
        let slots: Vec<&[u8]> = slots.iter().map(|slot| slot.as_bytes()).collect();
        let parameters = [(&slots as _, Type::BYTEA_ARRAY), (&first as _, Type::BOOL)];
        only(&self.call("watchword_add_key_slots_v1", &parameters).await?)
    }

    pub(super) async fn remove_key_slots(&self, slots: Vec<KeySlot>) -> Result<(), StoreError> {
        let slots: Vec<&[u8]> = slots.iter().map(|slot| slot.as_bytes()).collect();
        self.call("watchword_drop_key_slots_v1", &[(&slots, Type::BYTEA_ARRAY)]).await.map(drop)
    }

    pub(super) async fn takes_writes(&self) -> Result<(), StoreError> {
        let row = self.call_always("watchword_ready_v1", &[]).await?;
        if only(&row)? { Ok(()) } else { Err(StoreError::unavailable("the server takes no writes")) }
    }

    pub(super) async fn time_of_server(&self) -> Result<Timestamp, StoreError> {
        let row = self.call_always("watchword_time_v1", &[]).await?;
        only(&row).map(Timestamp::from_millis)
    }
}

fn key_id(bytes: &[u8]) -> Result<KeyId, StoreError> {
    let bytes = bytes.try_into().map_err(|_| StoreError::unavailable("a row holds no key's id"))?;
    Ok(KeyId::from_bytes(bytes))
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}
