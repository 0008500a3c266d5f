use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use watchword_core::address::{Channel, Target};
use watchword_core::delivery::Delivery;
use watchword_core::guess::GuessCount;
use watchword_core::key_slot::KeySlot;
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::Namespace;
use watchword_core::ports::{
    Check, CheckOutcome, DeleteOutcome, Enqueue, NewestTarget, Resend, Retention, SealedRow, Select,
    Selector, SendOutcome, SetAddress, Start, StartOutcome,
};
use watchword_core::throttle::{SendTimes, Throttle, ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::transition::{
    self, CountWrite, RowChange, SendWrite, SendsView, SendsWrite, StartView, StartWrite,
};
use watchword_core::verification::{Verification, Vid};

use super::fault::Fault;

/// Everything the store holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) retention: Retention,
    pub(super) fault: Option<Fault>,
    /// In the order in which they were started.
    pub(super) verifications: Vec<Arc<Verification>>,
    /// Those still to be sent, and the records of others.
    pub(super) deliveries: Vec<Delivery>,
    pub(super) counts: BTreeMap<(Namespace, SubjectKey), GuessCount>,
    pub(super) sends: BTreeMap<(Namespace, SubjectKey), Sends>,
    pub(super) handled: BTreeMap<(Namespace, SubjectKey), Timestamp>,
    pub(super) rules: BTreeMap<(Namespace, Channel), ThrottleRules>,
    pub(super) keys: BTreeSet<KeyId>,
    pub(super) key_slots: BTreeSet<KeySlot>,
}

/// The send times of one subject.
#[derive(Debug)]
pub(super) struct Sends {
    pub(super) times: SendTimes,
    pub(super) garbage_at: Timestamp,
}

/// What a check reads: the verifications with the guess that selects each, newest first, and their wrong guesses.
type CheckView = (Vec<(usize, Verification)>, Option<GuessCount>);

impl State {
    pub(super) fn new(retention: Retention, fault: Option<Fault>) -> Self {
        Self {
            retention,
            fault,
            verifications: Vec::new(),
            deliveries: Vec::new(),
            counts: BTreeMap::new(),
            sends: BTreeMap::new(),
            handled: BTreeMap::new(),
            rules: BTreeMap::new(),
            keys: BTreeSet::new(),
            key_slots: BTreeSet::new(),
        }
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// The live ones that `selector` names, the newest first.
    fn live<'a>(
        &'a self,
        namespace: &'a Namespace,
        selector: &'a Selector,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Arc<Verification>> {
        self.selected(namespace, selector).filter(move |verification| verification.is_live(now))
    }

    fn selected<'a>(
        &'a self,
        namespace: &'a Namespace,
        selector: &'a Selector,
    ) -> impl Iterator<Item = &'a Arc<Verification>> {
        self.verifications
            .iter()
            .rev()
            .filter(move |row| row.namespace == *namespace && selects(selector, row))
    }

    fn newest_live(
        &self,
        namespace: &Namespace,
        selector: &Selector,
        now: Timestamp,
    ) -> Option<Verification> {
        self.live(namespace, selector, now).next().map(|newest| Verification::clone(newest))
    }

    pub(super) fn start_view(&self, start: &Start) -> StartView {
        let selector = match (&start.external_id, &start.target) {
            (Some(id), _) => Some(Selector::Id(id.clone())),
            (None, Some(target)) => Some(Selector::Target(target.clone())),
            (None, None) => None,
        };
        let handled = start.dedupe.as_ref().and_then(|dedupe| {
            let until = self.handled.get(&(start.namespace.clone(), dedupe.key))?;
            Some(start.now < *until)
        });
        StartView {
            live: selector.and_then(|selector| self.newest_live(&start.namespace, &selector, start.now)),
            handled_before: handled.unwrap_or(false),
            sends: self.sends_view(&start.namespace, start.throttle.as_ref()),
            taken: start
                .candidates
                .iter()
                .map(|candidate| self.is_taken(start, &candidate.taken_if))
                .collect(),
        }
    }

    fn is_taken(&self, start: &Start, digests: &[watchword_core::passcode::PasscodeDigest]) -> bool {
        let Some(channel) = &start.unique_in else { return false };
        self.verifications.iter().any(|other| {
            other.namespace == start.namespace
                && other.is_live(start.now)
                && other.target.as_ref().is_some_and(|target| target.channel == *channel)
                && other.passcode.lookup.is_some_and(|digest| digests.contains(&digest))
        })
    }

    /// Decides from what was read, and writes.
    pub(super) fn start_from(&mut self, start: Start, view: StartView) -> StartOutcome {
        let (namespace, now, dedupe) = (start.namespace.clone(), start.now, start.dedupe.clone());
        let live = view.live.as_ref().map(|live| live.vid);
        let rules = view.sends.rules.clone();
        let throttle = start.throttle.clone();
        let write = match transition::start(start, view) {
            Err(outcome) => return outcome,
            Ok(write) => write,
        };
        let StartWrite { verification, replaces, deliveries, sends, .. } = &write;
        if let Some(replaced) = live.filter(|_| *replaces) {
            self.verifications.retain(|row| row.vid != replaced);
            self.cancel_deliveries(replaced, now);
        }
        self.verifications.push(Arc::clone(verification));
        // Fault: the caller gets the claims, and the outbox knows nothing of them.
        if !self.has(Fault::LostOutboxRow) {
            self.deliveries.extend(deliveries.iter().cloned());
        }
        self.write_sends(&namespace, throttle.as_ref(), &rules, sends);
        if let Some(dedupe) = dedupe {
            self.handled.insert((namespace, dedupe.key), dedupe.until);
        }
        write.into_outcome()
    }

    fn sends_view(&self, namespace: &Namespace, throttle: Option<&Throttle>) -> SendsView {
        let Some(throttle) = throttle else { return SendsView::default() };
        let mut rules = self.get_rules(namespace.clone(), throttle.channel.clone());
        if self.has(Fault::LimitOffByOne) {
            // Fault: each rule has room for one more.
            rules.by_ip.iter_mut().chain(&mut rules.by_target).for_each(|rule| rule.rate += 1);
        }
        let times = throttle.subjects.iter().map(|subject| {
            let sends = self.sends.get(&(namespace.clone(), subject.key));
            sends.map(|sends| sends.times.clone()).unwrap_or_default()
        });
        SendsView { rules, times: times.collect() }
    }

    fn write_sends(
        &mut self,
        namespace: &Namespace,
        throttle: Option<&Throttle>,
        rules: &ThrottleRules,
        sends: &SendsWrite,
    ) {
        for (key, times) in sends {
            let subject = throttle.and_then(|throttle| throttle.subjects.iter().find(|one| one.key == *key));
            let rules = subject.map_or(&[][..], |subject| rules.of(subject.kind));
            let Some(garbage_at) = times.garbage_at(rules) else { continue };
            self.sends.insert((namespace.clone(), *key), Sends { times: times.clone(), garbage_at });
        }
    }

    pub(super) fn resend(&mut self, resend: Resend) -> SendOutcome {
        let (namespace, throttle) = (resend.namespace.clone(), resend.throttle.clone());
        let found = self.newest_live(&namespace, &resend.selector, resend.now);
        let view = self.sends_view(&namespace, throttle.as_ref());
        let rules = view.rules.clone();
        let decided = transition::resend(resend, found, &view);
        self.write_messages(&namespace, throttle.as_ref(), &rules, decided)
    }

    pub(super) fn set_address(&mut self, set: SetAddress) -> SendOutcome {
        let (namespace, throttle) = (set.namespace.clone(), set.throttle.clone());
        let found = self.newest_live(&namespace, &Selector::Id(set.external_id.clone()), set.now);
        let view = self.sends_view(&namespace, throttle.as_ref());
        let rules = view.rules.clone();
        let decided = transition::set_address(set, found, &view);
        self.write_messages(&namespace, throttle.as_ref(), &rules, decided)
    }

    pub(super) fn enqueue(&mut self, enqueue: Enqueue) -> SendOutcome {
        let namespace = enqueue.namespace.clone();
        let found = self.newest_live(&namespace, &Selector::Vid(enqueue.vid), enqueue.now);
        let decided = transition::enqueue(enqueue, found);
        self.write_messages(&namespace, None, &ThrottleRules::default(), decided)
    }

    fn write_messages(
        &mut self,
        namespace: &Namespace,
        throttle: Option<&Throttle>,
        rules: &ThrottleRules,
        decided: Result<SendWrite, SendOutcome>,
    ) -> SendOutcome {
        let write = match decided {
            Err(outcome) => return outcome,
            Ok(write) => write,
        };
        self.put(&write.verification);
        self.deliveries.extend(write.deliveries.iter().cloned());
        self.write_sends(namespace, throttle, rules, &write.sends);
        write.into_outcome()
    }

    pub(super) fn check_view(&self, check: &Check) -> CheckView {
        let selected_by =
            |row: &Verification| check.guesses.iter().position(|guess| selects(&guess.selector, row));
        let found: Vec<(usize, Verification)> = self
            .verifications
            .iter()
            .rev()
            .filter(|row| row.namespace == check.namespace)
            .filter_map(|row| Some((selected_by(row)?, Verification::clone(row))))
            .collect();
        let subject = transition::guess_subject(&found, check.now);
        let count = subject.and_then(|key| self.counts.get(&(check.namespace.clone(), key)).copied());
        (found, count)
    }

    /// Decides from what was read, and writes.
    pub(super) fn check_from(&mut self, mut check: Check, (found, count): CheckView) -> CheckOutcome {
        let now = check.now;
        if let Some(fault) = self.fault {
            fault.before_check(&mut check, &found);
        }
        let subject = transition::guess_subject(&found, check.now);
        let mut write = transition::check(&check, found.clone(), count);
        if let Some(fault) = self.fault {
            fault.after_check(&check, &found, &mut write);
        }
        for row in write.rows {
            match &row.change {
                RowChange::Update(verification) => self.put(verification),
                RowChange::Delete => self.verifications.retain(|other| other.vid != row.vid),
            }
            if row.cancel_deliveries {
                self.cancel_deliveries(row.vid, now);
            }
        }
        if let Some(subject) = subject {
            self.write_count(check.namespace, subject, write.count);
        }
        write.outcome
    }

    fn write_count(&mut self, namespace: Namespace, subject: SubjectKey, write: CountWrite) {
        match write {
            CountWrite::Unchanged => {}
            CountWrite::Clear => {
                self.counts.remove(&(namespace, subject));
            }
            CountWrite::Set(count) => {
                self.counts.insert((namespace, subject), count);
            }
        }
    }

    pub(super) fn get(&self, select: &Select) -> Option<Arc<Verification>> {
        let mut selected = self.selected(&select.namespace, &select.selector);
        let is_found = |row: &&Arc<Verification>| match select.selector {
            Selector::Vid(_) => select.now < row.garbage_at(),
            Selector::Id(_) | Selector::Target(_) => row.is_live(select.now),
        };
        selected.find(is_found).cloned()
    }

    pub(super) fn find(&self, vid: Vid, now: Timestamp) -> Option<Arc<Verification>> {
        self.verifications.iter().find(|row| row.vid == vid && now < row.garbage_at()).cloned()
    }

    pub(super) fn cancel(&mut self, select: &Select) -> Option<Arc<Verification>> {
        let found = self.selected(&select.namespace, &select.selector).map(|row| Verification::clone(row));
        let canceled = transition::cancel(found.collect(), select.now);
        for row in &canceled {
            self.put(row);
            self.cancel_deliveries(row.vid, select.now);
        }
        canceled.into_iter().next()
    }

    pub(super) fn delete_if_approved(&mut self, select: &Select) -> DeleteOutcome {
        let found = self.newest_live(&select.namespace, &select.selector, select.now);
        let outcome = transition::delete_if_approved(found, select.now);
        if let DeleteOutcome::Deleted(deleted) = &outcome {
            self.verifications.retain(|row| row.vid != deleted.vid);
            self.cancel_deliveries(deleted.vid, select.now);
        }
        outcome
    }

    pub(super) fn newest_target(&mut self, look_up: &NewestTarget) -> Option<Target> {
        let holds = |row: &&Arc<Verification>| {
            row.namespace == look_up.namespace
                && row.is_live(look_up.now)
                && row.target.as_ref().is_some_and(|target| target.channel == look_up.channel)
                && row.passcode.lookup.is_some_and(|digest| look_up.digests.contains(&digest))
        };
        let found = self.verifications.iter().rev().find(holds).and_then(|row| row.target.clone());
        let subject = (look_up.namespace.clone(), look_up.subject);
        let count = self.counts.get(&subject).copied();
        let write = transition::look_up(found, count, &look_up.lookup_rule, look_up.now);
        self.write_count(subject.0, subject.1, write.count);
        write.target
    }

    pub(super) fn newest_passcode(
        &self,
        namespace: &Namespace,
        now: Timestamp,
        targets: &[Target],
    ) -> Option<SealedRow> {
        self.verifications.iter().rev().find_map(|row| {
            let of_one = row.target.as_ref().is_some_and(|target| targets.contains(target));
            let counts = row.namespace == *namespace && row.external_id.is_none() && row.is_live(now);
            let sealed = row.passcode.sealed.clone().filter(|_| of_one && counts)?;
            Some(SealedRow { vid: row.vid, sealed })
        })
    }

    pub(super) fn put_rules(
        &mut self,
        namespace: Namespace,
        channel: Channel,
        by_ip: Option<Vec<ThrottleRule>>,
        by_target: Option<Vec<ThrottleRule>>,
    ) {
        let rules = self.rules.entry((namespace, channel)).or_default();
        rules.by_ip = by_ip.unwrap_or_else(|| std::mem::take(&mut rules.by_ip));
        rules.by_target = by_target.unwrap_or_else(|| std::mem::take(&mut rules.by_target));
    }

    pub(super) fn get_rules(&self, namespace: Namespace, channel: Channel) -> ThrottleRules {
        self.rules.get(&(namespace, channel)).cloned().unwrap_or_default()
    }

    pub(super) fn unlock(&mut self, namespace: &Namespace, subjects: &[SubjectKey]) -> bool {
        let mut any = false;
        for subject in subjects {
            any |= self.counts.remove(&(namespace.clone(), *subject)).is_some();
        }
        any
    }

    /// Stores a verification in place of the one with its id.
    fn put(&mut self, verification: &Arc<Verification>) {
        for row in self.verifications.iter_mut().filter(|row| row.vid == verification.vid) {
            *row = Arc::clone(verification);
        }
    }
}

fn selects(selector: &Selector, row: &Verification) -> bool {
    match selector {
        Selector::Id(id) => row.external_id.as_ref() == Some(id),
        Selector::Target(target) => row.external_id.is_none() && row.target.as_ref() == Some(target),
        Selector::Vid(vid) => row.vid == *vid,
    }
}
