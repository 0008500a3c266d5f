//! TLS and SASL, on a real broker.

use std::sync::Arc;

use watchword_core::delivery::Outcome;
use watchword_core::ports::Provider;
use watchword_delivery::kafka::{KafkaSettings, SecurityProtocol};
use watchword_testkit::kafka::{Broker, Certified, PASSWORD, USERNAME};

use crate::provider::{accepted, build, settings};
use crate::sample::Sample;

async fn outcome(settings: KafkaSettings) -> Outcome {
    let provider: Arc<dyn Provider> = build(settings).unwrap();
    Sample::new().send(&*provider).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_spoken_to_over_tls_and_signed_in_to() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certified = Certified { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() };
    let broker = Broker::start_over_tls(&certified);
    broker.create("sms");
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &certified.certificate).unwrap();
    let signed_in = |mechanism: &str| KafkaSettings {
        security_protocol: SecurityProtocol::SaslSsl,
        sasl_mechanism: Some(mechanism.to_owned()),
        username: Some(USERNAME.to_owned()),
        password: Some(PASSWORD.into()),
        ca_file: Some(ca_file.clone()),
        ..settings(&broker.signed_in(), "sms")
    };
    for (offset, mechanism) in (0..).zip(["PLAIN", "SCRAM-SHA-256", "scram-sha-512"]) {
        assert_eq!(outcome(signed_in(mechanism)).await, accepted("sms", offset), "{mechanism}");
    }

    // As Spring's properties have it.
    let jaas = format!(
        "org.apache.kafka.common.security.scram.ScramLoginModule required \
         username=\"{USERNAME}\" password=\"{PASSWORD}\";"
    );
    let java = KafkaSettings {
        username: None,
        password: None,
        ca_file: None,
        properties: [
            ("sasl.jaas.config".to_owned(), jaas.into()),
            ("ssl.truststore.type".to_owned(), "PEM".into()),
            ("ssl.truststore.location".to_owned(), ca_file.to_str().unwrap().into()),
            ("max.block.ms".to_owned(), "60000".into()),
        ]
        .into(),
        ..signed_in("SCRAM-SHA-512")
    };
    assert_eq!(outcome(java).await, accepted("sms", 3));

    // Whoever is not known is told so, and so is whom we do not know.
    for (what, settings, name, says) in [
        (
            "the wrong password",
            KafkaSettings { password: Some("hunter2".into()), ..signed_in("SCRAM-SHA-512") },
            "provider_refused",
            "Authentication failed",
        ),
        (
            "a stranger",
            KafkaSettings { username: Some("nobody".to_owned()), ..signed_in("PLAIN") },
            "provider_refused",
            "Authentication failed",
        ),
        (
            "a certificate nobody vouches for",
            KafkaSettings { ca_file: None, ..signed_in("PLAIN") },
            "provider_refused",
            "certificate verify failed",
        ),
        (
            "a certificate for another name",
            KafkaSettings {
                brokers: broker.signed_in().replace("localhost", "127.0.0.1"),
                ..signed_in("PLAIN")
            },
            "provider_refused",
            "certificate verify failed",
        ),
        (
            "in plain where TLS is spoken",
            KafkaSettings {
                security_protocol: SecurityProtocol::SaslPlaintext,
                ..signed_in("SCRAM-SHA-512")
            },
            "transient",
            "no broker answers",
        ),
    ] {
        let outcome = outcome(settings).await;
        assert_eq!(outcome.name(), name, "{what}: {outcome:?}");
        assert!(outcome.detail().unwrap().contains(says), "{what}: {outcome:?}");
    }
    assert_eq!(broker.records("sms").len(), 4);
}
