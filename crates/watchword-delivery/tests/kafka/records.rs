//! Records, to the byte, as `kcat` reads them on a real broker.

use opentelemetry::Context;
use opentelemetry::trace::{
    FutureExt as _, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use watchword_core::ports::Probe;
use watchword_delivery::kafka::{KafkaSettings, Sends};
use watchword_testkit::kafka::{Broker, Record};

use crate::provider::{accepted, build, settings};
use crate::sample::Sample;

/// What the broker is to have, for the first sample's delivery.
fn record(class: &str, value: &str) -> Record {
    let headers = [
        ("__TypeId__", format!("org.egov.persistence.contract.{class}")),
        ("Idempotency-Key", Sample::new().delivery.id.to_string()),
    ];
    Record {
        key: None,
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        value: value.to_owned(),
    }
}

async fn send(settings: KafkaSettings, given: Option<&str>, topic: &str) {
    let provider = build(settings).unwrap();
    let mut sample = Sample::new();
    sample.message.to = "9876543210".to_owned();
    sample.message.body = "प्रिय नागरिक, \"आपका\" OTP 314159 है।\n/".to_owned();
    sample.message.given = given.map(Into::into);
    assert_eq!(sample.send(&*provider).await, accepted(topic, 0), "{given:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_what_digit_s_services_read() {
    let broker = Broker::start();
    let text = "प्रिय नागरिक, \\\"आपका\\\" OTP 314159 है।\\n/";
    let given = Some(r#"{"tenantId":"in.pb.amritsar","countryCode":"+91"}"#);
    // (what the dialect gave, the part of the tenant in the topic, the topic, the country code)
    for (given, part, topic, country) in [
        (given, None, "sms", "\"+91\""),
        (given, Some(0), "in-sms", "\"+91\""),
        (given, Some(1), "pb-sms", "\"+91\""),
        (given, Some(7), "amritsar-sms", "\"+91\""),
        (Some(r#"{"tenantId":"pg","countryCode":null}"#), Some(1), "pg-sms", "null"),
        (Some("{}"), Some(1), "other", "null"),
        (None, Some(1), "none", "null"),
    ] {
        let base = topic.rsplit('-').next().unwrap();
        broker.create(topic);
        let settings = KafkaSettings { tenant_prefix_part: part, ..settings(&broker.url(), base) };
        send(settings, given, topic).await;
        // The clock shows 784111777000, and such an SMS is good for three seconds.
        let value = format!(
            "{{\"mobileNumber\":\"9876543210\",\"message\":\"{text}\",\"category\":\"OTP\",\
             \"expiryTime\":784111780000,\"countryCode\":{country}}}"
        );
        assert_eq!(broker.records(topic), [record("SMSRequest", &value)], "{topic}");
    }

    broker.create("mail");
    let settings = KafkaSettings { sends: Sends::Email, ..settings(&broker.url(), "mail") };
    send(settings, given, "mail").await;
    let value = format!(
        "{{\"requestInfo\":{{\"apiId\":null,\"ver\":null,\"ts\":null,\"action\":null,\"did\":null,\"key\":null,\
         \"msgId\":null,\"authToken\":null,\"correlationId\":null,\"plainAccessRequest\":null,\"userInfo\":null}},\
         \"email\":{{\"emailTo\":[\"9876543210\"],\"subject\":\"Код / Code\",\"body\":\"{text}\"}}}}"
    );
    assert_eq!(broker.records("mail"), [record("EmailRequest", &value)]);

    a_trace_goes_on_behind_the_broker(&broker).await;
    a_probe_says_what_is_there(&broker).await;
    a_message_for_a_topic_that_can_not_be_is_not_sent(&broker).await;
    a_record_the_broker_finds_too_large_is_given_up(&broker).await;
    a_provider_that_is_let_go_of_gets_out_what_it_was_given(&broker).await;
}

async fn a_trace_goes_on_behind_the_broker(broker: &Broker) {
    broker.create("traced");
    let trace = SpanContext::new(
        TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128),
        SpanId::from(0xb7ad_6b71_6920_3331_u64),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    let context = Context::new().with_remote_span_context(trace);
    let provider = build(settings(&broker.url(), "traced")).unwrap();
    let outcome = Sample::new().send(&*provider).with_context(context).await;
    assert_eq!(outcome, accepted("traced", 0));
    assert_eq!(
        broker.records("traced")[0].header("traceparent"),
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    );
}

async fn a_probe_says_what_is_there(broker: &Broker) {
    let tried = |topic: Option<usize>| async move {
        let settings = KafkaSettings { tenant_prefix_part: topic, ..settings(&broker.url(), "sms") };
        build(settings).unwrap().probe().await
    };
    let good = "reached a cluster of 1, where the topic `sms` has 1 partitions".to_owned();
    assert_eq!(tried(None).await, Probe::Good { tried: good });
    let good = "reached a cluster of 1; its topics are the tenants'".to_owned();
    assert_eq!(tried(Some(1)).await, Probe::Good { tried: good });
}

async fn a_message_for_a_topic_that_can_not_be_is_not_sent(broker: &Broker) {
    let settings = KafkaSettings { tenant_prefix_part: Some(1), ..settings(&broker.url(), "sms") };
    let provider = build(settings).unwrap();
    for tenant in ["in.p b", "in.", "in.пб", "in./"] {
        let mut sample = Sample::new();
        sample.message.given = Some(format!(r#"{{"tenantId":"{tenant}"}}"#).into());
        let outcome = sample.send(&*provider).await;
        assert_eq!(
            (outcome.name(), outcome.detail()),
            ("address_refused", Some("not sent: no topic can have the name that its tenant gives")),
            "{tenant}"
        );
    }
}

async fn a_record_the_broker_finds_too_large_is_given_up(broker: &Broker) {
    let provider = build(settings(&broker.url(), "sms")).unwrap();
    let mut sample = Sample::new();
    sample.message.body = "x".repeat(30_000);
    let outcome = sample.send(&*provider).await;
    assert_eq!(outcome.name(), "address_refused", "{outcome:?}");
}

async fn a_provider_that_is_let_go_of_gets_out_what_it_was_given(broker: &Broker) {
    broker.create("left");
    let provider = build(settings(&broker.url(), "left")).unwrap();
    assert_eq!(Sample::numbered(0).send(&*provider).await, accepted("left", 0));
    {
        let sample = Sample::numbered(1);
        let mut sending = std::pin::pin!(provider.send(sample.outgoing()));
        assert!(futures::poll!(sending.as_mut()).is_pending());
    }
    drop(provider);
    watchword_testkit::deadline::eventually("the record", async || {
        (broker.records("left").len() == 2).then_some(())
    })
    .await;
}
