//! The operations, each one call: what is given to its script, and how the answer is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::redis::Value;
use async_trait::async_trait;
use futures::future::try_join_all;
use watchword_core::address::{Channel, Target};
use watchword_core::delivery::{Delivery, DeliveryId};
use watchword_core::key_slot::KeySlot;
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::{Namespace, Partition};
use watchword_core::ports::{
    Check, CheckOutcome, ClaimDue, Claimed, DeleteOutcome, DeliveryQuery, Enqueue, Extend, Fenced, Hasten,
    HastenOutcome, KeyUse, NewestTarget, Purged, Receipt, Resend, SealedRow, Select, SendOutcome, SetAddress,
    Settlement, Start, StartOutcome, Store, StoreError, StoreStats,
};
use watchword_core::throttle::{ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Verification, Vid};

use super::call::Call;
use super::outlook::View;
use super::reply::{self, Reply};
use super::unreadable::{Read, Unreadable};
use super::{RedisStore, outbox, outlook, records, script, verifications};

/// What belongs to no namespace is in the first partition.
const FIRST: Partition = Partition::new(0);

/// How many verifications and messages one script looks at when all are asked for: others wait behind it.
const PAGE: usize = 500;

#[async_trait]
impl Store for RedisStore {
    async fn start(&self, start: Start) -> Result<StartOutcome, StoreError> {
        let give = |call: &mut Call| verifications::give_start(call, &start);
        let answer = self.run(&script::START, start.namespace.partition(), start.now, give, Ok).await?;
        Ok(verifications::start_outcome(answer, start)?)
    }

    async fn resend(&self, resend: Resend) -> Result<SendOutcome, StoreError> {
        let announcer = self.announcer.as_ref();
        let give = |call: &mut Call| {
            verifications::give_resend(call, &resend);
            if let Some(announcer) = announcer {
                announcer.give_to_resend(call);
            }
        };
        let read = |answer| {
            if let Some(announcer) = announcer {
                announcer.look_at(&answer);
            }
            verifications::send_outcome(answer)
        };
        self.run(&script::RESEND, resend.namespace.partition(), resend.now, give, read).await
    }

    async fn set_address(&self, set: SetAddress) -> Result<SendOutcome, StoreError> {
        let give = |call: &mut Call| verifications::give_set_address(call, &set);
        self.run(&script::SET_ADDRESS, set.namespace.partition(), set.now, give, verifications::send_outcome)
            .await
    }

    async fn enqueue(&self, enqueue: Enqueue) -> Result<SendOutcome, StoreError> {
        let partition = enqueue.namespace.partition();
        let give = |call: &mut Call| verifications::give_enqueue(call, &enqueue);
        self.run(&script::ENQUEUE, partition, enqueue.now, give, verifications::send_outcome).await
    }

    async fn check(&self, check: Check) -> Result<CheckOutcome, StoreError> {
        let announcer = self.announcer.as_ref();
        let give = |call: &mut Call| {
            verifications::give_check(call, &check);
            if let Some(announcer) = announcer {
                announcer.give_to_check(call);
            }
        };
        let read = |answer| {
            if let Some(announcer) = announcer {
                announcer.look_at(&answer);
            }
            verifications::check_outcome(answer)
        };
        self.run(&script::CHECK, check.namespace.partition(), check.now, give, read).await
    }

    async fn get(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        let give = |call: &mut Call| give_select(call, &select);
        let partition = select.namespace.partition();
        self.run(&script::GET, partition, select.now, give, verifications::maybe_verification).await
    }

    async fn find(&self, vid: Vid, now: Timestamp) -> Result<Option<Arc<Verification>>, StoreError> {
        let give = |call: &mut Call| {
            call.uuid(vid.as_uuid());
        };
        self.run(&script::FIND, vid.partition(), now, give, verifications::maybe_verification).await
    }

    async fn cancel(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        let give = |call: &mut Call| give_select(call, &select);
        let partition = select.namespace.partition();
        self.run_always(&script::CANCEL, partition, select.now, give, verifications::maybe_verification).await
    }

    async fn delete_if_approved(&self, select: Select) -> Result<DeleteOutcome, StoreError> {
        let give = |call: &mut Call| give_select(call, &select);
        let partition = select.namespace.partition();
        self.run(&script::DELETE_IF_APPROVED, partition, select.now, give, verifications::delete_outcome)
            .await
    }

    async fn newest_target(&self, look_up: NewestTarget) -> Result<Option<Target>, StoreError> {
        let give = |call: &mut Call| verifications::give_look_up(call, &look_up);
        let partition = look_up.namespace.partition();
        self.run(&script::NEWEST_TARGET, partition, look_up.now, give, verifications::maybe_target).await
    }

    async fn newest_passcode(
        &self,
        namespace: Namespace,
        now: Timestamp,
        targets: Vec<Target>,
    ) -> Result<Option<SealedRow>, StoreError> {
        let give = |call: &mut Call| {
            call.text(namespace.as_str());
            call.list(targets.iter(), |call, target| {
                call.text("t").text(target.channel.as_str()).text(target.address.given());
            });
        };
        let partition = namespace.partition();
        self.run(&script::NEWEST_PASSCODE, partition, now, give, verifications::maybe_sealed).await
    }

    async fn put_rules(
        &self,
        namespace: Namespace,
        channel: Channel,
        by_ip: Option<Vec<ThrottleRule>>,
        by_target: Option<Vec<ThrottleRule>>,
    ) -> Result<(), StoreError> {
        let json = |rules: &Option<Vec<ThrottleRule>>| {
            rules.as_ref().map(serde_json::to_string).transpose().map_err(StoreError::unavailable)
        };
        let (by_ip, by_target) = (json(&by_ip)?, json(&by_target)?);
        let give = |call: &mut Call| {
            call.text(namespace.as_str()).text(channel.as_str());
            call.optional_text(by_ip.as_deref()).optional_text(by_target.as_deref());
        };
        self.run(&script::PUT_RULES, namespace.partition(), Timestamp::default(), give, |_| Ok(())).await
    }

    async fn get_rules(&self, namespace: Namespace, channel: Channel) -> Result<ThrottleRules, StoreError> {
        let give = |call: &mut Call| {
            call.text(namespace.as_str()).text(channel.as_str());
        };
        let read = |answer| {
            let mut reply = Reply::of(answer)?;
            let mut rules = || match reply.optional_bytes()? {
                None => Ok(Vec::new()),
                Some(text) => serde_json::from_slice(&text).map_err(|_| Unreadable("rules")),
            };
            Ok(ThrottleRules { by_ip: rules()?, by_target: rules()? })
        };
        self.run(&script::GET_RULES, namespace.partition(), Timestamp::default(), give, read).await
    }

    async fn claim(&self, claim: ClaimDue) -> Result<Claimed, StoreError> {
        if let View::NextDue(next_due) = self.view(claim.partition, claim.now).await?
            && next_due.is_none_or(|at| claim.now < at)
        {
            return Ok(Claimed { claims: Vec::new(), next_due });
        }
        let give = |call: &mut Call| {
            call.claimant(Some(&claim.claimant)).count(claim.max.min(i32::MAX as usize));
        };
        self.run_always(&script::CLAIM, claim.partition, claim.now, give, outbox::claimed).await
    }

    async fn extend(&self, extend: Extend) -> Result<Fenced, StoreError> {
        let give = |call: &mut Call| outbox::give_extend(call, &extend);
        let partition = extend.namespace.partition();
        self.run_always(&script::EXTEND, partition, extend.now, give, |answer| outbox::fenced(&answer)).await
    }

    /// One script for each partition that they are of.
    async fn settle(&self, now: Timestamp, settlements: Vec<Settlement>) -> Result<Vec<Fenced>, StoreError> {
        let mut by_partition: BTreeMap<Partition, Vec<usize>> = BTreeMap::new();
        for (place, settlement) in settlements.iter().enumerate() {
            by_partition.entry(settlement.namespace.partition()).or_default().push(place);
        }
        let mut answers = vec![Fenced::Stale; settlements.len()];
        let settling = by_partition.iter().map(|(partition, places)| {
            let give = |call: &mut Call| {
                call.list(places.iter(), |call, place| outbox::give_settlement(call, &settlements[*place]));
            };
            let read = |answer| Reply::of(answer)?.rest(|answer| outbox::fenced(&answer));
            self.run_always(&script::SETTLE, *partition, now, give, read)
        });
        for (places, settled) in by_partition.values().zip(try_join_all(settling).await?) {
            for (place, fenced) in places.iter().zip(settled) {
                answers[*place] = fenced;
            }
        }
        Ok(answers)
    }

    async fn receipt(&self, receipt: Receipt) -> Result<bool, StoreError> {
        if self.records_kept.is_zero() {
            return Ok(false);
        }
        let now = receipt.now;
        let give = |call: &mut Call| outbox::give_receipt(call, receipt.clone());
        let answers = self.everywhere(&script::RECEIPT, now, give).await?;
        Ok(answers.iter().any(|answer| *answer == Value::Int(1)))
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        let give = |call: &mut Call| outbox::give_query(call, &query);
        let answers = match &query.namespace {
            None => self.everywhere(&script::DELIVERIES, Timestamp::default(), give).await?,
            Some(namespace) => {
                let partition = namespace.partition();
                vec![self.run(&script::DELIVERIES, partition, Timestamp::default(), give, Ok).await?]
            }
        };
        Ok(outbox::deliveries(answers, query.max)?)
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let give = |call: &mut Call| {
            call.uuid(id.as_uuid());
        };
        let answers = self.everywhere(&script::DELIVERY, Timestamp::default(), give).await?;
        let found = answers.into_iter().find(|answer| *answer != Value::Nil);
        Ok(found.map(records::delivery).transpose()?)
    }

    async fn hasten(&self, hasten: Hasten) -> Result<HastenOutcome, StoreError> {
        let give = |call: &mut Call| {
            call.text(hasten.namespace.as_str()).uuid(hasten.id.as_uuid());
        };
        let partition = hasten.namespace.partition();
        self.run(&script::HASTEN, partition, hasten.now, give, outbox::hasten_outcome).await
    }

    async fn unlock(&self, namespace: Namespace, subjects: Vec<SubjectKey>) -> Result<bool, StoreError> {
        let give = |call: &mut Call| {
            call.text(namespace.as_str());
            call.list(subjects.iter(), |call, subject| {
                call.bytes(subject.as_bytes());
            });
        };
        let read = |answer| Ok(reply::integer(&answer)? > 0);
        self.run(&script::UNLOCK, namespace.partition(), Timestamp::default(), give, read).await
    }

    async fn purge(&self, partition: Partition, now: Timestamp, max: usize) -> Result<Purged, StoreError> {
        let max = max.min(i32::MAX as usize);
        let give = |call: &mut Call| {
            call.count(max);
        };
        let read = |answer| usize::try_from(reply::integer(&answer)?).map_err(|_| Unreadable("a count"));
        let rows = self.run_always(&script::PURGE, partition, now, give, read).await?;
        Ok(Purged { rows, more: rows == max })
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        Ok(outlook::total(&self.partitions_now().await?))
    }

    async fn keys(&self) -> Result<Vec<KeyId>, StoreError> {
        let read = |answer| {
            Reply::of(answer)?.rest(|key| {
                let bytes = reply::bytes(key)?.try_into().map_err(|_| Unreadable("a key's id"))?;
                Ok(KeyId::from_bytes(bytes))
            })
        };
        let mut keys = self.run(&script::KEYS, FIRST, Timestamp::default(), |_| {}, read).await?;
        keys.sort_unstable();
        Ok(keys)
    }

    async fn register_keys(&self, keys: Vec<KeyId>) -> Result<(), StoreError> {
        let give = |call: &mut Call| {
            call.list(keys.iter(), |call, key| {
                call.bytes(key.as_bytes());
            });
        };
        self.run(&script::REGISTER_KEYS, FIRST, Timestamp::default(), give, |_| Ok(())).await
    }

    async fn key_uses(&self, now: Timestamp) -> Result<Vec<KeyUse>, StoreError> {
        let mut uses: BTreeMap<KeyId, KeyUse> = BTreeMap::new();
        for partition in Partition::all() {
            for page in 0.. {
                let give = |call: &mut Call| {
                    call.count(page * PAGE).count(PAGE);
                };
                let looked_at = self
                    .run(&script::KEY_USES, partition, now, give, |answer| add_uses(&mut uses, answer))
                    .await?;
                if looked_at == 0 {
                    break;
                }
            }
        }
        Ok(uses.into_values().collect())
    }

    async fn key_slots(&self) -> Result<Vec<KeySlot>, StoreError> {
        let read = |answer| {
            Reply::of(answer)?.rest(|slot| {
                KeySlot::from_bytes(&reply::bytes(slot)?).map_err(|_| Unreadable("a slot of the data key"))
            })
        };
        self.run(&script::KEY_SLOTS, FIRST, Timestamp::default(), |_| {}, read).await
    }

    async fn add_key_slots(&self, slots: Vec<KeySlot>, first: bool) -> Result<bool, StoreError> {
        let give = |call: &mut Call| {
            call.flag(first).list(slots.iter(), |call, slot| {
                call.bytes(slot.as_bytes());
            });
        };
        let read = |answer| Ok(reply::integer(&answer)? == 1);
        self.run(&script::ADD_KEY_SLOTS, FIRST, Timestamp::default(), give, read).await
    }

    async fn drop_key_slots(&self, slots: Vec<KeySlot>) -> Result<(), StoreError> {
        let give = |call: &mut Call| {
            call.list(slots.iter(), |call, slot| {
                call.bytes(slot.as_bytes());
            });
        };
        self.run(&script::DROP_KEY_SLOTS, FIRST, Timestamp::default(), give, |_| Ok(())).await
    }

    /// Every partition's node must take writes.
    async fn ready(&self) -> Result<(), StoreError> {
        let partitions: Vec<Partition> = Partition::all().collect();
        let keys = partitions.iter().map(|partition| self.prefix.of(*partition)).collect();
        let one_a_server = self.link.one_a_server(keys).await?;
        let asking = one_a_server.into_iter().map(|place| {
            self.link.run(self.call(&script::READY, &[partitions[place]], Timestamp::default()).ready())
        });
        try_join_all(asking).await.map(drop)
    }

    async fn time(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut reply = Reply::of(self.link.ask(&::redis::cmd("TIME")).await?)?;
        let (seconds, micros) = (reply::integer(&reply.value()?)?, reply::integer(&reply.value()?)?);
        Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1_000).saturating_add(micros / 1_000))))
    }

    fn partitions(&self) -> Vec<Partition> {
        Partition::all().collect()
    }
}

fn give_select(call: &mut Call, select: &Select) {
    call.text(select.namespace.as_str()).selector(&select.selector);
}

/// Adds a page of `key_uses.lua`; how many were looked at for it.
fn add_uses(uses: &mut BTreeMap<KeyId, KeyUse>, answer: Value) -> Read<u64> {
    let mut page = Reply::of(answer)?;
    let looked_at = page.unsigned()?;
    page.list(|found| {
        let mut found = Reply::of(found)?;
        let key = KeyId::from_bytes(found.exactly()?);
        let is_verification = found.integer()? == 1;
        let until = found.time()?;
        let entry = uses.entry(key).or_insert(KeyUse { key, verifications: 0, messages: 0, until });
        entry.verifications += u64::from(is_verification);
        entry.messages += u64::from(!is_verification);
        entry.until = entry.until.max(until);
        Ok(())
    })?;
    Ok(looked_at)
}
