//! The messages that are sent: HTML with a code, all alike but for their ids.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use watchword_core::address::{Address, Channel, Target};
use watchword_core::delivery::{BodyFormat, Delivery, DeliveryId, Message, NewDelivery};
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::{KeyedDigest, Passcode, PasscodeDigest, Sealed, StoredPasscode};
use watchword_core::ports::{Outgoing, Random};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Attributes, Limits, OnRight, RouteName, State, Verification, Vid};

/// What a person gets.
const BODY: &str = include_str!("message.html");

/// The code in it.
const PASSCODE: &str = "314159";

/// Bytes that differ from call to call: ids must, and nobody guesses at these.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

/// Makes messages to one address.
pub(super) struct Samples {
    verification: Verification,
    message: Message,
    random: Counting,
    now: Timestamp,
}

/// Why there can be no messages to an address.
#[derive(Debug, thiserror::Error)]
#[error("not an address")]
pub(super) struct SampleError;

impl Samples {
    /// # Errors
    ///
    /// When `to` is not an address.
    pub(super) fn new(to: &str, now: Timestamp) -> Result<Self, SampleError> {
        let random = Counting(AtomicU64::new(0));
        let namespace = Namespace::new("myApp").map_err(|_| SampleError)?;
        let channel = Channel::new("E-mail").map_err(|_| SampleError)?;
        let key = KeyId::from_bytes([0; 8]);
        let check = KeyedDigest { key, digest: PasscodeDigest::from_bytes([0; 32]) };
        let verification = Verification {
            vid: Vid::generate(&namespace, now, &random),
            namespace,
            external_id: None,
            target: Some(Target { channel, address: Address::new(to).map_err(|_| SampleError)? }),
            route: RouteName::new("smtp").map_err(|_| SampleError)?,
            guess_subject: SubjectKey::from_bytes([0; 16]),
            passcode: StoredPasscode { check, lookup: None, sealed: None },
            attributes: Attributes {
                channel_description: String::new(),
                address_description: String::new(),
                extra: None,
            },
            state: State::Pending,
            attempts: 1,
            sends: 1,
            limits: Limits { max_attempts: Some(5), max_sends: Some(3) },
            on_right: OnRight::Close,
            created_at: now,
            expires_at: now.after(Duration::from_mins(5)),
            kept_after: Duration::ZERO,
            last_sent_at: None,
        };
        let message = Message {
            to: to.to_owned(),
            subject: format!("myApp: {PASSCODE}"),
            body: BODY.to_owned(),
            format: BodyFormat::Html,
            plain: None,
            given: None,
            passcode: Passcode::new(PASSCODE).map_err(|_| SampleError)?,
            ttl_seconds: 300,
        };
        Ok(Self { verification, message, random, now })
    }

    /// A delivery of its own id.
    pub(super) fn delivery(&self) -> Delivery {
        let new = NewDelivery {
            id: DeliveryId::generate(self.now, &self.random),
            route: self.verification.route.clone(),
            message: Sealed::from_bytes(Vec::new()),
            masked_to: String::new(),
            not_before: None,
        };
        Delivery::enter(new, &self.verification, None, self.now)
    }

    /// What a provider is handed.
    pub(super) fn outgoing<'a>(&'a self, delivery: &'a Delivery) -> Outgoing<'a> {
        Outgoing { delivery, verification: &self.verification, message: &self.message }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_delivery_has_an_id_of_its_own_and_the_message_holds_its_code() {
        let samples = Samples::new("user@example.com", Timestamp::from_millis(784_111_777_000)).unwrap();
        let ids: HashSet<_> = (0..1_000).map(|_| samples.delivery().id.to_string()).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(BODY.contains(PASSCODE));
    }
}
