//! Providers of the kind `kafka`, as configuration makes them.

use std::sync::Arc;
use std::time::Duration;

use watchword_core::delivery::Outcome;
use watchword_core::ports::{Clock, Provider};
use watchword_delivery::kafka::{KafkaSettings, Sends};
use watchword_delivery::registry::{ProviderSettings, Registry};

use crate::sample::{clock, provider_id};

/// Quick to give up.
pub(crate) fn settings(brokers: &str, topic: &str) -> KafkaSettings {
    KafkaSettings { timeout: Some(Duration::from_secs(5)), ..KafkaSettings::new(brokers, topic, Sends::Sms) }
}

pub(crate) fn build(settings: KafkaSettings) -> Result<Arc<dyn Provider>, String> {
    build_at(settings, clock())
}

pub(crate) fn build_at(settings: KafkaSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, String> {
    let settings = ProviderSettings::Kafka(settings);
    Registry::new(clock).build(provider_id("digit"), &settings).map_err(|error| error.to_string())
}

/// Whether it was taken; the first record of a topic's only partition has the offset 0.
pub(crate) fn accepted(topic: &str, offset: u64) -> Outcome {
    Outcome::Accepted { message_id: Some(format!("{topic}-0@{offset}")) }
}
