//! The operations that decide: each loads what the transition asks for, lets it decide, and writes that back.

use std::sync::Arc;

use rusqlite::{Connection, Result};
use watchword_core::address::Target;
use watchword_core::delivery::{Claim, Delivery, Ended};
use watchword_core::namespace::Namespace;
use watchword_core::ports::{
    Check, CheckOutcome, ClaimDue, Claimed, DeleteOutcome, Enqueue, Extend, Fenced, NewestTarget, Resend,
    Select, Selector, SendOutcome, SetAddress, Settlement, Start, StartOutcome,
};
use watchword_core::throttle::Throttle;
use watchword_core::time::Timestamp;
use watchword_core::transition::{
    self, ClaimDecision, RowChange, SendWrite, SendsView, StartView, StartWrite,
};
use watchword_core::verification::{Verification, Vid};

use super::counts;
use super::deliveries::{self, Records};
use super::verifications::{self, Found};

pub(super) fn start(connection: &Connection, start: Start, records: Records) -> Result<StartOutcome> {
    let Start { ref namespace, now, .. } = start;
    let live = match (&start.external_id, &start.target) {
        (Some(id), _) => verifications::newest(connection, namespace, &Selector::Id(id.clone()), now)?,
        (None, Some(target)) => {
            verifications::newest(connection, namespace, &Selector::Target(target.clone()), now)?
        }
        (None, None) => None,
    };
    let handled_before = match &start.dedupe {
        Some(dedupe) => counts::was_handled(connection, namespace, dedupe, now)?,
        None => false,
    };
    let sends = counts::sends(connection, namespace, start.throttle.as_ref())?;
    let taken = taken(connection, &start)?;
    let (number, replaced) = live.as_ref().map(|live| (live.number, live.verification.vid)).unzip();
    let live = live.map(|live| live.verification);
    let (throttle, dedupe, rules) = (start.throttle.clone(), start.dedupe.clone(), sends.rules.clone());
    let write = match transition::start(start, StartView { live, handled_before, sends, taken }) {
        Err(outcome) => return Ok(outcome),
        Ok(write) => write,
    };
    let StartWrite { verification, replaces, deliveries, sends, .. } = &write;
    if let Some((number, replaced)) = number.zip(replaced).filter(|_| *replaces) {
        // Not changed in place: numbers grow with time, so that the highest is the newest.
        verifications::delete(connection, number)?;
        cancel_deliveries(connection, replaced, now, records)?;
    }
    verifications::insert(connection, verification)?;
    enter(connection, deliveries)?;
    let namespace = &verification.namespace;
    counts::write_sends(connection, namespace, throttle.as_ref(), &rules, sends)?;
    if let Some(dedupe) = dedupe {
        counts::remember(connection, namespace, &dedupe)?;
    }
    Ok(write.into_outcome())
}

/// For each candidate, whether another verification of the channel holds it.
fn taken(connection: &Connection, start: &Start) -> Result<Vec<bool>> {
    let Some(channel) = &start.unique_in else { return Ok(Vec::new()) };
    let holder =
        |digests| verifications::newest_holder(connection, &start.namespace, channel, digests, start.now);
    start.candidates.iter().map(|candidate| Ok(holder(&candidate.taken_if)?.is_some())).collect()
}

pub(super) fn resend(connection: &Connection, resend: Resend) -> Result<SendOutcome> {
    let (namespace, throttle) = (resend.namespace.clone(), resend.throttle.clone());
    let found = newest_live(connection, &namespace, &resend.selector, resend.now)?;
    let sends = counts::sends(connection, &namespace, throttle.as_ref())?;
    let number = found.as_ref().map(|found| found.number);
    let decided = transition::resend(resend, found.map(|found| found.verification), &sends);
    write_messages(connection, number, throttle.as_ref(), &sends, decided)
}

pub(super) fn set_address(connection: &Connection, set: SetAddress) -> Result<SendOutcome> {
    let (namespace, throttle) = (set.namespace.clone(), set.throttle.clone());
    let found = newest_live(connection, &namespace, &Selector::Id(set.external_id.clone()), set.now)?;
    let sends = counts::sends(connection, &namespace, throttle.as_ref())?;
    let number = found.as_ref().map(|found| found.number);
    let decided = transition::set_address(set, found.map(|found| found.verification), &sends);
    write_messages(connection, number, throttle.as_ref(), &sends, decided)
}

pub(super) fn enqueue(connection: &Connection, enqueue: Enqueue) -> Result<SendOutcome> {
    let found = newest_live(connection, &enqueue.namespace, &Selector::Vid(enqueue.vid), enqueue.now)?;
    let number = found.as_ref().map(|found| found.number);
    let decided = transition::enqueue(enqueue, found.map(|found| found.verification));
    write_messages(connection, number, None, &SendsView::default(), decided)
}

fn newest_live(
    connection: &Connection,
    namespace: &Namespace,
    selector: &Selector,
    now: Timestamp,
) -> Result<Option<Found>> {
    Ok(verifications::newest(connection, namespace, selector, now)?
        .filter(|found| found.verification.is_live(now)))
}

fn write_messages(
    connection: &Connection,
    number: Option<i64>,
    throttle: Option<&Throttle>,
    before: &SendsView,
    decided: Result<SendWrite, SendOutcome>,
) -> Result<SendOutcome> {
    let (number, write) = match (number, decided) {
        (_, Err(outcome)) => return Ok(outcome),
        // A decision to send is made about a row.
        (None, Ok(_)) => return Ok(SendOutcome::Gone),
        (Some(number), Ok(write)) => (number, write),
    };
    let SendWrite { verification, deliveries, sends } = &write;
    verifications::update(connection, number, verification)?;
    enter(connection, deliveries)?;
    counts::write_sends(connection, &verification.namespace, throttle, &before.rules, sends)?;
    Ok(write.into_outcome())
}

fn enter(connection: &Connection, new: &[Delivery]) -> Result<()> {
    new.iter().try_for_each(|delivery| deliveries::insert(connection, delivery))
}

pub(super) fn check(connection: &Connection, check: &Check, records: Records) -> Result<CheckOutcome> {
    let mut selected: Vec<(usize, Found)> = Vec::new();
    for (guess, Found { number, verification }) in all_guessed(connection, check)? {
        // Of two guesses that select the same one, the first counts.
        if selected.iter().all(|(_, other)| other.number != number) {
            selected.push((guess, Found { number, verification }));
        }
    }
    selected.sort_by_key(|(_, found)| std::cmp::Reverse(found.number));
    let numbers: Vec<(Vid, i64)> =
        selected.iter().map(|(_, found)| (found.verification.vid, found.number)).collect();
    let found: Vec<(usize, Verification)> =
        selected.into_iter().map(|(guess, found)| (guess, found.verification)).collect();
    let Some(subject) = transition::guess_subject(&found, check.now) else {
        return Ok(transition::check(check, found, None).outcome);
    };
    let count = counts::guesses(connection, &check.namespace, subject)?;
    let write = transition::check(check, found, count);
    for row in &write.rows {
        let Some((_, number)) = numbers.iter().find(|(vid, _)| *vid == row.vid) else { continue };
        match &row.change {
            RowChange::Update(verification) => verifications::update(connection, *number, verification)?,
            RowChange::Delete => verifications::delete(connection, *number)?,
        }
        if row.cancel_deliveries {
            cancel_deliveries(connection, row.vid, check.now, records)?;
        }
    }
    counts::write_guesses(connection, &check.namespace, subject, write.count)?;
    Ok(write.outcome)
}

fn all_guessed(connection: &Connection, check: &Check) -> Result<Vec<(usize, Found)>> {
    let mut guessed = Vec::new();
    for (index, guess) in check.guesses.iter().enumerate() {
        let found = verifications::all(connection, &check.namespace, &guess.selector, check.now)?;
        guessed.extend(found.into_iter().map(|found| (index, found)));
    }
    Ok(guessed)
}

pub(super) fn cancel(
    connection: &Connection,
    select: &Select,
    records: Records,
) -> Result<Option<Arc<Verification>>> {
    let found = verifications::all(connection, &select.namespace, &select.selector, select.now)?;
    let numbers: Vec<(Vid, i64)> = found.iter().map(|found| (found.verification.vid, found.number)).collect();
    let found = found.into_iter().map(|found| found.verification).collect();
    let canceled = transition::cancel(found, select.now);
    for verification in &canceled {
        let Some((_, number)) = numbers.iter().find(|(vid, _)| *vid == verification.vid) else { continue };
        verifications::update(connection, *number, verification)?;
        cancel_deliveries(connection, verification.vid, select.now, records)?;
    }
    Ok(canceled.into_iter().next())
}

pub(super) fn delete_if_approved(
    connection: &Connection,
    select: &Select,
    records: Records,
) -> Result<DeleteOutcome> {
    let found = newest_live(connection, &select.namespace, &select.selector, select.now)?;
    let number = found.as_ref().map(|found| found.number);
    let outcome = transition::delete_if_approved(found.map(|found| found.verification), select.now);
    if let (DeleteOutcome::Deleted(deleted), Some(number)) = (&outcome, number) {
        verifications::delete(connection, number)?;
        cancel_deliveries(connection, deleted.vid, select.now, records)?;
    }
    Ok(outcome)
}

pub(super) fn newest_target(connection: &Connection, look_up: &NewestTarget) -> Result<Option<Target>> {
    let NewestTarget { namespace, now, channel, digests, subject, lookup_rule } = look_up;
    let holder = verifications::newest_holder(connection, namespace, channel, digests, *now)?;
    let count = counts::guesses(connection, namespace, *subject)?;
    let target = holder.and_then(|found| found.verification.target);
    let write = transition::look_up(target, count, lookup_rule, *now);
    counts::write_guesses(connection, namespace, *subject, write.count)?;
    Ok(write.target)
}

fn cancel_deliveries(connection: &Connection, of: Vid, now: Timestamp, records: Records) -> Result<()> {
    for delivery in deliveries::open_of(connection, of)? {
        if let Some(canceled) = transition::cancel_delivery(delivery, now) {
            deliveries::store(connection, &canceled, records)?;
        }
    }
    Ok(())
}

pub(super) fn claim(connection: &Connection, claim: &ClaimDue, records: Records) -> Result<Claimed> {
    let mut claims = Vec::new();
    for delivery in deliveries::due(connection, claim.now, claim.max)? {
        match transition::claim(&delivery, &claim.claimant, claim.now) {
            ClaimDecision::Left => {}
            ClaimDecision::Expired(ended) => deliveries::store(connection, &ended, records)?,
            ClaimDecision::Taken(taken) => {
                if let Some(found) = verifications::by_vid(connection, taken.vid, claim.now)? {
                    deliveries::store(connection, &taken, records)?;
                    let verification = Arc::new(found.verification);
                    claims.push(Claim { delivery: *taken, verification });
                } else {
                    // What ends a verification ends its deliveries too; a row restored by hand may lack it all the same.
                    let ended = transition::end_delivery(delivery, Ended::Canceled, claim.now);
                    deliveries::store(connection, &ended, records)?;
                }
            }
        }
    }
    Ok(Claimed { claims, next_due: deliveries::next_due(connection)? })
}

pub(super) fn extend(connection: &Connection, extend: &Extend, records: Records) -> Result<Fenced> {
    let found = deliveries::open(connection, &extend.namespace, extend.id)?;
    match found.map(|delivery| transition::extend(delivery, extend)) {
        Some(Ok(extended)) => deliveries::store(connection, &extended, records).map(|()| Fenced::Done),
        Some(Err(fenced)) => Ok(fenced),
        None => Ok(Fenced::Stale),
    }
}

pub(super) fn settle(
    connection: &Connection,
    now: Timestamp,
    settlements: Vec<Settlement>,
    records: Records,
) -> Result<Vec<Fenced>> {
    settlements.into_iter().map(|settlement| settle_one(connection, now, settlement, records)).collect()
}

fn settle_one(
    connection: &Connection,
    now: Timestamp,
    settlement: Settlement,
    records: Records,
) -> Result<Fenced> {
    let found = deliveries::settleable(connection, &settlement.namespace, settlement.id)?;
    let Some(delivery) = found else { return Ok(Fenced::Stale) };
    let before = delivery.state;
    match transition::settle(delivery, settlement, now) {
        Ok(settled) => {
            deliveries::store_settled(connection, before, &settled, records)?;
            Ok(Fenced::Done)
        }
        Err(fenced) => Ok(fenced),
    }
}
