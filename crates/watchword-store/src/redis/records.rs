//! How the domain's records look in what scripts take and answer. Numbers that stand for a state never change their meaning.

use std::sync::Arc;

use ::redis::Value;
use watchword_core::address::{Address, Channel, Target};
use watchword_core::delivery::{Claim, Delivery, DeliveryAttempt, DeliveryId, DeliveryState, NodeId};
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::{KeyedDigest, PasscodeDigest, Sealed, StoredPasscode};
use watchword_core::ports::{Candidate, Start, Throttled};
use watchword_core::throttle::{ThrottleKind, ThrottleRule};
use watchword_core::verification::{Attributes, ExternalId, Limits, OnRight, RouteName, Verification, Vid};

use super::call::exact;
use super::packed::Packing;
use super::reply::Reply;
use super::unreadable::{Read, Unreadable};

/// What a start says of the verification that this candidate makes: in the order of `of_facts` in the scripts.
pub(super) fn facts(start: &Start, candidate: &Candidate) -> Vec<u8> {
    let (passcode, attributes) = (&candidate.passcode, &start.attributes);
    let mut facts = Packing::default();
    let optional = |facts: &mut Packing, bytes: Option<&[u8]>| match bytes {
        Some(bytes) => facts.bytes(bytes),
        None => facts.absent(),
    };
    let limit = |facts: &mut Packing, limit: Option<u32>| match limit {
        Some(limit) => facts.number(limit.into()),
        None => facts.absent(),
    };
    facts.bytes(start.vid.as_uuid().as_bytes());
    facts.bytes(start.namespace.as_str().as_bytes());
    optional(&mut facts, start.external_id.as_ref().map(|id| id.as_str().as_bytes()));
    facts.bytes(start.route.as_str().as_bytes());
    facts.bytes(passcode.check.key.as_bytes());
    facts.bytes(passcode.check.digest.as_bytes());
    optional(&mut facts, passcode.lookup.as_ref().map(|digest| &digest.as_bytes()[..]));
    optional(&mut facts, passcode.sealed.as_ref().map(Sealed::as_bytes));
    facts.bytes(attributes.channel_description.as_bytes());
    facts.bytes(attributes.address_description.as_bytes());
    optional(&mut facts, attributes.extra.as_deref().map(str::as_bytes));
    limit(&mut facts, start.limits.max_attempts);
    limit(&mut facts, start.limits.max_sends);
    facts.number(on_right_number(start.on_right));
    facts.number(exact(start.now.as_millis()));
    facts.number(exact(start.expires_at.as_millis()));
    facts.number(exact(i64::try_from(start.kept_after.as_millis()).unwrap_or(i64::MAX)));
    facts.list()
}

/// In the order of `verification_reply` in the scripts, and of [`facts`] in the first element of it.
pub(super) fn verification(value: Value) -> Read<Arc<Verification>> {
    let mut changes = Reply::packed(value)?;
    let mut reply = Reply::packed(changes.value()?)?;
    let vid = Vid::from_uuid(reply.uuid()?);
    let namespace = reply.name(Namespace::new)?;
    let external_id = reply.optional_name(ExternalId::new)?;
    let route = reply.name(RouteName::new)?;
    let passcode = StoredPasscode {
        check: KeyedDigest {
            key: KeyId::from_bytes(reply.exactly()?),
            digest: PasscodeDigest::from_bytes(reply.exactly()?),
        },
        lookup: reply.optionally_exactly()?.map(PasscodeDigest::from_bytes),
        sealed: reply.optional_bytes()?.map(Sealed::from_bytes),
    };
    let attributes = Attributes {
        channel_description: reply.text()?,
        address_description: reply.text()?,
        extra: reply.optional_text()?.map(Into::into),
    };
    let limits = Limits { max_attempts: reply.optional_count()?, max_sends: reply.optional_count()? };
    let on_right = reply.on_right()?;
    let (created_at, expires_at, kept_after) = (reply.time()?, reply.time()?, reply.wait()?);
    // Its number is nothing to us.
    changes.value()?;
    let (state, attempts, sends) = (changes.state()?, changes.count()?, changes.count()?);
    let last_sent_at = changes.optional_time()?;
    let target = target(&mut changes)?;
    let guess_subject = SubjectKey::from_bytes(changes.exactly()?);
    Ok(Arc::new(Verification {
        vid,
        namespace,
        external_id,
        target,
        route,
        guess_subject,
        passcode,
        attributes,
        state,
        attempts,
        sends,
        limits,
        on_right,
        created_at,
        expires_at,
        kept_after,
        last_sent_at,
    }))
}

/// A channel and an address, or neither.
pub(super) fn target(reply: &mut Reply) -> Read<Option<Target>> {
    let channel = reply.optional_name(Channel::new)?;
    let address = reply.optional_name(Address::new)?;
    Ok(channel.zip(address).map(|(channel, address)| Target { channel, address }))
}

/// In the order of `delivery_reply` in the scripts.
pub(super) fn delivery(value: Value) -> Read<Delivery> {
    let mut reply = Reply::packed(value)?;
    Ok(Delivery {
        id: DeliveryId::from_uuid(reply.uuid()?),
        vid: Vid::from_uuid(reply.uuid()?),
        namespace: reply.name(Namespace::new)?,
        route: reply.name(RouteName::new)?,
        masked_to: reply.text()?,
        created_at: reply.time()?,
        expires_at: reply.time()?,
        message: reply.optional_bytes()?.map(Sealed::from_bytes),
        state: reply.delivery_state()?,
        due_at: reply.time()?,
        fence: reply.unsigned()?,
        claimed_by: reply.optional_name(NodeId::new)?,
        attempts: reply.list(attempt)?,
    })
}

fn attempt(value: Value) -> Read<DeliveryAttempt> {
    let text = super::reply::bytes(value)?;
    serde_json::from_slice(&text).map_err(|_| Unreadable("an attempt"))
}

/// As [`attempt`] reads it.
pub(super) fn attempt_text(attempt: &DeliveryAttempt) -> String {
    // Strings and numbers always serialize.
    serde_json::to_string(attempt).unwrap_or_default()
}

/// Claims of one verification.
pub(super) fn claims(reply: &mut Reply, of: &Arc<Verification>) -> Read<Vec<Claim>> {
    reply.list(|value| Ok(Claim { delivery: delivery(value)?, verification: Arc::clone(of) }))
}

pub(super) fn throttle_kind(reply: &mut Reply) -> Read<ThrottleKind> {
    match reply.integer()? {
        0 => Ok(ThrottleKind::Ip),
        1 => Ok(ThrottleKind::Target),
        _ => Err(Unreadable("what a rule counts by")),
    }
}

pub(super) fn throttled(reply: &mut Reply) -> Read<Throttled> {
    Ok(Throttled {
        kind: throttle_kind(reply)?,
        rule: ThrottleRule { rate: reply.count()?, window: reply.wait()? },
        retry_at: reply.time()?,
    })
}

pub(super) const fn on_right_number(on_right: OnRight) -> i64 {
    match on_right {
        OnRight::Keep => 0,
        OnRight::Close => 1,
        OnRight::Delete => 2,
    }
}

pub(super) const fn delivery_state_number(state: DeliveryState) -> i64 {
    match state {
        DeliveryState::Due => 0,
        DeliveryState::Claimed => 1,
        DeliveryState::Accepted => 2,
        DeliveryState::Failed => 3,
        DeliveryState::Expired => 4,
        DeliveryState::Canceled => 5,
    }
}
