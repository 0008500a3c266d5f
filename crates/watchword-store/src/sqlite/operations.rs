//! The operations that decide: each loads what the transition asks for, lets it decide, and writes that back.

use std::sync::Arc;

use rusqlite::Result;
use watchword_core::address::Target;
use watchword_core::delivery::{Claim, Delivery, Ended};
use watchword_core::namespace::Namespace;
use watchword_core::ports::{
    Check, CheckOutcome, ClaimDue, Claimed, DeleteOutcome, Enqueue, Extend, Fenced, Hasten, HastenOutcome,
    NewestTarget, Resend, Select, Selector, SendOutcome, SetAddress, Settlement, Start, StartOutcome,
};
use watchword_core::throttle::Throttle;
use watchword_core::time::Timestamp;
use watchword_core::transition::{
    self, ClaimDecision, RowChange, SendWrite, SendsView, StartView, StartWrite,
};
use watchword_core::verification::{Verification, Vid};

use super::counts;
use super::deliveries::{self, Records};
use super::history;
use super::tables::Tables;
use super::verifications::{self, Found};

pub(super) fn start(tables: &Tables<'_>, start: Start, records: Records) -> Result<StartOutcome> {
    let Start { ref namespace, now, .. } = start;
    let live = match (&start.external_id, &start.target) {
        (Some(id), _) => verifications::newest(tables, namespace, &Selector::Id(id.clone()), now)?,
        (None, Some(target)) => {
            verifications::newest(tables, namespace, &Selector::Target(target.clone()), now)?
        }
        (None, None) => None,
    };
    let handled_before = match &start.dedupe {
        Some(dedupe) => counts::was_handled(tables, namespace, dedupe, now)?,
        None => false,
    };
    let sends = counts::sends(tables, namespace, start.throttle.as_ref())?;
    let taken = taken(tables, &start)?;
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
        verifications::delete(tables, number)?;
        cancel_deliveries(tables, replaced, now, records)?;
    }
    verifications::insert(tables, verification)?;
    enter(tables, deliveries)?;
    let namespace = &verification.namespace;
    counts::write_sends(tables, namespace, throttle.as_ref(), &rules, sends)?;
    if let Some(dedupe) = dedupe {
        counts::remember(tables, namespace, &dedupe)?;
    }
    Ok(write.into_outcome())
}

/// For each candidate, whether another verification of the channel holds it.
fn taken(tables: &Tables<'_>, start: &Start) -> Result<Vec<bool>> {
    let Some(channel) = &start.unique_in else { return Ok(Vec::new()) };
    let holder =
        |digests| verifications::newest_holder(tables, &start.namespace, channel, digests, start.now);
    start.candidates.iter().map(|candidate| Ok(holder(&candidate.taken_if)?.is_some())).collect()
}

pub(super) fn resend(tables: &Tables<'_>, resend: Resend) -> Result<SendOutcome> {
    let (namespace, throttle) = (resend.namespace.clone(), resend.throttle.clone());
    let found = newest_live(tables, &namespace, &resend.selector, resend.now)?;
    let sends = counts::sends(tables, &namespace, throttle.as_ref())?;
    let number = found.as_ref().map(|found| found.number);
    let decided = transition::resend(resend, found.map(|found| found.verification), &sends);
    write_messages(tables, number, throttle.as_ref(), &sends, decided)
}

pub(super) fn set_address(tables: &Tables<'_>, set: SetAddress) -> Result<SendOutcome> {
    let (namespace, throttle) = (set.namespace.clone(), set.throttle.clone());
    let found = newest_live(tables, &namespace, &Selector::Id(set.external_id.clone()), set.now)?;
    let sends = counts::sends(tables, &namespace, throttle.as_ref())?;
    let number = found.as_ref().map(|found| found.number);
    let decided = transition::set_address(set, found.map(|found| found.verification), &sends);
    write_messages(tables, number, throttle.as_ref(), &sends, decided)
}

pub(super) fn enqueue(tables: &Tables<'_>, enqueue: Enqueue) -> Result<SendOutcome> {
    let found = newest_live(tables, &enqueue.namespace, &Selector::Vid(enqueue.vid), enqueue.now)?;
    let number = found.as_ref().map(|found| found.number);
    let decided = transition::enqueue(enqueue, found.map(|found| found.verification));
    write_messages(tables, number, None, &SendsView::default(), decided)
}

fn newest_live(
    tables: &Tables<'_>,
    namespace: &Namespace,
    selector: &Selector,
    now: Timestamp,
) -> Result<Option<Found>> {
    Ok(verifications::newest(tables, namespace, selector, now)?
        .filter(|found| found.verification.is_live(now)))
}

fn write_messages(
    tables: &Tables<'_>,
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
    verifications::update(tables, number, verification)?;
    enter(tables, deliveries)?;
    counts::write_sends(tables, &verification.namespace, throttle, &before.rules, sends)?;
    Ok(write.into_outcome())
}

fn enter(tables: &Tables<'_>, new: &[Delivery]) -> Result<()> {
    new.iter().try_for_each(|delivery| deliveries::insert(tables, delivery))
}

pub(super) fn check(tables: &Tables<'_>, check: &Check, records: Records) -> Result<CheckOutcome> {
    let mut selected: Vec<(usize, Found)> = Vec::new();
    for (guess, Found { number, verification }) in all_guessed(tables, check)? {
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
    let count = counts::guesses(tables, &check.namespace, subject)?;
    let write = transition::check(check, found, count);
    for row in &write.rows {
        let Some((_, number)) = numbers.iter().find(|(vid, _)| *vid == row.vid) else { continue };
        match &row.change {
            RowChange::Update(verification) => verifications::update(tables, *number, verification)?,
            RowChange::Delete => verifications::delete(tables, *number)?,
        }
        if row.cancel_deliveries {
            cancel_deliveries(tables, row.vid, check.now, records)?;
        }
    }
    counts::write_guesses(tables, &check.namespace, subject, write.count)?;
    Ok(write.outcome)
}

fn all_guessed(tables: &Tables<'_>, check: &Check) -> Result<Vec<(usize, Found)>> {
    let mut guessed = Vec::new();
    for (index, guess) in check.guesses.iter().enumerate() {
        let found = verifications::all(tables, &check.namespace, &guess.selector, check.now)?;
        guessed.extend(found.into_iter().map(|found| (index, found)));
    }
    Ok(guessed)
}

pub(super) fn cancel(
    tables: &Tables<'_>,
    select: &Select,
    records: Records,
) -> Result<Option<Arc<Verification>>> {
    let found = verifications::all(tables, &select.namespace, &select.selector, select.now)?;
    let numbers: Vec<(Vid, i64)> = found.iter().map(|found| (found.verification.vid, found.number)).collect();
    let found = found.into_iter().map(|found| found.verification).collect();
    let canceled = transition::cancel(found, select.now);
    for verification in &canceled {
        let Some((_, number)) = numbers.iter().find(|(vid, _)| *vid == verification.vid) else { continue };
        verifications::update(tables, *number, verification)?;
        cancel_deliveries(tables, verification.vid, select.now, records)?;
    }
    Ok(canceled.into_iter().next())
}

pub(super) fn delete_if_approved(
    tables: &Tables<'_>,
    select: &Select,
    records: Records,
) -> Result<DeleteOutcome> {
    let found = newest_live(tables, &select.namespace, &select.selector, select.now)?;
    let number = found.as_ref().map(|found| found.number);
    let outcome = transition::delete_if_approved(found.map(|found| found.verification), select.now);
    if let (DeleteOutcome::Deleted(deleted), Some(number)) = (&outcome, number) {
        verifications::delete(tables, number)?;
        cancel_deliveries(tables, deleted.vid, select.now, records)?;
    }
    Ok(outcome)
}

pub(super) fn newest_target(tables: &Tables<'_>, look_up: &NewestTarget) -> Result<Option<Target>> {
    let NewestTarget { namespace, now, channel, digests, subject, lookup_rule } = look_up;
    let holder = verifications::newest_holder(tables, namespace, channel, digests, *now)?;
    let count = counts::guesses(tables, namespace, *subject)?;
    let target = holder.and_then(|found| found.verification.target);
    let write = transition::look_up(target, count, lookup_rule, *now);
    counts::write_guesses(tables, namespace, *subject, write.count)?;
    Ok(write.target)
}

fn cancel_deliveries(tables: &Tables<'_>, of: Vid, now: Timestamp, records: Records) -> Result<()> {
    for delivery in deliveries::open_of(tables, of)? {
        if let Some(canceled) = transition::cancel_delivery(delivery, now) {
            deliveries::store(tables, &canceled, records)?;
        }
    }
    Ok(())
}

pub(super) fn claim(tables: &Tables<'_>, claim: &ClaimDue, records: Records) -> Result<Claimed> {
    let mut claims = Vec::new();
    for delivery in deliveries::due(tables, claim.now, claim.max)? {
        match transition::claim(&delivery, &claim.claimant, claim.now) {
            ClaimDecision::Left => {}
            ClaimDecision::Expired(ended) => deliveries::store(tables, &ended, records)?,
            ClaimDecision::Taken(taken) => {
                if let Some(found) = verifications::by_vid(tables, taken.vid, claim.now)? {
                    deliveries::store(tables, &taken, records)?;
                    let verification = Arc::new(found.verification);
                    claims.push(Claim { delivery: *taken, verification });
                } else {
                    // What ends a verification ends its deliveries too; a row restored by hand may lack it all the same.
                    let ended = transition::end_delivery(delivery, Ended::Canceled, claim.now);
                    deliveries::store(tables, &ended, records)?;
                }
            }
        }
    }
    Ok(Claimed { claims, next_due: deliveries::next_due(tables)? })
}

pub(super) fn extend(tables: &Tables<'_>, extend: &Extend, records: Records) -> Result<Fenced> {
    let found = deliveries::open(tables, &extend.namespace, extend.id)?;
    match found.map(|delivery| transition::extend(delivery, extend)) {
        Some(Ok(extended)) => deliveries::store(tables, &extended, records).map(|()| Fenced::Done),
        Some(Err(fenced)) => Ok(fenced),
        None => Ok(Fenced::Stale),
    }
}

pub(super) fn hasten(tables: &Tables<'_>, hasten: &Hasten, records: Records) -> Result<HastenOutcome> {
    let found = match deliveries::open(tables, &hasten.namespace, hasten.id)? {
        Some(open) => Some(open),
        None => history::record(tables, hasten.id)?.filter(|record| record.namespace == hasten.namespace),
    };
    match found.map(|delivery| transition::hasten(delivery, hasten.now)) {
        Some(Ok((stored, outcome))) => deliveries::store(tables, &stored, records).map(|()| outcome),
        Some(Err(outcome)) => Ok(outcome),
        None => Ok(HastenOutcome::Gone),
    }
}

pub(super) fn settle(
    tables: &Tables<'_>,
    now: Timestamp,
    settlements: Vec<Settlement>,
    records: Records,
) -> Result<Vec<Fenced>> {
    settlements.into_iter().map(|settlement| settle_one(tables, now, settlement, records)).collect()
}

fn settle_one(
    tables: &Tables<'_>,
    now: Timestamp,
    settlement: Settlement,
    records: Records,
) -> Result<Fenced> {
    let found = deliveries::settleable(tables, &settlement.namespace, settlement.id)?;
    let Some((place, delivery)) = found else { return Ok(Fenced::Stale) };
    match transition::settle(delivery, settlement, now) {
        Ok(settled) => {
            deliveries::store_settled(tables, place, &settled, records)?;
            Ok(Fenced::Done)
        }
        Err(fenced) => Ok(fenced),
    }
}
