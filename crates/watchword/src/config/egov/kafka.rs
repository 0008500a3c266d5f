//! Their Kafka: the providers that write to its topics, by the names of properties that Spring and Java have for it.

use std::collections::BTreeMap;

use super::super::translated::Translated;
use super::super::tree::{Origin, Value};
use super::properties::{Properties, Property};
use super::{put, put_value, wrong};

/// Where it is unless told otherwise.
const BROKERS: &str = "localhost:9092";

/// The property that says so, and the older one of some DIGIT charts.
const BOOTSTRAP: &str = "spring.kafka.bootstrap.servers";
const OLD_BOOTSTRAP: &str = "kafka.config.bootstrap_server_config";

const EXPIRY: &str = "expiry.time.for.otp";

/// Milliseconds, unless told otherwise.
const USUAL_EXPIRY: &str = "3000";

const CENTRAL: &str = "is.environment.central.instance";
const POSITION: &str = "state.schema.index.position.tenantid";
const USUAL_POSITION: &str = "1";

/// What a record is for, the property that names its topic, and the topic unless told otherwise.
const RECORDS: [(&str, &str, &str); 2] = [
    ("sms", "sms.topic", "egov.core.notification.sms.otp"),
    ("email", "email.topic", "egov.core.notification.email"),
];

/// What all begin with that are the client's own.
pub(super) const PREFIXES: [(&str, &str); 4] = [
    ("spring.kafka.properties", ""),
    ("spring.kafka.producer.properties", ""),
    ("spring.kafka.security", "security."),
    ("spring.kafka.ssl", "ssl."),
];

/// Spring's own names of what Java calls otherwise.
const SPRING_NAMES: [(&str, &str); 7] = [
    ("ssl.trust-store-location", "ssl.truststore.location"),
    ("ssl.trust-store-password", "ssl.truststore.password"),
    ("ssl.trust-store-type", "ssl.truststore.type"),
    ("ssl.key-store-location", "ssl.keystore.location"),
    ("ssl.key-store-password", "ssl.keystore.password"),
    ("ssl.key-store-type", "ssl.keystore.type"),
    ("ssl.key-password", "ssl.key.password"),
];

/// Those that are settings of their own here.
const SETTINGS: [(&str, &str); 2] =
    [("security.protocol", "security_protocol"), ("sasl.mechanism", "sasl_mechanism")];

/// Whether a property is the client's own.
pub(super) fn is_read(name: &str) -> bool {
    PREFIXES.iter().any(|(prefix, _)| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')))
}

/// Who carries the messages. Set to nothing, no Kafka does: `watchword.toml` has providers then.
pub(super) fn providers(properties: &Properties, out: &mut Translated) {
    let brokers = properties.set(BOOTSTRAP).or_else(|| properties.set(OLD_BOOTSTRAP));
    let Property { value: brokers, origin: brokers_origin } =
        brokers.unwrap_or(Property { value: BROKERS.to_owned(), origin: Origin::BuiltIn });
    if brokers.trim().is_empty() {
        return;
    }
    let or = |name: &str, usual: &str| {
        let usual = || Property { value: usual.to_owned(), origin: Origin::BuiltIn };
        properties.get(name).unwrap_or_else(usual)
    };
    let expiry = or(EXPIRY, USUAL_EXPIRY);
    if expiry.value.trim().parse::<u64>().is_err() {
        return wrong(out, EXPIRY, &expiry.origin, "must be a whole number of milliseconds");
    }
    let central = or(CENTRAL, "false");
    let position = or(POSITION, USUAL_POSITION);
    let Ok(part) = position.value.trim().parse::<i64>() else {
        return wrong(out, POSITION, &position.origin, "must be a whole number");
    };
    let client = client(properties);
    for (sends, name, usual) in RECORDS {
        let setting = |key| ["providers", sends, key];
        let topic = or(name, usual);
        put(out, &setting("kind"), "", Origin::BuiltIn, "kafka");
        put(out, &setting("sends"), "", Origin::BuiltIn, sends);
        put(out, &setting("brokers"), BOOTSTRAP, brokers_origin.clone(), brokers.trim());
        put(out, &setting("topic"), name, topic.origin, topic.value.trim());
        let milliseconds = format!("{}ms", expiry.value.trim());
        put(out, &setting("expiry"), EXPIRY, expiry.origin.clone(), &milliseconds);
        if central.value.trim().eq_ignore_ascii_case("true") {
            let part = Value::Whole(part);
            put_value(out, &setting("tenant_prefix_part"), POSITION, position.origin.clone(), part);
        }
        for (name, Property { value, origin }) in &client {
            let theirs = format!("spring.kafka.properties.{name}");
            match SETTINGS.iter().find(|(java, _)| java == name) {
                Some((_, key)) => {
                    put(out, &setting(key), &theirs, origin.clone(), &value.trim().to_ascii_uppercase());
                }
                None => put(out, &["providers", sends, "properties", name], &theirs, origin.clone(), value),
            }
        }
    }
}

/// The client's own properties, by the names that Java has for them.
fn client(properties: &Properties) -> BTreeMap<String, Property> {
    let mut client = BTreeMap::new();
    for (prefix, java) in PREFIXES {
        for (rest, property) in properties.under(prefix) {
            let name = format!("{java}{rest}");
            // A variable has no hyphens: `trust.store.location`.
            let same = |theirs: &str| theirs.replace('-', ".") == name.replace('-', ".");
            let known = SPRING_NAMES.iter().find(|(spring, _)| same(spring));
            client.insert(known.map_or(name, |(_, java)| (*java).to_owned()), property);
        }
    }
    client
}
