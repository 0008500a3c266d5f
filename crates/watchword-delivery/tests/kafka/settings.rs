//! Settings that can't work, and what is said of them.

use std::time::Duration;

use watchword_delivery::kafka::{KafkaSettings, SecurityProtocol, Sends};
use watchword_delivery::registry::{Presentation, ProviderSettings, Registry};

use crate::provider::build;
use crate::sample::{clock, provider_id};

fn plain() -> KafkaSettings {
    KafkaSettings::new("127.0.0.1:9092", "sms", Sends::Sms)
}

fn with(properties: &[(&str, &str)]) -> KafkaSettings {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    KafkaSettings { properties, ..plain() }
}

fn signed_in(mechanism: &str) -> KafkaSettings {
    KafkaSettings {
        security_protocol: SecurityProtocol::SaslSsl,
        sasl_mechanism: Some(mechanism.to_owned()),
        username: Some("me".to_owned()),
        password: Some("hunter2".into()),
        ..plain()
    }
}

#[test]
fn every_setting_is_read_under_its_documented_name() {
    let settings: ProviderSettings = toml::from_str(
        r#"
        kind = "kafka"
        brokers = "one:9092, two:9092"
        topic = "egov.core.notification.sms.otp"
        sends = "email"
        expiry = "3s"
        tenant_prefix_part = 1
        security_protocol = "SASL_SSL"
        sasl_mechanism = "SCRAM-SHA-512"
        username = "watchword"
        password = "hunter2"
        properties = { "linger.ms" = "20", "client.id" = "otp" }
        timeout = "7s"
        max_conns = 12
        "#,
    )
    .unwrap();
    let id = provider_id("digit");
    let provider = Registry::new(clock()).build(id.clone(), &settings).unwrap();
    assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(7), 12));
    let (channel, address_name) = ("E-mail", "E-mail address");
    assert_eq!(
        settings.presentation(&id),
        Presentation { channel, address_name, max_address_length: None, passcode_length: 6 }
    );
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn settings_that_can_not_work_are_refused_with_what_to_mend() {
    let long = "x".repeat(250);
    let brokers = "`brokers` must be host:port, several with commas between them";
    let topic = "`topic` must be 1 to 249 of letters, digits, `.`, `_` and `-`, and not `.` or `..`";
    for (settings, text) in [
        (KafkaSettings { brokers: String::new(), ..plain() }, "`brokers` must not be empty"),
        (KafkaSettings { brokers: "localhost".to_owned(), ..plain() }, brokers),
        (KafkaSettings { brokers: "a:9092,,b:9092".to_owned(), ..plain() }, brokers),
        (KafkaSettings { brokers: "a:0".to_owned(), ..plain() }, brokers),
        (KafkaSettings { topic: String::new(), ..plain() }, topic),
        (KafkaSettings { topic: "a b".to_owned(), ..plain() }, topic),
        (KafkaSettings { topic: "..".to_owned(), ..plain() }, topic),
        (KafkaSettings { topic: long, ..plain() }, topic),
        (KafkaSettings { expiry: Some(Duration::from_hours(25)), ..plain() }, "`expiry` must be at most 24h"),
        (KafkaSettings { timeout: Some(Duration::from_secs(2)), ..plain() }, "`timeout` must be 3s to 5m"),
        (KafkaSettings { max_conns: 0, ..plain() }, "`max_conns` must be 1 to 10000"),
        (signed_in("GSSAPI"), "`sasl_mechanism` must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
        (KafkaSettings { username: None, ..signed_in("PLAIN") }, "`username` is needed to sign in by SASL"),
        (
            KafkaSettings { password: Some("".into()), ..signed_in("PLAIN") },
            "`password` is needed to sign in by SASL",
        ),
        (
            with(&[("bootstrap.servers", "a:1")]),
            "`properties` has `bootstrap.servers`, which is the setting `brokers`",
        ),
        (
            with(&[("linger.mss", "1")]),
            "`properties` can't be used: `linger.mss`: No such configuration property: \"linger.mss\"",
        ),
        (
            with(&[("linger.ms", "soon")]),
            "`properties` can't be used: `linger.ms`: Invalid value for configuration property \"queue.buffering.max.ms\"",
        ),
        (
            with(&[("sasl.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required;")]),
            "`properties` has `sasl.jaas.config`, which can't be read; set `username` and `password` \
             (PlainLoginModule and ScramLoginModule are understood)",
        ),
        (
            with(&[("ssl.truststore.location", "/etc/kafka/truststore.jks")]),
            "`properties` has `ssl.truststore.location`, which is a Java key store; write its certificates into a \
             file in PEM (`keytool -exportcert -rfc -keystore FILE -alias NAME`) and set `ca_file`",
        ),
    ] {
        assert_eq!(build(settings).err(), Some(format!("provider `digit`: {text}")));
    }
    let missing = KafkaSettings {
        security_protocol: SecurityProtocol::Ssl,
        ca_file: Some("/nonexistent/ca.pem".into()),
        ..plain()
    };
    let text = build(missing).err().unwrap();
    assert!(text.starts_with("provider `digit`: `properties` can't be used: "), "{text}");
    assert!(text.contains("ssl.ca.location"), "{text}");
}

#[test]
fn what_works_and_should_be_known_is_told() {
    for (settings, text) in [
        (with(&[("max.block.ms", "60000")]), "the property `max.block.ms` has no meaning here"),
        (with(&[("acks", "1")]), "the property `acks` is always `all`; what is set is left out"),
        (
            KafkaSettings { username: Some("me".to_owned()), ..plain() },
            "nobody signs in with the `security_protocol` PLAINTEXT; set SASL_SSL",
        ),
        (
            KafkaSettings { security_protocol: SecurityProtocol::SaslPlaintext, ..signed_in("PLAIN") },
            "the password goes to the broker in plain; set `security_protocol` to SASL_SSL",
        ),
    ] {
        let registry = Registry::new(clock());
        registry.build(provider_id("digit"), &ProviderSettings::Kafka(settings)).unwrap();
        assert_eq!(registry.take_warnings(), [format!("provider `digit`: {text}")]);
    }
}
