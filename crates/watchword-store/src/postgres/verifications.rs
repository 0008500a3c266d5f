//! The operations about verifications that stand: what their functions take, and what the answers mean.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use watchword_core::address::{Channel, Target};
use watchword_core::delivery::{Claim, Claimant, Delivery, DeliveryState, NewDelivery};
use watchword_core::keyring::KeyId;
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Sealed;
use watchword_core::ports::{
    Check, CheckOutcome, DeleteOutcome, Enqueue, NewestTarget, Resend, SealedRow, Select, SendOutcome,
    SetAddress, StoreError,
};
use watchword_core::throttle::{ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Verification, Vid};

use super::PostgresStore;
use super::call::Parameter;
use super::errors::told;
use super::values::{
    Claiming, Messages, Read, Record, Selected, Throttling, Unreadable, key_of_id, key_of_target, millis,
    on_right_number, subject, wait,
};

/// The record in an answer; `None` where the function answered `NULL`.
fn maybe(row: &Row) -> Result<Option<Record<'_>>, StoreError> {
    row.try_get(0).map_err(|error| StoreError::outcome_unknown(told(error)))
}

pub(super) fn record(row: &Row) -> Result<Record<'_>, StoreError> {
    Ok(maybe(row)?.ok_or(Unreadable("a record"))?)
}

fn maybe_verification(row: &Row) -> Result<Option<Arc<Verification>>, StoreError> {
    Ok(maybe(row)?.map(|mut record| record.verification()).transpose()?)
}

impl PostgresStore {
    pub(super) async fn send_again(&self, resend: Resend) -> Result<SendOutcome, StoreError> {
        let selected = Selected::of(&resend.namespace, &resend.selector);
        let (now, is_vid, cool_down) = (resend.now.as_millis(), selected.is_vid(), millis(resend.cool_down));
        let throttling = Throttling::of(resend.throttle.as_ref());
        let claiming = Claiming::of(resend.claimant.as_ref());
        let messages: Messages<'_> = resend.deliveries.iter().collect();
        let namespace = resend.namespace.as_str();
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&namespace, Type::TEXT),
            (&now, Type::INT8),
            (&selected.key, Type::UUID),
            (&is_vid, Type::BOOL),
            (resend.expected.as_uuid(), Type::UUID),
            (&cool_down, Type::INT8),
        ];
        parameters.extend(throttling.parameters());
        parameters.extend(claiming.parameters());
        parameters.extend(messages.parameters());
        let row = self.call("watchword_resend_v1", &parameters).await?;
        Ok(send_outcome(record(&row)?, &resend.deliveries, resend.claimant.as_ref(), resend.now)?)
    }

    pub(super) async fn give_address(&self, set: SetAddress) -> Result<SendOutcome, StoreError> {
        let (name_key, now) = (key_of_id(&set.namespace, &set.external_id), set.now.as_millis());
        let (channel, address) = (set.target.channel.as_str(), set.target.address.given());
        let guess_subject = subject(set.guess_subject);
        let throttling = Throttling::of(set.throttle.as_ref());
        let claiming = Claiming::of(set.claimant.as_ref());
        let messages: Messages<'_> = set.deliveries.iter().collect();
        let namespace = set.namespace.as_str();
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&namespace, Type::TEXT),
            (&now, Type::INT8),
            (&name_key, Type::UUID),
            (set.expected.as_uuid(), Type::UUID),
            (&channel, Type::TEXT),
            (&address, Type::TEXT),
            (&guess_subject, Type::UUID),
        ];
        parameters.extend(throttling.parameters());
        parameters.extend(claiming.parameters());
        parameters.extend(messages.parameters());
        let row = self.call("watchword_set_address_v1", &parameters).await?;
        Ok(send_outcome(record(&row)?, &set.deliveries, set.claimant.as_ref(), set.now)?)
    }

    pub(super) async fn add_messages(&self, enqueue: Enqueue) -> Result<SendOutcome, StoreError> {
        let (namespace, now) = (enqueue.namespace.as_str(), enqueue.now.as_millis());
        let claiming = Claiming::of(enqueue.claimant.as_ref());
        let messages: Messages<'_> = enqueue.deliveries.iter().collect();
        let mut parameters: Vec<Parameter<'_>> =
            vec![(&namespace, Type::TEXT), (&now, Type::INT8), (enqueue.vid.as_uuid(), Type::UUID)];
        parameters.extend(claiming.parameters());
        parameters.extend(messages.parameters());
        let row = self.call("watchword_enqueue_v1", &parameters).await?;
        Ok(send_outcome(record(&row)?, &enqueue.deliveries, enqueue.claimant.as_ref(), enqueue.now)?)
    }

    pub(super) async fn check_guess(&self, check: Check) -> Result<CheckOutcome, StoreError> {
        let (mut keys, mut kinds) = (Vec::new(), Vec::new());
        let (mut digest_of, mut digest_keys, mut digests) = (Vec::new(), Vec::new(), Vec::new());
        for (guess, number) in check.guesses.iter().zip(1_i32..) {
            let selected = Selected::of(&check.namespace, &guess.selector);
            keys.push(selected.key);
            kinds.push(selected.kind);
            for keyed in &guess.digests {
                digest_of.push(number);
                digest_keys.push(&keyed.key.as_bytes()[..]);
                digests.push(&keyed.digest.as_bytes()[..]);
            }
        }
        let rule = &check.guess_rule;
        let row = self
            .call(
                "watchword_check_v1",
                &[
                    (&check.namespace.as_str(), Type::TEXT),
                    (&check.now.as_millis(), Type::INT8),
                    (&keys, Type::UUID_ARRAY),
                    (&kinds, Type::INT2_ARRAY),
                    (&digest_of, Type::INT4_ARRAY),
                    (&digest_keys, Type::BYTEA_ARRAY),
                    (&digests, Type::BYTEA_ARRAY),
                    (&check.on_right.map(on_right_number), Type::INT2),
                    (&check.approved_again, Type::BOOL),
                    (&i64::from(rule.burst), Type::INT8),
                    (&millis(rule.max_wait), Type::INT8),
                    (&i64::from(rule.budget), Type::INT8),
                    (&millis(rule.budget_wait), Type::INT8),
                    (&self.keeps_records(), Type::BOOL),
                ],
            )
            .await?;
        let mut answer = record(&row)?;
        Ok(match answer.text()? {
            "approved" => CheckOutcome::Approved(answer.verification()?),
            "wrong" => CheckOutcome::Wrong(answer.verification()?),
            "locked" => CheckOutcome::Locked(answer.verification()?),
            "refused" => {
                CheckOutcome::Refused { verification: answer.verification()?, until: answer.time()? }
            }
            "used" => CheckOutcome::Used(answer.verification()?),
            "unknown_key" => CheckOutcome::UnknownKey(KeyId::from_bytes(answer.exactly()?)),
            "gone" => CheckOutcome::Gone,
            _ => return Err(Unreadable("the outcome of a check").into()),
        })
    }

    pub(super) async fn look_at(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        let selected = Selected::of(&select.namespace, &select.selector);
        let parameters: [Parameter<'_>; 4] = [
            (&select.namespace.as_str(), Type::TEXT),
            (&select.now.as_millis(), Type::INT8),
            (&selected.key, Type::UUID),
            (&selected.is_vid(), Type::BOOL),
        ];
        maybe_verification(&self.call("watchword_get_v1", &parameters).await?)
    }

    pub(super) async fn look_for(
        &self,
        vid: Vid,
        now: Timestamp,
    ) -> Result<Option<Arc<Verification>>, StoreError> {
        let parameters: [Parameter<'_>; 2] = [(&now.as_millis(), Type::INT8), (vid.as_uuid(), Type::UUID)];
        maybe_verification(&self.call("watchword_find_v1", &parameters).await?)
    }

    pub(super) async fn give_up(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        let selected = Selected::of(&select.namespace, &select.selector);
        let parameters: [Parameter<'_>; 5] = [
            (&select.namespace.as_str(), Type::TEXT),
            (&select.now.as_millis(), Type::INT8),
            (&selected.key, Type::UUID),
            (&selected.kind, Type::INT2),
            (&self.keeps_records(), Type::BOOL),
        ];
        maybe_verification(&self.call_always("watchword_cancel_v1", &parameters).await?)
    }

    pub(super) async fn delete_approved(&self, select: Select) -> Result<DeleteOutcome, StoreError> {
        let selected = Selected::of(&select.namespace, &select.selector);
        let parameters: [Parameter<'_>; 5] = [
            (&select.namespace.as_str(), Type::TEXT),
            (&select.now.as_millis(), Type::INT8),
            (&selected.key, Type::UUID),
            (&selected.is_vid(), Type::BOOL),
            (&self.keeps_records(), Type::BOOL),
        ];
        let row = self.call("watchword_delete_if_approved_v1", &parameters).await?;
        let mut answer = record(&row)?;
        Ok(match answer.text()? {
            "deleted" => DeleteOutcome::Deleted(answer.verification()?),
            "not_approved" => DeleteOutcome::NotApproved(answer.verification()?),
            "gone" => DeleteOutcome::Gone,
            _ => return Err(Unreadable("the outcome of a deletion").into()),
        })
    }

    pub(super) async fn target_of_passcode(
        &self,
        look_up: NewestTarget,
    ) -> Result<Option<Target>, StoreError> {
        let digests: Vec<&[u8]> = look_up.digests.iter().map(|digest| &digest.as_bytes()[..]).collect();
        let parameters: [Parameter<'_>; 7] = [
            (&look_up.namespace.as_str(), Type::TEXT),
            (&look_up.now.as_millis(), Type::INT8),
            (&look_up.channel.as_str(), Type::TEXT),
            (&digests, Type::BYTEA_ARRAY),
            (&subject(look_up.subject), Type::UUID),
            (&i64::from(look_up.lookup_rule.burst), Type::INT8),
            (&millis(look_up.lookup_rule.wait), Type::INT8),
        ];
        let row = self.call("watchword_newest_target_v1", &parameters).await?;
        match maybe(&row)? {
            None => Ok(None),
            Some(mut answer) => Ok(answer.target()?),
        }
    }

    pub(super) async fn passcode_of_targets(
        &self,
        namespace: &Namespace,
        now: Timestamp,
        targets: &[Target],
    ) -> Result<Option<SealedRow>, StoreError> {
        let keys: Vec<Uuid> = targets.iter().map(|target| key_of_target(namespace, target)).collect();
        let parameters: [Parameter<'_>; 2] = [(&now.as_millis(), Type::INT8), (&keys, Type::UUID_ARRAY)];
        let row = self.call("watchword_newest_passcode_v1", &parameters).await?;
        let Some(mut answer) = maybe(&row)? else { return Ok(None) };
        let vid = Vid::from_uuid(answer.uuid()?);
        Ok(Some(SealedRow { vid, sealed: Sealed::from_bytes(answer.bytes()?.to_vec()) }))
    }

    pub(super) async fn replace_rules(
        &self,
        namespace: &Namespace,
        channel: &Channel,
        by_ip: Option<Vec<ThrottleRule>>,
        by_target: Option<Vec<ThrottleRule>>,
    ) -> Result<(), StoreError> {
        let ((ip_rates, ip_windows), (target_rates, target_windows)) = (unzip(by_ip), unzip(by_target));
        let parameters: [Parameter<'_>; 6] = [
            (&namespace.as_str(), Type::TEXT),
            (&channel.as_str(), Type::TEXT),
            (&ip_rates, Type::INT8_ARRAY),
            (&ip_windows, Type::INT8_ARRAY),
            (&target_rates, Type::INT8_ARRAY),
            (&target_windows, Type::INT8_ARRAY),
        ];
        self.call("watchword_put_rules_v1", &parameters).await.map(drop)
    }

    pub(super) async fn rules_of(
        &self,
        namespace: &Namespace,
        channel: &Channel,
    ) -> Result<ThrottleRules, StoreError> {
        let parameters: [Parameter<'_>; 2] =
            [(&namespace.as_str(), Type::TEXT), (&channel.as_str(), Type::TEXT)];
        let row = self.call("watchword_get_rules_v1", &parameters).await?;
        let Some(mut answer) = maybe(&row)? else { return Ok(ThrottleRules::default()) };
        Ok(ThrottleRules { by_ip: rules(&mut answer)?, by_target: rules(&mut answer)? })
    }
}

/// Those of the messages just entered that the claimant holds. The server stored them as [`Delivery::enter`] says.
pub(super) fn claims(
    messages: impl IntoIterator<Item = NewDelivery>,
    of: &Arc<Verification>,
    claimant: Option<&Claimant>,
    now: Timestamp,
) -> Vec<Claim> {
    let entered = messages.into_iter().map(|message| Delivery::enter(message, of, claimant, now));
    let claimed = entered.filter(|delivery| delivery.state == DeliveryState::Claimed);
    claimed.map(|delivery| Claim { delivery, verification: Arc::clone(of) }).collect()
}

fn send_outcome(
    mut answer: Record<'_>,
    messages: &[NewDelivery],
    claimant: Option<&Claimant>,
    now: Timestamp,
) -> Read<SendOutcome> {
    Ok(match answer.text()? {
        "sent" => {
            let verification = answer.verification()?;
            let claims = claims(messages.iter().cloned(), &verification, claimant, now);
            SendOutcome::Sent { verification, claims }
        }
        "locked" => SendOutcome::Locked(answer.verification()?),
        "address_set" => SendOutcome::AddressSet(answer.verification()?),
        "too_soon" => SendOutcome::TooSoon { at: answer.time()? },
        "throttled" => SendOutcome::Throttled(answer.throttled()?),
        "subject_missing" => SendOutcome::SubjectMissing(answer.throttle_kind()?),
        "changed" => SendOutcome::Changed,
        "gone" => SendOutcome::Gone,
        _ => return Err(Unreadable("the outcome of a send")),
    })
}

/// The most messages of each rule, and in how long; `None` stays `NULL`.
fn unzip(rules: Option<Vec<ThrottleRule>>) -> (Option<Vec<i64>>, Option<Vec<i64>>) {
    rules.map(|rules| rules.iter().map(|rule| (i64::from(rule.rate), millis(rule.window))).unzip()).unzip()
}

fn rules(answer: &mut Record<'_>) -> Read<Vec<ThrottleRule>> {
    let (rates, windows) = (answer.longs()?, answer.longs()?);
    let rules = rates.into_iter().zip(windows).map(|(rate, window)| {
        let rate = u32::try_from(rate).map_err(|_| Unreadable("a rate"))?;
        Ok(ThrottleRule { rate, window: wait(window)? })
    });
    rules.collect()
}
