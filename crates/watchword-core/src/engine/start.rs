//! Beginning a verification.

use std::sync::Arc;
use std::time::Duration;

use super::unabandoned::Unabandoned;
use super::{Composing, Engine, Letter, ThrottleBy, Words};
use crate::address::{Address, Channel, Target};
use crate::delivery::{Claimant, DeliveryMode};
use crate::dispatcher::{Attached, Prepared};
use crate::error::Error;
use crate::fail_point;
use crate::keyring::{Binding, Purpose, Subject};
use crate::namespace::Namespace;
use crate::passcode::{Passcode, StoredPasscode};
use crate::ports::{Candidate, Dedupe, OnLive, Start, StartOutcome};
use crate::time::Timestamp;
use crate::verification::{Attributes, ExternalId, Limits, OnRight, RouteName, Verification, Vid};

/// How many passcodes are tried for one that is unique.
const UNIQUE_CANDIDATES: usize = 8;

/// Where the passcode comes from.
#[derive(Clone, Debug)]
pub enum PasscodeSource {
    /// The caller brings it.
    Given(Passcode),
    /// So many random digits.
    Digits(usize),
    /// So many random digits, unlike any other that is live on the channel.
    UniqueDigits(usize),
}

/// What a dialect asks for when a verification begins.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// Whose.
    pub namespace: Namespace,
    /// The caller's name for it; without one it is found by its target.
    pub external_id: Option<ExternalId>,
    /// The medium.
    pub channel: Channel,
    /// Who is to prove it, and where [`Engine::start`] sends the message; without it nothing is sent yet.
    pub address: Option<Address>,
    /// Which providers carry that message, and those that are sent later.
    pub route: RouteName,
    /// The passcode.
    pub passcode: PasscodeSource,
    /// Whether the passcode is kept sealed, to be given back or sent again.
    pub keep_passcode: bool,
    /// Whether the target can be looked up by the passcode.
    pub look_up_by_passcode: bool,
    /// What to do when one is live already.
    pub on_live: OnLive,
    /// The most attempts and sends.
    pub limits: Limits,
    /// How long it is live.
    pub ttl: Duration,
    /// How long it stays findable after that.
    pub kept_after: Duration,
    /// What a right check does.
    pub on_right: OnRight,
    /// What the caller attached.
    pub attributes: Attributes,
    /// The throttle rules that apply; `None`: none, and nothing is counted.
    pub throttle: Option<ThrottleBy>,
    /// What is the same when the request comes twice, and how long to remember it.
    pub dedupe: Option<(String, Duration)>,
    /// Whether the caller waits for the message to go out.
    pub mode: DeliveryMode,
}

/// A verification that began.
#[derive(Debug)]
pub struct Started {
    /// As stored.
    pub verification: Arc<Verification>,
    /// Its passcode.
    pub passcode: Passcode,
    /// The message on its way, where the caller waits for it ([`DeliveryMode::Attached`]).
    pub delivery: Option<Attached>,
}

/// What a candidate is in the clear.
struct PreparedCandidate {
    passcode: Passcode,
    messages: Vec<Prepared>,
}

impl Engine {
    /// Begins a verification; `compose` words its message for a passcode, which goes to the request's address. Without an address
    /// nothing is sent.
    ///
    /// Once this returns, the verification and its message are durable. It goes on when the caller goes away meanwhile.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Exists`], [`Error::Throttled`], [`Error::SubjectMissing`], [`Error::Duplicate`],
    /// [`Error::NoFreePasscode`], [`Error::Overloaded`], [`Error::Store`]. Nothing was sent, then.
    pub async fn start(
        &self,
        request: StartRequest,
        compose: impl Fn(&Passcode) -> Words,
    ) -> Result<Started, Error> {
        let (route, address) = (request.route.clone(), request.address.clone());
        let letter = |passcode: &Passcode| {
            let to = address.clone()?;
            Some(Letter { route: route.clone(), to, words: compose(passcode) })
        };
        self.start_with(request, |passcode| letter(passcode).into_iter().collect()).await
    }

    /// As [`Self::start`], with as many messages as `compose` makes, none included, each by its own route to its own address:
    /// the request's address is only who is to prove what. A caller that waits ([`DeliveryMode::Attached`]) waits for the first.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(
        &self,
        request: StartRequest,
        compose: impl Fn(&Passcode) -> Vec<Letter>,
    ) -> Result<Started, Error> {
        let now = self.now();
        let composed = self.composed(&request.passcode, compose);
        let claimant = match composed.iter().any(|(_, letters)| !letters.is_empty()) {
            false => None,
            true => self.dispatcher.claimant(request.mode, now)?,
        };
        let (mut prepared, command) = self.start_command(&request, now, claimant, composed);
        let mode = request.mode;
        let engine = self.clone();
        let starting = async move {
            match engine.parts.store.start(command).await? {
                StartOutcome::Started { verification, candidate, claims } => {
                    fail_point::reached("after_commit").await;
                    let PreparedCandidate { passcode, messages } = prepared.swap_remove(candidate);
                    let delivery = engine.dispatcher.accept(claims, messages, mode, &verification);
                    Ok(Started { verification, passcode, delivery })
                }
                StartOutcome::Reused(verification) | StartOutcome::Exists(verification) => {
                    Err(Error::Exists(verification))
                }
                StartOutcome::Locked(verification) => Err(Error::Locked(verification)),
                StartOutcome::Throttled(throttled) => Err(throttled.into()),
                StartOutcome::SubjectMissing(kind) => Err(Error::SubjectMissing(kind)),
                StartOutcome::Duplicate => Err(Error::Duplicate),
                StartOutcome::NoFreeCandidate => Err(Error::NoFreePasscode),
            }
        };
        Unabandoned::new(&self.parts.tasks, starting).await
    }

    /// The passcodes that may be used, each with the messages that carry it.
    fn composed(
        &self,
        source: &PasscodeSource,
        compose: impl Fn(&Passcode) -> Vec<Letter>,
    ) -> Vec<(Passcode, Vec<Letter>)> {
        let (count, digits) = match source {
            PasscodeSource::Given(passcode) => return vec![(passcode.clone(), compose(passcode))],
            PasscodeSource::Digits(digits) => (1, *digits),
            PasscodeSource::UniqueDigits(digits) => (UNIQUE_CANDIDATES, *digits),
        };
        let candidate = |_| {
            let passcode = Passcode::generate_digits(digits, &*self.parts.random);
            let letters = compose(&passcode);
            (passcode, letters)
        };
        (0..count).map(candidate).collect()
    }

    fn start_command(
        &self,
        request: &StartRequest,
        now: Timestamp,
        claimant: Option<Claimant>,
        composed: Vec<(Passcode, Vec<Letter>)>,
    ) -> (Vec<PreparedCandidate>, Start) {
        let unique = matches!(request.passcode, PasscodeSource::UniqueDigits(_));
        let vid = self.new_vid(&request.namespace, now);
        let target =
            request.address.clone().map(|address| Target { channel: request.channel.clone(), address });
        let (candidates, prepared) = composed
            .into_iter()
            .map(|(passcode, letters)| {
                let sealed = letters.into_iter().map(|Letter { route, to, words }| {
                    let context = Composing {
                        namespace: &request.namespace,
                        route: &route,
                        address: &to,
                        ttl_seconds: request.ttl.as_secs(),
                        now,
                    };
                    self.new_delivery(&context, &passcode, words)
                });
                let (deliveries, messages) = sealed.unzip();
                let binding = Binding::Channel(&request.channel);
                let look_up = || self.look_up_digests(&request.namespace, binding, &passcode);
                let candidate = Candidate {
                    passcode: self.stored_passcode(request, vid, target.as_ref(), &passcode),
                    taken_if: if unique { look_up() } else { Vec::new() },
                    deliveries,
                };
                (candidate, PreparedCandidate { passcode, messages })
            })
            .unzip();
        let dedupe = request.dedupe.as_ref().map(|(key, remembered)| Dedupe {
            key: self.parts.keyring.subject(&request.namespace, Subject::Request(key)),
            until: now.after(*remembered),
        });
        let command = Start {
            namespace: request.namespace.clone(),
            now,
            vid,
            external_id: request.external_id.clone(),
            route: request.route.clone(),
            guess_subject: self.guess_subject(
                &request.namespace,
                request.address.as_ref(),
                request.external_id.as_ref(),
            ),
            on_live: request.on_live,
            candidates,
            unique_in: unique.then(|| request.channel.clone()),
            limits: request.limits,
            expires_at: now.after(request.ttl),
            kept_after: request.kept_after,
            on_right: request.on_right,
            attributes: request.attributes.clone(),
            throttle: self.throttle(
                request.throttle.as_ref(),
                &request.namespace,
                &request.channel,
                request.address.as_ref(),
            ),
            dedupe,
            claimant,
            target,
        };
        (prepared, command)
    }

    pub(super) fn stored_passcode(
        &self,
        request: &StartRequest,
        vid: Vid,
        target: Option<&Target>,
        passcode: &Passcode,
    ) -> StoredPasscode {
        let keyring = &self.parts.keyring;
        let namespace = &request.namespace;
        let binding = match (&request.external_id, target) {
            (Some(id), _) => Binding::External(id),
            (None, Some(target)) => Binding::Target(target),
            (None, None) => Binding::Channel(&request.channel),
        };
        let seal = || {
            let row = vid.as_uuid().as_bytes();
            keyring.seal(Purpose::Passcode, namespace, row, passcode.expose().as_bytes(), &*self.parts.random)
        };
        let look_up = || keyring.digest(namespace, Binding::Channel(&request.channel), passcode).digest;
        StoredPasscode {
            check: keyring.digest(namespace, binding, passcode),
            lookup: request.look_up_by_passcode.then(look_up),
            sealed: request.keep_passcode.then(seal),
        }
    }
}
