//! The operations about deliveries: what their scripts take, and what the answers mean.

use ::redis::Value;
use watchword_core::delivery::DeliveryAttempt;
use watchword_core::delivery::{Claim, Delivery, DeliveryState, Verdict};
use watchword_core::namespace::Namespace;
use watchword_core::ports::{Claimed, DeliveryQuery, Extend, Fenced, HastenOutcome, Receipt, Settlement};
use watchword_core::time::Timestamp;

use super::call::Call;
use super::records::{attempt_text, delivery, delivery_state_number, verification};
use super::reply::{Reply, integer};
use super::unreadable::{Read, Unreadable};

pub(super) fn claimed(answer: Value) -> Read<Claimed> {
    let mut reply = Reply::of(answer)?;
    let claims = reply.list(|claim| {
        let mut claim = Reply::of(claim)?;
        Ok(Claim { delivery: delivery(claim.value()?)?, verification: verification(claim.value()?)? })
    })?;
    Ok(Claimed { claims, next_due: reply.optional_time()? })
}

pub(super) fn give_extend(call: &mut Call, extend: &Extend) {
    call.text(extend.namespace.as_str()).uuid(extend.id.as_uuid());
    call.number(fence(extend.fence)).time(extend.lease_until);
}

pub(super) fn fenced(answer: &Value) -> Read<Fenced> {
    match integer(answer)? {
        0 => Ok(Fenced::Stale),
        1 => Ok(Fenced::Done),
        _ => Err(Unreadable("whether a claim held")),
    }
}

pub(super) fn give_settlement(call: &mut Call, settlement: &Settlement) {
    let (verdict, at) = match settlement.verdict {
        Verdict::Ended(ended) => (DeliveryState::from(ended), Timestamp::default()),
        // What is to be tried again is due again.
        Verdict::Retry { at } => (DeliveryState::Due, at),
    };
    call.text(settlement.namespace.as_str()).uuid(settlement.id.as_uuid());
    call.number(fence(settlement.fence)).number(delivery_state_number(verdict)).time(at);
    call.list(settlement.attempts.iter(), |call, attempt| {
        call.text(&attempt_text(attempt)).text(&attempt.provider);
        call.optional_text(attempt.message_id.as_deref());
    });
}

/// Fences count up from 1: none ever gets so far.
fn fence(fence: u64) -> i64 {
    i64::try_from(fence).unwrap_or(i64::MAX)
}

pub(super) fn give_receipt(call: &mut Call, receipt: Receipt) {
    call.text(receipt.provider.as_str()).text(&receipt.message_id);
    call.text(&attempt_text(&DeliveryAttempt {
        provider: receipt.provider.as_str().into(),
        at: receipt.now,
        outcome: receipt.status.into(),
        message_id: Some(receipt.message_id),
        detail: None,
    }));
}

pub(super) fn give_query(call: &mut Call, query: &DeliveryQuery) {
    call.optional_text(query.namespace.as_ref().map(Namespace::as_str));
    call.optional_number(query.state.map(delivery_state_number));
    call.optional_text(query.from.map(|id| id.as_uuid().simple().to_string()).as_deref());
    call.optional_text(query.before.map(|id| id.as_uuid().simple().to_string()).as_deref());
    call.count(query.max);
}

pub(super) fn deliveries(answers: Vec<Value>, max: usize) -> Read<Vec<Delivery>> {
    let mut found = Vec::new();
    for answer in answers {
        found.extend(Reply::of(answer)?.rest(delivery)?);
    }
    found.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
    found.truncate(max);
    Ok(found)
}

pub(super) fn hasten_outcome(answer: Value) -> Read<HastenOutcome> {
    let mut reply = Reply::of(answer)?;
    Ok(match reply.text()?.as_str() {
        "hastened" => HastenOutcome::Hastened,
        "claimed" => HastenOutcome::Claimed,
        "ended" => {
            HastenOutcome::Ended(reply.delivery_state()?.ended().ok_or(Unreadable("how a delivery ended"))?)
        }
        "gone" => HastenOutcome::Gone,
        _ => return Err(Unreadable("the outcome of hastening")),
    })
}
