//! The operations about verifications: what their scripts take, and what the answers mean.

use std::sync::Arc;

use ::redis::Value;
use watchword_core::address::Target;
use watchword_core::keyring::KeyId;
use watchword_core::passcode::{KeyedDigest, Sealed};
use watchword_core::ports::{
    Check, CheckOutcome, DeleteOutcome, Enqueue, NewestTarget, OnLive, Resend, SealedRow, SendOutcome,
    SetAddress, Start, StartOutcome,
};
use watchword_core::transition::begin;
use watchword_core::verification::{ExternalId, Verification, Vid};

use super::call::Call;
use super::records::{claims, facts, on_right_number, target, throttle_kind, throttled, verification};
use super::reply::Reply;
use super::unreadable::{Read, Unreadable};

pub(super) fn give_start(call: &mut Call, start: &Start) {
    call.text(start.namespace.as_str());
    call.optional_text(start.external_id.as_ref().map(ExternalId::as_str));
    call.optional_text(start.target.as_ref().map(|target| target.channel.as_str()));
    call.optional_text(start.target.as_ref().map(|target| target.address.given()));
    call.bytes(start.guess_subject.as_bytes());
    call.number(match start.on_live {
        OnLive::Replace => 0,
        OnLive::Reuse => 1,
        OnLive::Add => 2,
        OnLive::Refuse => 3,
    });
    call.optional_text(start.unique_in.as_ref().map(|channel| channel.as_str()));
    call.optional_number(start.limits.max_attempts.map(Into::into));
    call.optional_number(start.limits.max_sends.map(Into::into));
    call.throttle(start.throttle.as_ref());
    call.optional(start.dedupe.as_ref().map(|dedupe| &dedupe.key.as_bytes()[..]));
    if let Some(dedupe) = &start.dedupe {
        call.time(dedupe.until);
    }
    call.claimant(start.claimant.as_ref());
    call.list(start.candidates.iter(), |call, candidate| {
        call.bytes(&facts(start, candidate));
        call.list(candidate.taken_if.iter(), |call, digest| {
            call.bytes(digest.as_bytes());
        });
        call.messages(&candidate.deliveries);
    });
}

/// What came of a start, which says itself what was begun with it.
pub(super) fn start_outcome(answer: Value, start: Start) -> Read<StartOutcome> {
    let mut reply = Reply::of(answer)?;
    Ok(match reply.text()?.as_str() {
        "started" => {
            let (attempts, sends, candidate) = (reply.count()?, reply.count()?, reply.count()? as usize);
            let begun = begin(start, candidate, attempts, sends);
            begun.ok_or(Unreadable("one of the candidates"))?.into_outcome()
        }
        "reused" => StartOutcome::Reused(verification(reply.value()?)?),
        "locked" => StartOutcome::Locked(verification(reply.value()?)?),
        "exists" => StartOutcome::Exists(verification(reply.value()?)?),
        "throttled" => StartOutcome::Throttled(throttled(&mut reply)?),
        "subject_missing" => StartOutcome::SubjectMissing(throttle_kind(&mut reply)?),
        "duplicate" => StartOutcome::Duplicate,
        "no_free_candidate" => StartOutcome::NoFreeCandidate,
        _ => return Err(Unreadable("the outcome of a start")),
    })
}

pub(super) fn give_resend(call: &mut Call, resend: &Resend) {
    call.text(resend.namespace.as_str()).selector(&resend.selector);
    call.uuid(resend.expected.as_uuid()).wait(resend.cool_down);
    call.throttle(resend.throttle.as_ref()).claimant(resend.claimant.as_ref()).messages(&resend.deliveries);
}

pub(super) fn give_set_address(call: &mut Call, set: &SetAddress) {
    call.text(set.namespace.as_str()).text(set.external_id.as_str()).uuid(set.expected.as_uuid());
    call.text(set.target.channel.as_str()).text(set.target.address.given());
    call.bytes(set.guess_subject.as_bytes());
    call.throttle(set.throttle.as_ref()).claimant(set.claimant.as_ref()).messages(&set.deliveries);
}

pub(super) fn give_enqueue(call: &mut Call, enqueue: &Enqueue) {
    call.text(enqueue.namespace.as_str()).uuid(enqueue.vid.as_uuid());
    call.claimant(enqueue.claimant.as_ref()).messages(&enqueue.deliveries);
}

pub(super) fn send_outcome(answer: Value) -> Read<SendOutcome> {
    let mut reply = Reply::of(answer)?;
    Ok(match reply.text()?.as_str() {
        "sent" => {
            let verification = verification(reply.value()?)?;
            let claims = claims(&mut reply, &verification)?;
            SendOutcome::Sent { verification, claims }
        }
        "locked" => SendOutcome::Locked(verification(reply.value()?)?),
        "address_set" => SendOutcome::AddressSet(verification(reply.value()?)?),
        "too_soon" => SendOutcome::TooSoon { at: reply.time()? },
        "throttled" => SendOutcome::Throttled(throttled(&mut reply)?),
        "subject_missing" => SendOutcome::SubjectMissing(throttle_kind(&mut reply)?),
        "changed" => SendOutcome::Changed,
        "gone" => SendOutcome::Gone,
        _ => return Err(Unreadable("the outcome of a send")),
    })
}

pub(super) fn give_check(call: &mut Call, check: &Check) {
    let rule = &check.guess_rule;
    call.text(check.namespace.as_str());
    call.number(rule.burst.into()).wait(rule.max_wait).number(rule.budget.into()).wait(rule.budget_wait);
    call.optional_number(check.on_right.map(on_right_number)).flag(check.approved_again);
    call.list(check.guesses.iter(), |call, guess| {
        call.selector(&guess.selector);
        call.list(guess.digests.iter(), |call, KeyedDigest { key, digest }| {
            call.bytes(key.as_bytes()).bytes(digest.as_bytes());
        });
    });
}

pub(super) fn check_outcome(answer: Value) -> Read<CheckOutcome> {
    let mut reply = Reply::of(answer)?;
    Ok(match reply.text()?.as_str() {
        "approved" => CheckOutcome::Approved(verification(reply.value()?)?),
        "wrong" => CheckOutcome::Wrong(verification(reply.value()?)?),
        "locked" => CheckOutcome::Locked(verification(reply.value()?)?),
        "refused" => {
            CheckOutcome::Refused { verification: verification(reply.value()?)?, until: reply.time()? }
        }
        "used" => CheckOutcome::Used(verification(reply.value()?)?),
        "unknown_key" => CheckOutcome::UnknownKey(KeyId::from_bytes(reply.exactly()?)),
        "gone" => CheckOutcome::Gone,
        _ => return Err(Unreadable("the outcome of a check")),
    })
}

pub(super) fn maybe_verification(answer: Value) -> Read<Option<Arc<Verification>>> {
    if answer == Value::Nil { Ok(None) } else { verification(answer).map(Some) }
}

pub(super) fn delete_outcome(answer: Value) -> Read<DeleteOutcome> {
    let mut reply = Reply::of(answer)?;
    Ok(match reply.text()?.as_str() {
        "deleted" => DeleteOutcome::Deleted(verification(reply.value()?)?),
        "not_approved" => DeleteOutcome::NotApproved(verification(reply.value()?)?),
        "gone" => DeleteOutcome::Gone,
        _ => return Err(Unreadable("the outcome of a deletion")),
    })
}

pub(super) fn give_look_up(call: &mut Call, look_up: &NewestTarget) {
    call.text(look_up.namespace.as_str()).text(look_up.channel.as_str()).bytes(look_up.subject.as_bytes());
    call.number(look_up.lookup_rule.burst.into()).wait(look_up.lookup_rule.wait);
    call.list(look_up.digests.iter(), |call, digest| {
        call.bytes(digest.as_bytes());
    });
}

pub(super) fn maybe_target(answer: Value) -> Read<Option<Target>> {
    match Reply::maybe(answer)? {
        None => Ok(None),
        Some(mut reply) => target(&mut reply),
    }
}

pub(super) fn maybe_sealed(answer: Value) -> Read<Option<SealedRow>> {
    let Some(mut reply) = Reply::maybe(answer)? else { return Ok(None) };
    Ok(Some(SealedRow { vid: Vid::from_uuid(reply.uuid()?), sealed: Sealed::from_bytes(reply.bytes()?) }))
}
