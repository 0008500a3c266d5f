//! Commands as the engine sends them, with otpgateway's way of counting.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use watchword_core::address::{Address, Channel, Target};
use watchword_core::delivery::{
    BodyFormat, Claimant, DeliveryAttempt, DeliveryId, Ended, Message, NewDelivery, NodeId, Verdict,
};
use watchword_core::guess::GuessRule;
use watchword_core::keyring::{Binding, Keyring, Purpose, Subject};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::{Passcode, StoredPasscode};
use watchword_core::ports::{
    Candidate, Check, Guess, OnLive, Random, Select, Selector, Settlement, Start, StartOutcome,
};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Attributes, ExternalId, Limits, OnRight, RouteName, Vid};
use watchword_store::{SqliteOptions, SqliteStore};

/// When every test begins.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_000);

/// The passcode of every sample.
pub(crate) const PASSCODE: &str = "QX7-vmPz41-Kd93-ybW2-Hs6";

/// How long a sample lives.
pub(crate) const TTL: Duration = Duration::from_secs(300);

/// Bytes that differ each time, the same in each run.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
        }
    }
}

/// Makes commands.
pub(crate) struct Samples {
    pub(crate) namespace: Namespace,
    keyring: Keyring,
    random: Counter,
}

impl Samples {
    pub(crate) fn new() -> Self {
        let keyring = Keyring::new([&[7; 32]]).unwrap();
        Self { namespace: Namespace::new("dev").unwrap(), keyring, random: Counter::default() }
    }

    /// A start of `name` with one message that is claimed at once.
    pub(crate) fn start(&self, name: &str, now: Timestamp) -> Start {
        let id = ExternalId::new(name).unwrap();
        let address = Address::new(&format!("{name}@example.com")).unwrap();
        let guess_subject = self.keyring.subject(&self.namespace, Subject::Guesses(&address.canonical()));
        let passcode = Passcode::new(PASSCODE).unwrap();
        let vid = Vid::generate(&self.namespace, now, &self.random);
        let row = vid.as_uuid().as_bytes();
        let seal = |purpose, row: &[u8; 16], plain: &[u8]| {
            self.keyring.seal(purpose, &self.namespace, row, plain, &self.random)
        };
        let sealed = seal(Purpose::Passcode, row, PASSCODE.as_bytes());
        let delivery = DeliveryId::generate(now, &self.random);
        let message = Message {
            to: address.given().into(),
            subject: "Your code".into(),
            body: format!("Your code is {PASSCODE}. It is good for 5 minutes."),
            format: BodyFormat::Text,
            plain: None,
            given: None,
            passcode: passcode.clone(),
            ttl_seconds: TTL.as_secs(),
        };
        let body = format!("{}{}{PASSCODE}", message.subject, message.body);
        let route = RouteName::new("inbox").unwrap();
        Start {
            namespace: self.namespace.clone(),
            now,
            vid,
            target: Some(Target { channel: Channel::new("email").unwrap(), address: address.clone() }),
            route: route.clone(),
            guess_subject,
            on_live: OnLive::Replace,
            candidates: vec![Candidate {
                passcode: StoredPasscode {
                    check: self.keyring.digest(&self.namespace, Binding::External(&id), &passcode),
                    lookup: None,
                    sealed: Some(sealed),
                },
                taken_if: Vec::new(),
                deliveries: vec![NewDelivery {
                    id: delivery,
                    route,
                    message: seal(Purpose::Message, delivery.as_uuid().as_bytes(), body.as_bytes()),
                    masked_to: address.masked(),
                    not_before: None,
                }],
            }],
            external_id: Some(id),
            unique_in: None,
            limits: Limits { max_attempts: Some(5), max_sends: Some(3) },
            expires_at: now.after(TTL),
            kept_after: Duration::ZERO,
            on_right: OnRight::Delete,
            attributes: Attributes::default(),
            throttle: None,
            dedupe: None,
            claimant: Some(self.claimant(now)),
        }
    }

    pub(crate) fn claimant(&self, now: Timestamp) -> Claimant {
        Claimant { node: NodeId::new("0198c0ffee").unwrap(), lease_until: now.after(Duration::from_secs(13)) }
    }

    /// A check of `name` with the right passcode, or another one.
    pub(crate) fn check(&self, name: &str, passcode: &str, now: Timestamp) -> Check {
        let id = ExternalId::new(name).unwrap();
        let passcode = Passcode::new(passcode).unwrap();
        let digests = self.keyring.digests(&self.namespace, Binding::External(&id), &passcode);
        Check {
            namespace: self.namespace.clone(),
            now,
            guesses: vec![Guess { selector: Selector::Id(id), digests }],
            on_right: None,
            approved_again: true,
            guess_rule: GuessRule::default(),
        }
    }

    pub(crate) fn select(&self, name: &str, now: Timestamp) -> Select {
        let selector = Selector::Id(ExternalId::new(name).unwrap());
        Select { namespace: self.namespace.clone(), now, selector }
    }
}

/// The settlement of a start's one message: a provider took it.
pub(crate) fn accepted(outcome: &StartOutcome) -> Settlement {
    let StartOutcome::Started { claims, .. } = outcome else { panic!("{outcome:?}") };
    let delivery = &claims[0].delivery;
    Settlement {
        namespace: delivery.namespace.clone(),
        id: delivery.id,
        fence: delivery.fence,
        verdict: Verdict::Ended(Ended::Accepted),
        attempts: vec![DeliveryAttempt {
            provider: "inbox".into(),
            at: delivery.created_at,
            outcome: "accepted".into(),
            message_id: None,
            detail: None,
        }],
    }
}

/// A server's store.
pub(crate) fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions::default()).unwrap()
}
