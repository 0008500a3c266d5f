//! A message on its way, and the time at which it goes.

use std::sync::Arc;
use std::time::Duration;

use watchword_core::address::{Address, Channel, Target};
use watchword_core::delivery::{BodyFormat, Delivery, DeliveryId, Message, NewDelivery, Outcome, ProviderId};
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::{KeyedDigest, Passcode, PasscodeDigest, Sealed, StoredPasscode};
use watchword_core::ports::{Clock, Outgoing, Provider};
use watchword_core::time::Timestamp;
use watchword_core::verification::{
    Attributes, ExternalId, Limits, OnRight, RouteName, State, Verification, Vid,
};
use watchword_testkit::random::SeededRandom;
use watchword_testkit::time::FakeClock;

/// Sun, 06 Nov 1994 08:49:37 GMT.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(784_111_777_000);

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(FakeClock::new(NOW))
}

pub(crate) fn provider_id(name: &str) -> ProviderId {
    ProviderId::new(name).unwrap()
}

pub(crate) struct Sample {
    pub(crate) delivery: Delivery,
    pub(crate) verification: Verification,
    pub(crate) message: Message,
}

impl Sample {
    /// The first one.
    pub(crate) fn new() -> Self {
        Self::numbered(0xab)
    }

    /// The same message under another delivery id.
    pub(crate) fn numbered(number: u8) -> Self {
        let namespace = Namespace::new("myAppName").unwrap();
        let route = RouteName::new("my_webhook").unwrap();
        let verification = Verification {
            vid: Vid::generate(&namespace, NOW, &SeededRandom::new(0)),
            namespace,
            external_id: Some(ExternalId::new("user/42").unwrap()),
            target: Some(Target {
                channel: Channel::new("sms").unwrap(),
                address: Address::new("+7 701 123 45 67").unwrap(),
            }),
            route: route.clone(),
            guess_subject: SubjectKey::from_bytes([0; 16]),
            passcode: StoredPasscode {
                check: KeyedDigest {
                    key: KeyId::from_bytes([0; 8]),
                    digest: PasscodeDigest::from_bytes([0; 32]),
                },
                lookup: None,
                sealed: None,
            },
            attributes: Attributes {
                channel_description: "We send \"it\" by SMS".to_owned(),
                address_description: "Your number".to_owned(),
                extra: Some("{\"b\":1.0,\"a\":1e5,\"a\":2}".into()),
            },
            state: State::Pending,
            attempts: 2,
            sends: 1,
            limits: Limits { max_attempts: Some(5), max_sends: Some(3) },
            on_right: OnRight::Close,
            created_at: NOW,
            expires_at: NOW.after(Duration::from_mins(5)),
            kept_after: Duration::ZERO,
            last_sent_at: None,
        };
        let new = NewDelivery {
            id: DeliveryId::generate(NOW, &SeededRandom::new(u64::from(number))),
            route,
            message: Sealed::from_bytes(Vec::new()),
            masked_to: "+7…67".to_owned(),
            not_before: None,
        };
        Self {
            delivery: Delivery::enter(new, &verification, None, NOW),
            verification,
            message: Message {
                to: "+7 701 123 45 67".to_owned(),
                subject: "Код / Code".to_owned(),
                body: "Code: 314159\n<b>&amp;</b>".to_owned(),
                format: BodyFormat::Text,
                plain: None,
                given: None,
                passcode: Passcode::new("314159").unwrap(),
                ttl_seconds: 300,
            },
        }
    }

    pub(crate) fn outgoing(&self) -> Outgoing<'_> {
        Outgoing { delivery: &self.delivery, verification: &self.verification, message: &self.message }
    }

    /// Sends, and sees to it that an answer comes in time and gives nothing away.
    pub(crate) async fn send(&self, provider: &dyn Provider) -> Outcome {
        let outcome = tokio::time::timeout(provider.timeout(), provider.send(self.outgoing()))
            .await
            .expect("an answer within the provider's own timeout");
        for secret in ["314159", "701", "hunter2", "secret-path", "token"] {
            assert!(!format!("{outcome:?}").contains(secret), "{outcome:?} holds {secret}");
        }
        outcome
    }
}
