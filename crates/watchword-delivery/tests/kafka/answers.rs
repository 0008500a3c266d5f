//! What a cluster's answers mean, on librdkafka's own mock of one: a real one gives most of them only by accident.

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use watchword_core::delivery::Outcome;

use crate::provider::{build, settings};
use crate::sample::Sample;

type Cluster = MockCluster<'static, rdkafka::producer::DefaultProducerContext>;

fn cluster(brokers: i32) -> Cluster {
    let cluster = MockCluster::new(brokers).unwrap();
    cluster.create_topic("sms", 1, brokers).unwrap();
    cluster
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
}

#[tokio::test]
async fn a_change_of_leader_goes_unnoticed() {
    let cluster = cluster(3);
    let provider = build(settings(&cluster.bootstrap_servers(), "sms")).unwrap();
    for (number, leader) in (0..).zip([1, 2, 3, 1, 3]) {
        cluster.partition_leader("sms", 0, Some(leader)).unwrap();
        let outcome = Sample::numbered(number).send(&*provider).await;
        assert!(is_accepted(&outcome), "{leader}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_leader_that_is_gone_is_followed_to_the_next_one() {
    let cluster = cluster(3);
    cluster.partition_leader("sms", 0, Some(1)).unwrap();
    let provider = build(settings(&cluster.bootstrap_servers(), "sms")).unwrap();
    assert!(is_accepted(&Sample::numbered(0).send(&*provider).await));
    cluster.broker_down(1).unwrap();
    cluster.partition_leader("sms", 0, Some(2)).unwrap();
    let mut outcome = Sample::numbered(1).send(&*provider).await;
    if !is_accepted(&outcome) {
        outcome = Sample::numbered(1).send(&*provider).await;
    }
    assert!(is_accepted(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_topic_without_a_leader_is_waited_for_outside() {
    let cluster = cluster(1);
    cluster.partition_leader("sms", 0, None).unwrap();
    let provider = build(settings(&cluster.bootstrap_servers(), "sms")).unwrap();
    let outcome = Sample::new().send(&*provider).await;
    assert_eq!(outcome.name(), "transient", "{outcome:?}");
    cluster.partition_leader("sms", 0, Some(1)).unwrap();
    let outcome = Sample::new().send(&*provider).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn each_refusal_has_its_outcome() {
    use RDKafkaRespErr as Answer;
    for (answer, expected) in [
        (Answer::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "provider_refused"),
        (Answer::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "provider_refused"),
        (Answer::RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "provider_refused"),
        (Answer::RD_KAFKA_RESP_ERR_INVALID_RECORD, "provider_refused"),
        (Answer::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "address_refused"),
        (Answer::RD_KAFKA_RESP_ERR_UNKNOWN, "unknown"),
    ] {
        let cluster = cluster(1);
        let provider = build(settings(&cluster.bootstrap_servers(), "sms")).unwrap();
        assert!(is_accepted(&Sample::numbered(0).send(&*provider).await));
        cluster.request_errors(RDKafkaApiKey::Produce, &[answer]);
        let outcome = Sample::numbered(1).send(&*provider).await;
        assert_eq!(outcome.name(), expected, "{answer:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_by_the_client_and_comes_once() {
    use RDKafkaRespErr as Answer;
    for answer in [
        Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Answer::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Answer::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    ] {
        let cluster = cluster(1);
        let provider = build(settings(&cluster.bootstrap_servers(), "sms")).unwrap();
        assert!(is_accepted(&Sample::numbered(0).send(&*provider).await));
        cluster.request_errors(RDKafkaApiKey::Produce, &[answer, answer]);
        let outcome = Sample::numbered(1).send(&*provider).await;
        assert_eq!(
            outcome,
            Outcome::Accepted { message_id: Some("sms-0@1".to_owned()) },
            "{answer:?}: the client's own repeats are none for the topic"
        );
    }
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_told_so() {
    let cluster = cluster(1);
    cluster.topic_error("sms", RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let provider = build(settings(&cluster.bootstrap_servers(), "sms")).unwrap();
    let outcome = Sample::new().send(&*provider).await;
    assert_eq!(outcome.name(), "transient", "{outcome:?}");
    let probe = format!("{:?}", provider.probe().await);
    assert!(probe.contains("Failed") && probe.contains("the topic `sms`"), "{probe}");
    cluster.topic_error("sms", RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED).unwrap();
    let provider = build(settings(&cluster.bootstrap_servers(), "sms")).unwrap();
    let outcome = Sample::new().send(&*provider).await;
    assert_eq!(outcome.name(), "provider_refused", "{outcome:?}");
}
