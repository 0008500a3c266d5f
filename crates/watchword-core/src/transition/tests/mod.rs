//! The decisions, one table each: what was stored, what was asked, what becomes of it.

mod check;
mod close;
mod deliver;
mod look_up;
mod send;
mod start;
mod throttled;

use std::time::Duration;

use uuid::Uuid;

use crate::address::{Address, Channel, Target};
use crate::delivery::{Claimant, Delivery, DeliveryId, NewDelivery, NodeId};
use crate::guess::GuessRule;
use crate::keyring::{KeyId, SubjectKey};
use crate::namespace::Namespace;
use crate::passcode::{KeyedDigest, PasscodeDigest, Sealed, StoredPasscode};
use crate::ports::{Candidate, Check, Guess, OnLive, Selector, Start};
use crate::time::Timestamp;
use crate::verification::{Attributes, ExternalId, Limits, OnRight, RouteName, State, Verification, Vid};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const LIVES: Duration = Duration::from_secs(300);
const RIGHT: u8 = 1;
const WRONG: u8 = 9;

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn vid(number: u128) -> Vid {
    Vid::from_uuid(Uuid::from_u128(number))
}

fn subject(number: u8) -> SubjectKey {
    SubjectKey::from_bytes([number; 16])
}

fn key(number: u8) -> KeyId {
    KeyId::from_bytes([number; 8])
}

fn external_id() -> ExternalId {
    ExternalId::new("john-1").unwrap()
}

fn target() -> Target {
    Target { channel: Channel::new("sms").unwrap(), address: Address::new("+1").unwrap() }
}

/// The digest of a code under key 1.
fn digest(code: u8) -> KeyedDigest {
    KeyedDigest { key: key(1), digest: PasscodeDigest::from_bytes([code; 32]) }
}

fn passcode(code: u8) -> StoredPasscode {
    StoredPasscode { check: digest(code), lookup: None, sealed: None }
}

/// Live and pending, five attempts of which one is used, as otpgateway's first PUT leaves it.
fn verification() -> Verification {
    Verification {
        vid: vid(1),
        namespace: Namespace::new("tenant").unwrap(),
        external_id: Some(external_id()),
        target: Some(target()),
        route: RouteName::new("main").unwrap(),
        guess_subject: subject(1),
        passcode: passcode(RIGHT),
        attributes: Attributes::default(),
        state: State::Pending,
        attempts: 1,
        sends: 1,
        limits: Limits { max_attempts: Some(5), max_sends: Some(3) },
        on_right: OnRight::Delete,
        created_at: NOW,
        expires_at: NOW.after(LIVES),
        kept_after: Duration::ZERO,
        last_sent_at: Some(NOW),
    }
}

fn message(number: u128, not_before: Option<Timestamp>) -> NewDelivery {
    NewDelivery {
        id: DeliveryId::from_uuid(Uuid::from_u128(number)),
        route: RouteName::new("main").unwrap(),
        message: Sealed::from_bytes(vec![1, 2, 3]),
        masked_to: "+7…67".to_owned(),
        not_before,
    }
}

fn node(name: &str) -> Claimant {
    Claimant { node: NodeId::new(name).unwrap(), lease_until: later(15) }
}

/// Claimed by node `a` when it entered.
fn delivery() -> Delivery {
    Delivery::enter(message(1, None), &verification(), Some(&node("a")), NOW)
}

/// As otpgateway's PUT asks for it, of the code 2.
fn start(on_live: OnLive) -> Start {
    Start {
        namespace: Namespace::new("tenant").unwrap(),
        now: NOW,
        vid: vid(2),
        external_id: Some(external_id()),
        target: Some(target()),
        route: RouteName::new("main").unwrap(),
        guess_subject: subject(1),
        on_live,
        candidates: vec![Candidate {
            passcode: passcode(2),
            taken_if: Vec::new(),
            deliveries: vec![message(2, None)],
        }],
        unique_in: None,
        limits: Limits { max_attempts: Some(5), max_sends: Some(3) },
        expires_at: NOW.after(LIVES),
        kept_after: Duration::ZERO,
        on_right: OnRight::Delete,
        attributes: Attributes::default(),
        throttle: None,
        dedupe: None,
        claimant: Some(node("a")),
    }
}

/// A guess of that code under key 1, at whatever was found.
fn check(code: u8) -> Check {
    Check {
        namespace: Namespace::new("tenant").unwrap(),
        now: NOW,
        guesses: vec![Guess { selector: Selector::Id(external_id()), digests: vec![digest(code)] }],
        on_right: None,
        approved_again: true,
        guess_rule: GuessRule::default(),
    }
}
