use std::time::Duration;

use watchword_core::address::{Channel, Target};
use watchword_core::delivery::{Claim, Claimant, DeliveryAttempt, Ended, NewDelivery, ProviderId, Verdict};
use watchword_core::guess::{GuessRule, LookupRule};
use watchword_core::keyring::SubjectKey;
use watchword_core::namespace::Namespace;
use watchword_core::passcode::KeyedDigest;
use watchword_core::ports::{
    Candidate, Check, Dedupe, Enqueue, Extend, Guess, Hasten, NewestTarget, Receipt, Resend, Selector,
    SendOutcome, SetAddress, Settlement, Start, StartOutcome,
};
use watchword_core::throttle::{Throttle, ThrottleRule};
use watchword_core::verification::{ExternalId, Limits, Verification, Vid};

use super::operation::{Given, Operation, Rule, Settled, Who};
use crate::suite::story::{Story, digest, external_id, key, look_up_digest, namespace, subject, target};

pub(super) const TENANTS: [&str; 2] = ["tenant", "other"];
pub(super) const IDS: [&str; 2] = ["john-1", "jane-1"];
pub(super) const CHANNELS: [&str; 2] = ["sms", "call"];
pub(super) const ADDRESSES: [&str; 2] = ["+1", "+2"];
const CODES: [&str; 3] = ["000000", "111111", "222222"];
const IPS: [&str; 2] = ["::1", "::2"];

/// What happened so far, as far as later steps may refer to it. Both stores are given the same commands, made here.
pub(super) struct World {
    pub(super) story: Story,
    /// All that were ever started, the newest last.
    pub(super) started: Vec<Started>,
    claims: Vec<Claim>,
    accepted: usize,
}

/// One that was started: its names.
#[derive(Clone)]
pub(super) struct Started {
    pub(super) namespace: Namespace,
    pub(super) vid: Vid,
    external_id: Option<ExternalId>,
    target: Option<Target>,
}

/// A command that is ready to be given to a store.
#[derive(Clone)]
pub(super) enum Command {
    Start(Box<Start>),
    Resend(Resend),
    SetAddress(SetAddress),
    Enqueue(Enqueue),
    Check(Check),
    Cancel(Namespace, Selector),
    DeleteIfApproved(Namespace, Selector),
    NewestTarget(NewestTarget),
    PutRules(Namespace, Channel, Option<Vec<ThrottleRule>>, Option<Vec<ThrottleRule>>),
    Claim(Claimant, usize),
    Extend(Extend),
    Settle(Vec<Settlement>),
    Receipt(Receipt),
    Hasten(Hasten),
    Unlock(Namespace, SubjectKey),
    Purge,
    RegisterKeys(Vec<u8>),
}

impl World {
    pub(super) fn new(story: Story) -> Self {
        Self { story, started: Vec::new(), claims: Vec::new(), accepted: 0 }
    }

    /// The newest started one but `nth`, or a made-up one while there is none.
    fn nth(&self, nth: usize) -> Started {
        let newest_first = self.started.iter().rev();
        let known = newest_first.cycle().nth(nth).cloned();
        known.unwrap_or_else(|| Started {
            namespace: namespace(TENANTS[0]),
            vid: self.story.vid(),
            external_id: None,
            target: None,
        })
    }

    fn nth_claim(&self, nth: usize) -> Option<&Claim> {
        self.claims.iter().rev().cycle().nth(nth)
    }

    /// The command that an operation stands for; `None` where there is nothing yet to do it with.
    pub(super) fn command(&mut self, operation: &Operation) -> Option<Command> {
        Some(match operation {
            Operation::StartById { tenant, id, address, on_live, given } => {
                self.enter(*tenant);
                let mut start = match address {
                    Some(_) => self.story.by_id(IDS[*id], CODES[given.code]),
                    None => self.story.by_id_without_address(IDS[*id], CODES[given.code]),
                };
                if let Some(address) = address {
                    start.target = Some(target(CHANNELS[0], ADDRESSES[*address]));
                    start.guess_subject = self.story.guesses_of(ADDRESSES[*address]);
                }
                let bound_to = ["id", IDS[*id]];
                start.candidates[0].passcode.check = keyed(given.key, &bound_to, CODES[given.code]);
                start.on_live = *on_live;
                let to = address.map(|address| ADDRESSES[address]);
                Command::Start(Box::new(self.complete(start, given, CHANNELS[0], to)))
            }
            Operation::StartByTarget { tenant, channel, address, on_live, unique, given } => {
                self.enter(*tenant);
                let (channel, address) = (CHANNELS[*channel], ADDRESSES[*address]);
                let codes = unique.clone().unwrap_or_else(|| vec![given.code]);
                let candidates =
                    codes.iter().map(|code| self.candidate(channel, address, CODES[*code], given.key));
                let mut start = Start {
                    candidates: candidates.collect(),
                    unique_in: unique.as_ref().map(|_| Channel::new(channel).unwrap()),
                    on_live: *on_live,
                    ..self.story.by_target(channel, address, CODES[given.code])
                };
                start.attributes.extra = Some(format!("{{\"code\":{}}}", given.code).into());
                Command::Start(Box::new(self.complete(start, given, channel, Some(address))))
            }
            Operation::Resend { nth, is_stale, cool_down, ip, is_claimed } => {
                let Started { namespace, external_id, vid, .. } = self.nth(*nth);
                self.story.namespace = namespace.clone();
                Command::Resend(Resend {
                    namespace,
                    now: self.story.now,
                    selector: external_id.map_or(Selector::Vid(vid), Selector::Id),
                    expected: if *is_stale { self.story.vid() } else { vid },
                    cool_down: Duration::from_millis(*cool_down),
                    throttle: self.throttle(*ip, CHANNELS[0], Some(ADDRESSES[0])),
                    deliveries: vec![self.story.message()],
                    claimant: is_claimed.then(|| self.story.node("a")),
                })
            }
            Operation::SetAddress { nth, is_stale, address, ip, is_claimed } => {
                let Started { namespace, external_id, vid, .. } = self.nth(*nth);
                self.story.namespace = namespace.clone();
                Command::SetAddress(SetAddress {
                    namespace,
                    now: self.story.now,
                    external_id: external_id?,
                    expected: if *is_stale { self.story.vid() } else { vid },
                    target: target(CHANNELS[0], ADDRESSES[*address]),
                    guess_subject: self.story.guesses_of(ADDRESSES[*address]),
                    throttle: self.throttle(*ip, CHANNELS[0], Some(ADDRESSES[*address])),
                    deliveries: vec![self.story.message()],
                    claimant: is_claimed.then(|| self.story.node("a")),
                })
            }
            Operation::Enqueue { nth, after, is_claimed } => {
                let Started { namespace, vid, .. } = self.nth(*nth);
                Command::Enqueue(Enqueue {
                    namespace,
                    now: self.story.now,
                    vid,
                    deliveries: vec![self.later(*after)],
                    claimant: is_claimed.then(|| self.story.node("b")),
                })
            }
            Operation::Check { tenant, who, code, keys, on_right, is_taken_again, is_strict } => {
                self.enter_that_of(who[0], *tenant);
                let guesses = who.iter().map(|who| self.guess(*who, CODES[*code], keys)).collect();
                let strict = GuessRule { burst: 2, budget: 4, ..GuessRule::default() };
                Command::Check(Check {
                    on_right: *on_right,
                    approved_again: *is_taken_again,
                    guess_rule: if *is_strict { strict } else { GuessRule::default() },
                    ..self.story.check_with(guesses)
                })
            }
            Operation::Cancel { tenant, who } => {
                self.enter_that_of(*who, *tenant);
                Command::Cancel(self.story.namespace.clone(), self.selector(*who))
            }
            Operation::DeleteIfApproved { tenant, who } => {
                self.enter_that_of(*who, *tenant);
                Command::DeleteIfApproved(self.story.namespace.clone(), self.selector(*who))
            }
            Operation::NewestTarget { tenant, channel, code } => Command::NewestTarget(NewestTarget {
                namespace: namespace(TENANTS[*tenant]),
                now: self.story.now,
                channel: Channel::new(CHANNELS[*channel]).unwrap(),
                digests: vec![look_up_digest(CHANNELS[*channel], CODES[*code])],
                subject: subject(&["look-ups", TENANTS[*tenant], CHANNELS[*channel]]),
                lookup_rule: LookupRule { burst: 2, wait: Duration::from_secs(10) },
            }),
            Operation::PutRules { tenant, channel, by_ip, by_target } => Command::PutRules(
                namespace(TENANTS[*tenant]),
                Channel::new(CHANNELS[*channel]).unwrap(),
                rules(by_ip.as_deref()),
                rules(by_target.as_deref()),
            ),
            Operation::Claim { node, max } => Command::Claim(self.story.node(["a", "b"][*node]), *max),
            Operation::Extend { nth, seconds } => {
                let claim = self.nth_claim(*nth)?;
                Command::Extend(Extend {
                    namespace: claim.delivery.namespace.clone(),
                    now: self.story.now,
                    id: claim.delivery.id,
                    fence: claim.delivery.fence,
                    lease_until: self.story.now.after(Duration::from_secs(*seconds)),
                })
            }
            Operation::Settle { settled } => {
                let settlements: Vec<_> =
                    settled.iter().filter_map(|settled| self.settlement(*settled)).collect();
                Command::Settle(settlements)
            }
            Operation::Receipt { nth } => Command::Receipt(Receipt {
                now: self.story.now,
                provider: ProviderId::new("main").unwrap(),
                message_id: format!("m-{}", self.accepted.saturating_sub(*nth)),
                status: "delivered".to_owned(),
            }),
            Operation::Hasten { nth } => {
                let delivery = &self.nth_claim(*nth)?.delivery;
                let namespace = delivery.namespace.clone();
                Command::Hasten(Hasten { namespace, now: self.story.now, id: delivery.id })
            }
            Operation::Unlock { tenant, address } => {
                self.enter(*tenant);
                let whom = ADDRESSES.iter().chain(&IDS).nth(*address)?;
                Command::Unlock(self.story.namespace.clone(), self.story.guesses_of(whom))
            }
            Operation::Purge => Command::Purge,
            Operation::RegisterKeys { keys } => Command::RegisterKeys(keys.clone()),
        })
    }

    /// Remembers what later steps may refer to.
    pub(super) fn started(&mut self, outcome: &StartOutcome) {
        if let StartOutcome::Started { verification, claims, .. } = outcome {
            let Verification { namespace, external_id, target, vid, .. } = Verification::clone(verification);
            self.started.push(Started { namespace, vid, external_id, target });
            self.claimed(claims);
        }
    }

    /// As [`Self::started`].
    pub(super) fn sent(&mut self, outcome: &SendOutcome) {
        if let SendOutcome::Sent { claims, .. } = outcome {
            self.claimed(claims);
        }
    }

    /// As [`Self::started`].
    pub(super) fn claimed(&mut self, claims: &[Claim]) {
        self.claims.extend(claims.iter().cloned());
    }

    fn enter(&mut self, tenant: usize) {
        self.story.namespace = namespace(TENANTS[tenant]);
    }

    /// The tenant of the one that is meant, or that one where nobody in particular is.
    fn enter_that_of(&mut self, who: Who, tenant: usize) {
        match who {
            Who::Id(_) | Who::Target(..) => self.enter(tenant),
            Who::Vid(nth) | Who::Name(nth) => self.story.namespace = self.nth(nth).namespace,
        }
    }

    fn complete(&self, start: Start, given: &Given, channel: &str, to: Option<&str>) -> Start {
        let mut candidates = start.candidates;
        if let (Some(after), Some(_)) = (given.follow_up, to) {
            candidates.iter_mut().for_each(|candidate| candidate.deliveries.push(self.later(Some(after))));
        }
        let dedupe = given.request.map(|request| Dedupe {
            key: subject(&["request", self.story.namespace.as_str(), &format!("{request}")]),
            until: self.story.now.after(Duration::from_secs(600)),
        });
        Start {
            limits: Limits { max_attempts: given.max_attempts, max_sends: given.max_sends },
            on_right: given.on_right,
            expires_at: self.story.now.after(Duration::from_millis(given.lives)),
            kept_after: Duration::from_millis(given.kept_after),
            throttle: given.throttle.and_then(|ip| self.throttle(ip.or(Some(usize::MAX)), channel, to)),
            dedupe,
            claimant: given.is_claimed.then(|| self.story.node("a")),
            candidates,
            ..start
        }
    }

    /// By IP address and target; an address that is not in the pool is none, and no address at all is no throttling.
    fn throttle(&self, ip: Option<usize>, channel: &str, to: Option<&str>) -> Option<Throttle> {
        Some(self.story.throttle(channel, IPS.get(ip?).copied(), to))
    }

    fn candidate(&self, channel: &str, address: &str, code: &str, key: u8) -> Candidate {
        let mut candidate = self.story.by_target(channel, address, code).candidates.remove(0);
        candidate.passcode.check = keyed(key, &["target", channel, address], code);
        candidate.taken_if = vec![look_up_digest(channel, code)];
        candidate
    }

    fn later(&self, after: Option<u64>) -> NewDelivery {
        let not_before = after.map(|after| self.story.now.after(Duration::from_millis(after)));
        NewDelivery { not_before, ..self.story.message() }
    }

    fn selector(&self, who: Who) -> Selector {
        match who {
            Who::Id(id) => Selector::Id(external_id(IDS[id])),
            Who::Target(channel, address) => Selector::Target(target(CHANNELS[channel], ADDRESSES[address])),
            Who::Vid(nth) => Selector::Vid(self.nth(nth).vid),
            Who::Name(nth) => match self.nth(nth) {
                Started { external_id: Some(id), .. } => Selector::Id(id),
                Started { target: Some(target), .. } => Selector::Target(target),
                Started { vid, .. } => Selector::Vid(vid),
            },
        }
    }

    fn guess(&self, who: Who, code: &str, keys: &[u8]) -> Guess {
        let digests = |bound_to: &[&str]| keys.iter().map(|key| keyed(*key, bound_to, code)).collect();
        let known = match who {
            Who::Id(id) => (Some(external_id(IDS[id])), None),
            Who::Target(channel, address) => (None, Some(target(CHANNELS[channel], ADDRESSES[address]))),
            Who::Vid(nth) | Who::Name(nth) => (self.nth(nth).external_id, self.nth(nth).target),
        };
        let digests = match known {
            (Some(id), _) => digests(&["id", id.as_str()]),
            (None, Some(target)) => digests(&["target", target.channel.as_str(), target.address.given()]),
            (None, None) => Vec::new(),
        };
        Guess { selector: self.selector(who), digests }
    }

    fn settlement(&mut self, settled: Settled) -> Option<Settlement> {
        let (nth, verdict) = match settled {
            Settled::Accepted(nth) => (nth, Verdict::Ended(Ended::Accepted)),
            Settled::Failed(nth) => (nth, Verdict::Ended(Ended::Failed)),
            Settled::Expired(nth) => (nth, Verdict::Ended(Ended::Expired)),
            Settled::Canceled(nth) => (nth, Verdict::Ended(Ended::Canceled)),
            Settled::Retry(nth, after) => {
                (nth, Verdict::Retry { at: self.story.now.after(Duration::from_millis(after)) })
            }
        };
        let is_accepted = verdict == Verdict::Ended(Ended::Accepted);
        self.accepted += usize::from(is_accepted);
        let claim = self.nth_claim(nth)?;
        let attempt = DeliveryAttempt {
            provider: "main".into(),
            at: self.story.now,
            outcome: if is_accepted { "accepted" } else { "transient" }.into(),
            message_id: is_accepted.then(|| format!("m-{}", self.accepted)),
            detail: None,
        };
        Some(Settlement {
            namespace: claim.delivery.namespace.clone(),
            id: claim.delivery.id,
            fence: claim.delivery.fence,
            verdict,
            attempts: vec![attempt],
        })
    }
}

fn keyed(number: u8, bound_to: &[&str], code: &str) -> KeyedDigest {
    KeyedDigest { key: key(number), digest: digest(number, bound_to, code) }
}

fn rules(rules: Option<&[Rule]>) -> Option<Vec<ThrottleRule>> {
    let rule = |rule: &Rule| ThrottleRule { rate: rule.rate, window: Duration::from_secs(rule.seconds) };
    rules.map(|rules| rules.iter().map(rule).collect())
}
