//! What each failure means for a delivery.
//!
//! | what happened | outcome |
//! |---|---|
//! | all in-sync replicas have the record | `Accepted`, the id `TOPIC-PARTITION@OFFSET` |
//! | no broker to be had, or no answer about the topic in time | `Transient`: nothing was handed over |
//! | the broker refuses our credentials, or its certificate is not trusted | `ProviderRefused` |
//! | we may not write to the topic or the cluster, its policy or its format refuse the record, no topic can have that name | `ProviderRefused` |
//! | there is no such topic or partition, no leader, too few replicas | `Transient` |
//! | the record is too large, or its tenant gives no name that a topic can have | `AddressRefused`: this message will never be taken |
//! | the broker asks us to slow down, or our queue is full | `Throttled` |
//! | any of the above that is about the topic, where the tenant says which topic | `Throttled`: a tenant that is none must stop nobody else's messages |
//! | handed over, and no answer in time; written, and too few replicas have it; anything else | `Unknown` |
//!
//! A missing topic may be one tenant's only: the others' records must go on, and librdkafka's time-out is soon enough.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use watchword_core::delivery::Outcome;

/// Bytes of an error's text in a detail.
const TEXT_BYTES: usize = 200;

/// What it means that a record was not delivered. `is_assigned`: it had found its partition, so it may have been sent.
/// `is_tenants`: the topic is one tenant's.
pub(super) fn of_failure(error: &KafkaError, is_assigned: bool, is_tenants: bool) -> Outcome {
    use RDKafkaErrorCode as Code;
    let Some(code) = error.rdkafka_error_code() else {
        // Not one of the client's own: nothing was handed over.
        return Outcome::Transient { detail: "the record could not be handed to the client".to_owned() };
    };
    let detail = shortened(code.to_string());
    if is_tenants && !is_assigned && is_about_topic(code) {
        // No breaker counts it.
        tracing::warn!(%detail, "a tenant's topic takes no records; its messages wait");
        return Outcome::Throttled { after: None };
    }
    if is_refusal(code) {
        return Outcome::ProviderRefused { detail };
    }
    match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => Outcome::AddressRefused { detail },
        Code::QueueFull | Code::ThrottlingQuotaExceeded => Outcome::Throttled { after: None },
        Code::MessageTimedOut if !is_assigned => {
            Outcome::Transient { detail: "the topic's leader was not to be had in time".to_owned() }
        }
        Code::MessageTimedOut => Outcome::Unknown { detail: "no answer in time".to_owned() },
        Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::UnknownPartition
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::NotEnoughReplicas
        | Code::AllBrokersDown
        | Code::Resolve
        | Code::PurgeQueue => Outcome::Transient { detail },
        _ => Outcome::Unknown { detail },
    }
}

/// Whether another topic may well be in order.
fn is_about_topic(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
            | Code::LeaderNotAvailable
            | Code::MessageTimedOut
            | Code::TopicAuthorizationFailed
            | Code::InvalidTopic
            | Code::PolicyViolation
    )
}

/// Whether it is about us rather than about this record or this moment.
pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::Authentication
            | Code::SSL
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::InvalidTopic
            | Code::InvalidRequiredAcks
            | Code::PolicyViolation
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::UnsupportedVersion
            | Code::UnsupportedForMessageFormat
            | Code::UnsupportedFeature
    )
}

pub(super) fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_without_a_topic_is_nothing_that_a_breaker_counts() {
        for code in [RDKafkaErrorCode::UnknownTopicOrPartition, RDKafkaErrorCode::TopicAuthorizationFailed] {
            let error = KafkaError::MessageProduction(code);
            assert_eq!(of_failure(&error, false, true), Outcome::Throttled { after: None }, "{code:?}");
            assert_ne!(of_failure(&error, false, false), Outcome::Throttled { after: None }, "{code:?}");
        }
        // What is about the broker is about everybody.
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::SaslAuthenticationFailed);
        assert!(matches!(of_failure(&error, false, true), Outcome::ProviderRefused { .. }));
    }
}
