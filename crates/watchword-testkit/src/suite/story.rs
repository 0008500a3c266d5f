//! The people and messages that the promises tell of: commands that are whole, for a test to change what it is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;
use watchword_core::address::{Address, Channel, Target};
use watchword_core::delivery::{Claim, Claimant, Delivery, DeliveryId, Ended, NewDelivery, NodeId, Verdict};
use watchword_core::guess::GuessRule;
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::{Namespace, Partition};
use watchword_core::passcode::{KeyedDigest, PasscodeDigest, Sealed, StoredPasscode};
use watchword_core::ports::{
    Candidate, Check, CheckOutcome, ClaimDue, Claimed, DeliveryQuery, Fenced, Guess, Hasten, HastenOutcome,
    OnLive, Purged, Resend, Select, Selector, SendOutcome, Settlement, Start, StartOutcome, Store,
};
use watchword_core::throttle::{Throttle, ThrottleKind, ThrottleSubject};
use watchword_core::time::Timestamp;
use watchword_core::verification::{
    Attributes, ExternalId, Limits, OnRight, RouteName, State, Verification, Vid,
};

use super::Fresh;
pub use super::outcome::{check_name, send_name, sent, start_name, started};
use crate::random::SeededRandom;

/// How long the nodes of a story lease what they claim.
pub const LEASE: Duration = Duration::from_secs(15);
/// How long its passcodes are good for.
pub const TTL: Duration = Duration::from_secs(300);

/// A fresh store, the time, and one tenant.
pub struct Story {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The time: only [`Self::pass`] moves it.
    pub now: Timestamp,
    /// The tenant.
    pub namespace: Namespace,
    /// The guess limits that checks come with.
    pub guess_rule: GuessRule,
    random: SeededRandom,
    next_delivery: AtomicU64,
    /// How often a race is run.
    pub rounds: usize,
    // The store may live in a folder that this keeps.
    _fresh: Fresh,
}

impl Story {
    /// A story in a fresh store.
    pub fn new(fresh: Fresh) -> Self {
        Self {
            store: Arc::clone(&fresh.store),
            now: Timestamp::from_millis(1_767_258_000_000),
            namespace: namespace("tenant"),
            guess_rule: GuessRule::default(),
            random: SeededRandom::new(7),
            next_delivery: AtomicU64::new(1),
            rounds: fresh.rounds,
            _fresh: fresh,
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// A new id of this tenant.
    pub fn vid(&self) -> Vid {
        Vid::generate(&self.namespace, self.now, &self.random)
    }

    /// A start by external id, as otpgateway does it: replaces, counts attempts and sends, a right check deletes.
    pub fn by_id(&self, id: &str, code: &str) -> Start {
        let target = target("email", "john@example.com");
        Start {
            external_id: Some(external_id(id)),
            guess_subject: self.guesses_of(target.address.given()),
            target: Some(target),
            on_live: OnLive::Replace,
            candidates: vec![self.candidate(self.stored(&["id", id], code))],
            limits: Limits { max_attempts: Some(5), max_sends: Some(3) },
            on_right: OnRight::Delete,
            ..self.bare()
        }
    }

    /// As [`Self::by_id`], with nowhere to send it to yet.
    pub fn by_id_without_address(&self, id: &str, code: &str) -> Start {
        let mut start = self.by_id(id, code);
        start.target = None;
        start.guess_subject = self.guesses_of(id);
        start.candidates[0].deliveries.clear();
        start
    }

    /// A start by target, as perfumer does it: stands beside others, without limits of its own, and its code stays good.
    pub fn by_target(&self, channel: &str, address: &str, code: &str) -> Start {
        let stored = StoredPasscode {
            lookup: Some(look_up_digest(channel, code)),
            sealed: Some(sealed(code)),
            ..self.stored(&["target", channel, address], code)
        };
        Start {
            target: Some(target(channel, address)),
            guess_subject: self.guesses_of(address),
            candidates: vec![self.candidate(stored)],
            ..self.bare()
        }
    }

    fn bare(&self) -> Start {
        Start {
            namespace: self.namespace.clone(),
            now: self.now,
            vid: self.vid(),
            external_id: None,
            target: None,
            route: RouteName::new("main").unwrap(),
            guess_subject: self.guesses_of("nobody"),
            on_live: OnLive::Add,
            candidates: Vec::new(),
            unique_in: None,
            limits: Limits::default(),
            expires_at: self.now.after(TTL),
            kept_after: Duration::ZERO,
            on_right: OnRight::Keep,
            attributes: Attributes::default(),
            throttle: None,
            dedupe: None,
            claimant: Some(self.node("a")),
        }
    }

    fn stored(&self, bound_to: &[&str], code: &str) -> StoredPasscode {
        let check = KeyedDigest { key: key(1), digest: digest(1, bound_to, code) };
        StoredPasscode { check, lookup: None, sealed: None }
    }

    /// A candidate with one message that goes out at once.
    pub fn candidate(&self, passcode: StoredPasscode) -> Candidate {
        Candidate { passcode, taken_if: Vec::new(), deliveries: vec![self.message()] }
    }

    /// A message that goes out at once. Ids grow from message to message.
    pub fn message(&self) -> NewDelivery {
        let number = self.next_delivery.fetch_add(1, Ordering::Relaxed);
        let at = u128::try_from(self.now.as_millis()).unwrap();
        NewDelivery {
            id: DeliveryId::from_uuid(Uuid::from_u128((at << 80) | u128::from(number))),
            route: RouteName::new("main").unwrap(),
            message: Sealed::from_bytes(format!("sealed message {number}").into_bytes()),
            masked_to: "j…@e….com".to_owned(),
            not_before: None,
        }
    }

    /// The row that wrong guesses at this address (or id, where there is none) are counted in.
    pub fn guesses_of(&self, address: &str) -> SubjectKey {
        subject(&["guesses", self.namespace.as_str(), address])
    }

    /// What a send from this IP address to this target counts against.
    pub fn throttle(&self, channel: &str, ip: Option<&str>, to: Option<&str>) -> Throttle {
        let count = |kind, who: &str| ThrottleSubject {
            kind,
            key: subject(&["sends", self.namespace.as_str(), channel, &format!("{kind}"), who]),
        };
        let by_ip = ip.map(|ip| count(ThrottleKind::Ip, ip));
        let by_target = to.map(|to| count(ThrottleKind::Target, to));
        Throttle {
            channel: Channel::new(channel).unwrap(),
            subjects: by_ip.into_iter().chain(by_target).collect(),
        }
    }

    /// A node that claims from now on.
    pub fn node(&self, name: &str) -> Claimant {
        Claimant { node: NodeId::new(name).unwrap(), lease_until: self.now.after(LEASE) }
    }

    /// A guess at the verification of that external id.
    pub fn check_id(&self, id: &str, code: &str) -> Check {
        self.check_with(vec![Guess {
            selector: Selector::Id(external_id(id)),
            digests: vec![KeyedDigest { key: key(1), digest: digest(1, &["id", id], code) }],
        }])
    }

    /// A guess at those of these targets (channel, address).
    pub fn check_targets(&self, targets: &[(&str, &str)], code: &str) -> Check {
        let guess = |(channel, address): &(&str, &str)| Guess {
            selector: Selector::Target(target(channel, address)),
            digests: vec![KeyedDigest {
                key: key(1),
                digest: digest(1, &["target", channel, address], code),
            }],
        };
        self.check_with(targets.iter().map(guess).collect())
    }

    /// A check with these guesses.
    pub fn check_with(&self, guesses: Vec<Guess>) -> Check {
        Check {
            namespace: self.namespace.clone(),
            now: self.now,
            guesses,
            on_right: None,
            approved_again: true,
            guess_rule: self.guess_rule,
        }
    }

    /// A resend of that verification, with one message.
    pub fn resend_of(&self, verification: &Verification) -> Resend {
        let by_id = verification.external_id.clone().map(Selector::Id);
        Resend {
            namespace: self.namespace.clone(),
            now: self.now,
            selector: by_id.unwrap_or(Selector::Vid(verification.vid)),
            expected: verification.vid,
            cool_down: Duration::ZERO,
            throttle: None,
            deliveries: vec![self.message()],
            claimant: Some(self.node("a")),
        }
    }

    /// Names verifications of this tenant.
    pub fn select(&self, selector: Selector) -> Select {
        Select { namespace: self.namespace.clone(), now: self.now, selector }
    }

    /// All deliveries of all tenants, the newest first.
    pub async fn deliveries(&self) -> Vec<Delivery> {
        self.list(EVERY_DELIVERY).await
    }

    /// The deliveries that are asked for.
    pub async fn list(&self, query: DeliveryQuery) -> Vec<Delivery> {
        self.store.deliveries(query).await.expect("the store works")
    }

    /// The delivery with that id.
    pub async fn delivery(&self, id: DeliveryId) -> Option<Delivery> {
        self.store.delivery(id).await.expect("the store works")
    }

    /// Hastens it.
    pub async fn hasten(&self, id: DeliveryId) -> HastenOutcome {
        let hasten = Hasten { namespace: self.namespace.clone(), now: self.now, id };
        self.store.hasten(hasten).await.expect("the store works")
    }

    /// How a claim is settled.
    pub fn settlement(&self, claim: &Claim, verdict: Verdict) -> Settlement {
        Settlement {
            namespace: self.namespace.clone(),
            id: claim.delivery.id,
            fence: claim.delivery.fence,
            verdict,
            attempts: Vec::new(),
        }
    }

    /// Starts.
    pub async fn start(&self, start: Start) -> StartOutcome {
        self.store.start(start).await.expect("the store works")
    }

    /// Starts, and gives back what stands.
    pub async fn begin(&self, start: Start) -> Arc<Verification> {
        started(self.start(start).await).0
    }

    /// Checks.
    pub async fn check(&self, check: Check) -> CheckOutcome {
        self.store.check(check).await.expect("the store works")
    }

    /// Checks an id's code several times in a row, and names what came of it.
    pub async fn check_ids(&self, id: &str, codes: &[&str]) -> Vec<&'static str> {
        let mut names = Vec::new();
        for code in codes {
            names.push(check_name(&self.check(self.check_id(id, code)).await));
        }
        names
    }

    /// Sends again.
    pub async fn resend(&self, resend: Resend) -> SendOutcome {
        self.store.resend(resend).await.expect("the store works")
    }

    /// The live one of that external id.
    pub async fn live(&self, id: &str) -> Option<Arc<Verification>> {
        self.get(Selector::Id(external_id(id))).await
    }

    /// The newest one that is selected.
    pub async fn get(&self, selector: Selector) -> Option<Arc<Verification>> {
        self.store.get(self.select(selector)).await.expect("the store works")
    }

    /// Claims what is due in all partitions, for that node.
    pub async fn claim(&self, node: &str, max: usize) -> Claimed {
        let mut claimed = Claimed::default();
        for partition in self.store.partitions() {
            let found = self.claim_in(partition, node, max - claimed.claims.len()).await;
            claimed.claims.extend(found.claims);
            claimed.next_due = claimed.next_due.into_iter().chain(found.next_due).min();
        }
        claimed
    }

    async fn claim_in(&self, partition: Partition, node: &str, max: usize) -> Claimed {
        let claim = ClaimDue { partition, now: self.now, claimant: self.node(node), max };
        self.store.claim(claim).await.expect("the store works")
    }

    /// Settles one claim.
    pub async fn settle(&self, claim: &Claim, verdict: Verdict) -> Fenced {
        let settlements = vec![self.settlement(claim, verdict)];
        self.store.settle(self.now, settlements).await.expect("the store works")[0]
    }

    /// Removes at most `max` rows of each partition.
    pub async fn purge(&self, max: usize) -> Purged {
        let mut purged = Purged::default();
        for partition in self.store.partitions() {
            let removed = self.store.purge(partition, self.now, max).await.expect("the store works");
            purged.rows += removed.rows;
            purged.more |= removed.more;
        }
        purged
    }

    /// Purges until nothing is left to purge.
    pub async fn purge_all(&self) {
        // Bounded, for a store that always says there is more.
        for _ in 0..1_000 {
            if !self.purge(100).await.more {
                return;
            }
        }
        panic!("the purge never ends");
    }

    /// Asserts that nothing is left to be sent, now or later.
    pub async fn expect_nothing_unsent(&self, why: &str) {
        let stats = self.store.stats().await.expect("the store works");
        assert_eq!((stats.outbox, stats.oldest_due), (0, None), "unsent messages: {why}");
        let claimed = self.claim("last", 100).await;
        assert_eq!(claimed, Claimed::default(), "{why}");
    }
}

/// Asks for all there are.
pub const EVERY_DELIVERY: DeliveryQuery =
    DeliveryQuery { namespace: None, state: None, from: None, before: None, max: usize::MAX };

/// It ended so.
pub const ACCEPTED: Verdict = Verdict::Ended(Ended::Accepted);
/// It ended so.
pub const FAILED: Verdict = Verdict::Ended(Ended::Failed);

/// A tenant.
pub fn namespace(name: &str) -> Namespace {
    Namespace::new(name).unwrap()
}

/// A caller's own name.
pub fn external_id(id: &str) -> ExternalId {
    ExternalId::new(id).unwrap()
}

/// A channel and address.
pub fn target(channel: &str, address: &str) -> Target {
    Target { channel: Channel::new(channel).unwrap(), address: Address::new(address).unwrap() }
}

/// The id of the key of that number.
pub fn key(number: u8) -> KeyId {
    KeyId::from_bytes([number; 8])
}

/// The digest under key `key` of a code bound to these parts. It only has to differ where they do.
pub fn digest(key: u8, bound_to: &[&str], code: &str) -> PasscodeDigest {
    let mut bytes = [0; 32];
    for (index, half) in bytes.chunks_mut(16).enumerate() {
        half.copy_from_slice(subject(&[&[&format!("{key}{index}"), code], bound_to].concat()).as_bytes());
    }
    PasscodeDigest::from_bytes(bytes)
}

/// The digest that a code is looked up by on a channel.
pub fn look_up_digest(channel: &str, code: &str) -> PasscodeDigest {
    digest(1, &["look-up", channel], code)
}

/// A sealed code: stores don't look inside.
pub fn sealed(code: &str) -> Sealed {
    Sealed::from_bytes(format!("sealed {code}").into_bytes())
}

/// A row's key, made from what it counts.
pub fn subject(parts: &[&str]) -> SubjectKey {
    // FNV-1a of 128 bits, each part with an end that no text holds.
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xFF]));
    let mixed = bytes.fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |mixed, byte| {
        (mixed ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
    });
    SubjectKey::from_bytes(mixed.to_be_bytes())
}

/// The state, attempts and sends of a verification.
pub fn counts(verification: &Verification) -> (State, u32, u32) {
    (verification.state, verification.attempts, verification.sends)
}
