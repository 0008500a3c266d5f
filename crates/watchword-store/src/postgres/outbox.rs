//! The operations about the outbox: what their functions take, and what the answers mean.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use watchword_core::delivery::{Claim, Delivery, DeliveryAttempt, DeliveryId, DeliveryState, Verdict};
use watchword_core::namespace::Namespace;
use watchword_core::ports::{
    ClaimDue, Claimed, DeliveryQuery, Extend, Fenced, Hasten, HastenOutcome, Receipt, Settlement, StoreError,
};
use watchword_core::time::Timestamp;
use watchword_core::verification::Verification;

use super::PostgresStore;
use super::records::{
    attempt_text, column, delivery, delivery_state, delivery_state_number, message_key, only,
};
use super::values::Record;

impl PostgresStore {
    pub(super) async fn claim_due(&self, claim: ClaimDue) -> Result<Claimed, StoreError> {
        let ClaimDue { now, claimant, max, .. } = claim;
        let (now, lease_until, keeps_records) =
            (now.as_millis(), claimant.lease_until.as_millis(), self.keeps_records());
        let (node, max) = (claimant.node.as_str(), most(max));
        let rows = self
            .rows_always(
                "watchword_claim_v1",
                &[
                    (&now, Type::INT8),
                    (&node, Type::TEXT),
                    (&lease_until, Type::INT8),
                    (&max, Type::INT8),
                    (&keeps_records, Type::BOOL),
                ],
            )
            .await?;
        let mut claimed = Claimed::default();
        for row in &rows {
            if column::<Option<Uuid>>(row, "d_id")?.is_some() {
                claimed.claims.push(Claim { delivery: delivery(row)?, verification: verification(row)? });
            } else {
                claimed.next_due = column::<Option<i64>>(row, "next_due")?.map(Timestamp::from_millis);
            }
        }
        Ok(claimed)
    }

    pub(super) async fn extend_lease(&self, extend: Extend) -> Result<Fenced, StoreError> {
        let Extend { namespace, id, fence, lease_until, .. } = extend;
        let lease_until = lease_until.as_millis();
        let row = self
            .call_always(
                "watchword_extend_v1",
                &[
                    (&namespace.as_str(), Type::TEXT),
                    (id.as_uuid(), Type::UUID),
                    (&fence.cast_signed(), Type::INT8),
                    (&lease_until, Type::INT8),
                ],
            )
            .await?;
        only(&row).map(fenced)
    }

    pub(super) async fn settle_all(
        &self,
        now: Timestamp,
        settlements: Vec<Settlement>,
    ) -> Result<Vec<Fenced>, StoreError> {
        let keeps_records = self.keeps_records();
        let of = &settlements;
        let namespaces: Vec<&str> = of.iter().map(|one| one.namespace.as_str()).collect();
        let ids: Vec<Uuid> = of.iter().map(|one| *one.id.as_uuid()).collect();
        let fences: Vec<i64> = of.iter().map(|one| one.fence.cast_signed()).collect();
        let (verdicts, retry_at): (Vec<i16>, Vec<i64>) = of.iter().map(|one| verdict(one.verdict)).unzip();
        let tried: Vec<i64> = of.iter().map(|one| most(one.attempts.len())).collect();
        let told: Vec<String> = of.iter().flat_map(|one| &one.attempts).map(attempt_text).collect();
        let message_keys: Vec<Option<Uuid>> = of.iter().map(|one| newest_message(&one.attempts)).collect();
        let row = self
            .call_always(
                "watchword_settle_v1",
                &[
                    (&now.as_millis(), Type::INT8),
                    (&namespaces, Type::TEXT_ARRAY),
                    (&ids, Type::UUID_ARRAY),
                    (&fences, Type::INT8_ARRAY),
                    (&verdicts, Type::INT2_ARRAY),
                    (&retry_at, Type::INT8_ARRAY),
                    (&tried, Type::INT8_ARRAY),
                    (&told, Type::TEXT_ARRAY),
                    (&message_keys, Type::UUID_ARRAY),
                    (&keeps_records, Type::BOOL),
                ],
            )
            .await?;
        Ok(only::<Vec<bool>>(&row)?.into_iter().map(fenced).collect())
    }

    pub(super) async fn add_receipt(&self, receipt: Receipt) -> Result<bool, StoreError> {
        let key = message_key(receipt.provider.as_str(), &receipt.message_id);
        let told = attempt_text(&DeliveryAttempt {
            provider: receipt.provider.as_str().into(),
            at: receipt.now,
            outcome: receipt.status.into(),
            message_id: Some(receipt.message_id),
            detail: None,
        });
        let row = self.call("watchword_receipt_v1", &[(&key, Type::UUID), (&told, Type::TEXT)]).await?;
        only(&row)
    }

    pub(super) async fn find_deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        let DeliveryQuery { namespace, state, from, before, max } = query;
        let (from, before) = (from.map(|id| *id.as_uuid()), before.map(|id| *id.as_uuid()));
        let rows = self
            .rows(
                "watchword_deliveries_v1",
                &[
                    (&namespace.as_ref().map(Namespace::as_str), Type::TEXT),
                    (&state.map(delivery_state_number), Type::INT2),
                    (&from, Type::UUID),
                    (&before, Type::UUID),
                    (&most(max), Type::INT8),
                ],
            )
            .await?;
        rows.iter().map(delivery).collect()
    }

    pub(super) async fn find_delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let rows = self.rows("watchword_delivery_v1", &[(id.as_uuid(), Type::UUID)]).await?;
        rows.first().map(delivery).transpose()
    }

    pub(super) async fn make_due(&self, hasten: Hasten) -> Result<HastenOutcome, StoreError> {
        let row = self
            .call(
                "watchword_hasten_v1",
                &[
                    (&hasten.now.as_millis(), Type::INT8),
                    (&hasten.namespace.as_str(), Type::TEXT),
                    (hasten.id.as_uuid(), Type::UUID),
                    (&self.keeps_records(), Type::BOOL),
                ],
            )
            .await?;
        let Some(number) = only::<Option<i16>>(&row)? else { return Ok(HastenOutcome::Gone) };
        let state = delivery_state(number)?;
        Ok(match state.ended() {
            Some(ended) => HastenOutcome::Ended(ended),
            None if state == DeliveryState::Claimed => HastenOutcome::Claimed,
            None => HastenOutcome::Hastened,
        })
    }
}

fn verification(row: &Row) -> Result<Arc<Verification>, StoreError> {
    Ok(column::<Record<'_>>(row, "verification")?.verification_row()?)
}

const fn fenced(is_done: bool) -> Fenced {
    if is_done { Fenced::Done } else { Fenced::Stale }
}

/// Numbers that mean "all" are larger than the server's.
pub(super) fn most(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

/// The state that it comes to, and until when it waits there.
fn verdict(verdict: Verdict) -> (i16, i64) {
    match verdict {
        Verdict::Retry { at } => (delivery_state_number(DeliveryState::Due), at.as_millis()),
        Verdict::Ended(ended) => (delivery_state_number(ended.into()), 0),
    }
}

fn newest_message(attempts: &[DeliveryAttempt]) -> Option<Uuid> {
    let named =
        |attempt: &DeliveryAttempt| Some(message_key(&attempt.provider, attempt.message_id.as_deref()?));
    attempts.iter().rev().find_map(named)
}
