//! The settings of messages through Kafka, and what is wrong with them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use watchword_core::delivery::ProviderId;

use super::java::{self, Meaning};
use crate::checks::{check_max_conns, check_not_empty, wrong};
use crate::kind::BuildError;
use crate::settings::{Secret, optional_duration};

/// One try, where nothing is set.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What one try may take at least, for a broker must be found first, and at most.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(3), Duration::from_mins(5));

/// How long an SMS may be sent on, where nothing is set (wire contract of egov, `expiry.time.for.otp`).
const EXPIRY: Duration = Duration::from_secs(3);

const LONGEST_EXPIRY: Duration = Duration::from_hours(24);

/// A topic's longest name, and what it may be made of (Kafka, `org.apache.kafka.common.internals.Topic`).
const LONGEST_TOPIC: usize = 249;

/// Properties that the promises of this provider stand on. What an operator has set for another program is left out.
const FIXED: [(&str, &str); 12] = [
    ("acks", "is always `all`"),
    ("request.required.acks", "is always `all`"),
    ("enable.idempotence", "is always `true`"),
    ("enable.gapless.guarantee", "is always `false`"),
    ("transactional.id", "is never set"),
    ("message.timeout.ms", "follows `timeout` and `expiry`"),
    ("delivery.timeout.ms", "follows `timeout` and `expiry`"),
    ("retries", "follows `timeout` and `expiry`"),
    ("message.send.max.retries", "follows `timeout` and `expiry`"),
    ("queue.buffering.max.messages", "follows `max_conns`"),
    ("queue.buffering.max.kbytes", "is a limit of our own"),
    ("statistics.interval.ms", "is never set"),
];

/// Properties that are settings of ours, and those that are nobody's.
const REFUSED: [(&str, &str); 10] = [
    ("bootstrap.servers", "is the setting `brokers`"),
    ("metadata.broker.list", "is the setting `brokers`"),
    ("security.protocol", "is the setting `security_protocol`"),
    ("sasl.mechanism", "is the setting `sasl_mechanism`"),
    ("sasl.mechanisms", "is the setting `sasl_mechanism`"),
    ("sasl.username", "is the setting `username`"),
    ("sasl.password", "is the setting `password`"),
    ("ssl.ca.location", "is the setting `ca_file`"),
    ("plugin.library.paths", "would load code"),
    ("test.mock.num.brokers", "is for tests"),
];

/// A topic of a Kafka cluster, and how the cluster is reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSettings {
    /// Brokers to begin with: `host:port`, separated by commas.
    pub brokers: String,
    /// The topic, without a tenant's prefix.
    pub topic: String,
    /// What kind of record its consumer reads.
    pub sends: Sends,
    /// How long after it was handed over an SMS may be sent on: 3 s by default, at most 24 h.
    #[serde(default, deserialize_with = "optional_duration")]
    pub expiry: Option<Duration>,
    /// For a central instance: which part of the tenant, counted from 0, is put before the topic. A tenant with fewer parts
    /// gives its last. `None`: nothing is put before it.
    #[serde(default)]
    pub tenant_prefix_part: Option<usize>,
    /// How a broker is spoken to: by default in plain.
    #[serde(default)]
    pub security_protocol: SecurityProtocol,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, where the protocol has SASL.
    #[serde(default)]
    pub sasl_mechanism: Option<String>,
    /// Who signs in, where the protocol has SASL.
    #[serde(default)]
    pub username: Option<String>,
    /// And how that is proved.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A file with the root certificates to trust, in PEM, in place of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Further properties of the client, by librdkafka's names; many of Java's are understood.
    #[serde(default)]
    pub properties: BTreeMap<String, Secret>,
    /// How long one try may take: 10 s by default, 3 s to 5 min.
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// Messages handed over at once: 1 to 10,000, by default 100.
    #[serde(default = "default_max_conns")]
    pub max_conns: usize,
}

const fn default_max_conns() -> usize {
    100
}

/// What a consumer of a topic sends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sends {
    /// Messages by SMS: DIGIT's egov-notification-sms.
    Sms,
    /// Mail: DIGIT's egov-notification-mail.
    Email,
}

/// How a broker is spoken to, in Kafka's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum SecurityProtocol {
    /// In plain, and nobody signs in.
    #[default]
    #[serde(rename = "PLAINTEXT", alias = "plaintext")]
    Plaintext,
    /// Over TLS.
    #[serde(rename = "SSL", alias = "ssl")]
    Ssl,
    /// In plain, signed in. With the mechanism `PLAIN` whoever listens reads the password.
    #[serde(rename = "SASL_PLAINTEXT", alias = "sasl_plaintext")]
    SaslPlaintext,
    /// Over TLS, signed in.
    #[serde(rename = "SASL_SSL", alias = "sasl_ssl")]
    SaslSsl,
}

impl SecurityProtocol {
    /// As librdkafka has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    const fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    const fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// Settings that can work, as far as can be told without librdkafka.
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "this build checks and goes no further"))]
pub(super) struct Checked {
    pub(super) topic: String,
    pub(super) sends: Sends,
    pub(super) expiry: Duration,
    pub(super) tenant_prefix_part: Option<usize>,
    pub(super) timeout: Duration,
    pub(super) max_concurrent: usize,
    /// What the client is made with, by librdkafka's names.
    pub(super) properties: BTreeMap<String, Secret>,
    /// For the operator.
    pub(super) warnings: Vec<String>,
}

impl KafkaSettings {
    /// Settings with all that has a default left to it.
    pub fn new(brokers: &str, topic: &str, sends: Sends) -> Self {
        Self {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            sends,
            expiry: None,
            tenant_prefix_part: None,
            security_protocol: SecurityProtocol::default(),
            sasl_mechanism: None,
            username: None,
            password: None,
            ca_file: None,
            properties: BTreeMap::new(),
            timeout: None,
            max_conns: default_max_conns(),
        }
    }

    pub(super) fn check(&self, id: &ProviderId) -> Result<Checked, BuildError> {
        check_not_empty(id, "brokers", &self.brokers)?;
        if !self.brokers.split(',').all(|broker| is_broker(broker.trim())) {
            return Err(wrong(id, "brokers", "must be host:port, several with commas between them"));
        }
        if !is_topic(&self.topic) {
            return Err(wrong(
                id,
                "topic",
                "must be 1 to 249 of letters, digits, `.`, `_` and `-`, and not `.` or `..`",
            ));
        }
        let expiry = self.expiry.unwrap_or(EXPIRY);
        if expiry > LONGEST_EXPIRY {
            return Err(wrong(id, "expiry", "must be at most 24h"));
        }
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        if !(TIMEOUTS.0..=TIMEOUTS.1).contains(&timeout) {
            return Err(wrong(id, "timeout", "must be 3s to 5m"));
        }
        check_max_conns(id, self.max_conns)?;
        let mut warnings = Vec::new();
        let mut properties = self.given_properties(id, &mut warnings)?;
        self.sign_in(id, &mut properties, &mut warnings)?;
        properties.insert("bootstrap.servers".to_owned(), self.brokers.as_str().into());
        properties.insert("security.protocol".to_owned(), self.security_protocol.name().into());
        if let Some(file) = &self.ca_file {
            let Some(file) = file.to_str() else { return Err(wrong(id, "ca_file", "must be UTF-8")) };
            properties.insert("ssl.ca.location".to_owned(), file.into());
        } else if !properties.contains_key("ssl.ca.pem") && !properties.contains_key("ssl.ca.location") {
            // Wherever the system has them, also where OpenSSL was built elsewhere.
            properties.insert("ssl.ca.location".to_owned(), "probe".into());
        }
        Ok(Checked {
            topic: self.topic.clone(),
            sends: self.sends,
            expiry,
            tenant_prefix_part: self.tenant_prefix_part,
            timeout,
            max_concurrent: self.max_conns,
            properties,
            warnings,
        })
    }

    /// The table `properties`, in librdkafka's words.
    fn given_properties(
        &self,
        id: &ProviderId,
        warnings: &mut Vec<String>,
    ) -> Result<BTreeMap<String, Secret>, BuildError> {
        let wrong = |name: &str, problem: &str| BuildError::Part {
            provider: id.clone(),
            setting: "properties".to_owned(),
            problem: format!("has `{name}`, which {problem}"),
        };
        let mut properties = BTreeMap::new();
        for (name, value) in &self.properties {
            if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| refused == name) {
                return Err(wrong(name, why));
            }
            if let Some((_, why)) = FIXED.iter().find(|(fixed, _)| fixed == name) {
                warnings.push(format!("the property `{name}` {why}; what is set is left out"));
                continue;
            }
            match java::meaning(name, value.expose()) {
                Meaning::AsItIs => {
                    properties.insert(name.clone(), value.clone());
                }
                Meaning::Set(pairs) => {
                    properties.extend(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)));
                }
                Meaning::None => warnings.push(format!("the property `{name}` has no meaning here")),
                Meaning::Unusable(why) => return Err(wrong(name, why)),
            }
        }
        Ok(properties)
    }

    /// Who signs in, and how.
    fn sign_in(
        &self,
        id: &ProviderId,
        properties: &mut BTreeMap<String, Secret>,
        warnings: &mut Vec<String>,
    ) -> Result<(), BuildError> {
        if !self.security_protocol.has_sasl() {
            if self.username.is_some() || self.password.is_some() || self.sasl_mechanism.is_some() {
                warnings.push(format!(
                    "nobody signs in with the `security_protocol` {}; set SASL_SSL",
                    self.security_protocol.name().to_uppercase()
                ));
            }
            properties.remove("sasl.username");
            properties.remove("sasl.password");
            return Ok(());
        }
        let mechanism = self.sasl_mechanism.as_deref().unwrap_or_default().to_uppercase();
        if !matches!(&*mechanism, "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512") {
            return Err(wrong(id, "sasl_mechanism", "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"));
        }
        if mechanism == "PLAIN" && !self.security_protocol.has_tls() {
            warnings.push(
                "the password goes to the broker in plain; set `security_protocol` to SASL_SSL".to_owned(),
            );
        }
        properties.insert("sasl.mechanisms".to_owned(), mechanism.into());
        if let Some(username) = &self.username {
            properties.insert("sasl.username".to_owned(), username.as_str().into());
        }
        if let Some(password) = &self.password {
            properties.insert("sasl.password".to_owned(), password.clone());
        }
        for (name, setting) in [("sasl.username", "username"), ("sasl.password", "password")] {
            if properties.get(name).is_none_or(|value| value.expose().is_empty()) {
                return Err(wrong(id, setting, "is needed to sign in by SASL"));
            }
        }
        Ok(())
    }
}

/// `host:port`, also with a protocol before it as Java's clients take it; whether there is such a host is seen later.
fn is_broker(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && !host.contains(char::is_whitespace)
            && port.parse().is_ok_and(|port: u16| port > 0)
    })
}

/// Whether a topic can have that name.
pub(super) fn is_topic(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=LONGEST_TOPIC).contains(&name.len()) && !matches!(name, "." | "..") && name.bytes().all(allowed)
}
