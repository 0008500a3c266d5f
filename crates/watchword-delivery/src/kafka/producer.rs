//! The provider itself: finds a broker, stamps the record, hands it over, and waits for what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::TraceContextExt as _;
use parking_lot::Mutex;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{FutureRecord, Producer as _};
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Clock, Outgoing, Probe, Provider};

use super::connection::{Connection, Limits, client_config};
use super::outcome::{is_refusal, of_failure};
use super::record::{Given, type_id};
use super::settings::{Checked, Sends};
use crate::kind::BuildError;

pub(super) struct Kafka {
    id: ProviderId,
    topic: String,
    sends: Sends,
    expiry: Duration,
    tenant_prefix_part: Option<usize>,
    limits: Limits,
    timeout: Duration,
    max_concurrent: usize,
    config: ClientConfig,
    clock: Arc<dyn Clock>,
    /// Made at the first message: nothing is connected to before.
    connection: Mutex<Option<Arc<Connection>>>,
    /// Held by the one that looks for a broker; all others wait for what it finds.
    looking: Arc<tokio::sync::Mutex<()>>,
}

impl Kafka {
    pub(super) fn new(id: ProviderId, checked: Checked, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        let expiry = (checked.sends == Sends::Sms).then_some(checked.expiry);
        let limits = Limits::of(checked.timeout, expiry);
        let config = client_config(&checked, limits);
        // Librdkafka says what is wrong with its properties, files of certificates included, before it connects anywhere.
        let mut nowhere = config.clone();
        nowhere.remove("bootstrap.servers");
        Connection::open(&nowhere).map_err(|error| unusable(&id, &error))?;
        Ok(Self {
            id,
            topic: checked.topic,
            sends: checked.sends,
            expiry: checked.expiry,
            tenant_prefix_part: checked.tenant_prefix_part,
            limits,
            timeout: checked.timeout,
            max_concurrent: checked.max_concurrent,
            config,
            clock,
            connection: Mutex::default(),
            looking: Arc::default(),
        })
    }

    fn connection(&self) -> Result<Arc<Connection>, Outcome> {
        let mut slot = self.connection.lock();
        if let Some(connection) = &*slot {
            return Ok(Arc::clone(connection));
        }
        let opened = Connection::open(&self.config)
            .map_err(|error| Outcome::ProviderRefused { detail: told_safely(&error) })?;
        Ok(Arc::clone(slot.insert(Arc::new(opened))))
    }

    /// A client that gave itself up is replaced at the next message.
    fn forget(&self, connection: &Arc<Connection>) {
        self.connection.lock().take_if(|held| Arc::ptr_eq(held, connection));
    }

    /// Returns once a broker is known to be there.
    ///
    /// # Errors
    /// None answered in time, or it refuses us, or nobody leads the topic: nothing was handed over.
    async fn find_broker(&self, connection: &Arc<Connection>, topic: &str) -> Result<(), Outcome> {
        if connection.told.is_up() {
            return Ok(());
        }
        let finding = async {
            let turn = Arc::clone(&self.looking).lock_owned().await;
            if connection.told.is_up() {
                return Ok(());
            }
            let (connection, topic, limit) = (Arc::clone(connection), topic.to_owned(), self.limits.finding);
            let is_tenants = self.tenant_prefix_part.is_some();
            let looking = tokio::task::spawn_blocking(move || {
                let found = look(&connection, &topic, is_tenants, limit);
                // Not before: whoever asked may be gone, and a thread for each of them would be one too many.
                drop(turn);
                found
            });
            looking.await.unwrap_or_else(|_| Err(shutting_down()))
        };
        let found = tokio::time::timeout(self.limits.finding, finding).await;
        found.unwrap_or_else(|_| Err(connection.told.why_not()))
    }

    /// Hands the record over. The stamp is of this moment.
    async fn hand_over(
        &self,
        connection: &Arc<Connection>,
        outgoing: Outgoing<'_>,
        given: &Given<'_>,
        topic: &str,
    ) -> Outcome {
        let Some(producer) = connection.producer() else {
            return shutting_down();
        };
        let value = given.value(self.sends, outgoing.message, self.clock.machine().after(self.expiry));
        let record = FutureRecord::<(), _>::to(topic).payload(&value).headers(headers(self.sends, outgoing));
        let delivered = match producer.send_result(record) {
            Ok(delivered) => delivered.await,
            Err((error, _)) => return self.failure(connection, &error, false),
        };
        match delivered {
            Ok(Ok(delivered)) => Outcome::Accepted {
                message_id: Some(format!("{topic}-{}@{}", delivered.partition, delivered.offset)),
            },
            Ok(Err((error, record))) => {
                self.failure(connection, &error, rdkafka::Message::partition(&record) >= 0)
            }
            Err(_) => Outcome::Unknown { detail: "the client was shut down meanwhile".to_owned() },
        }
    }

    fn failure(&self, connection: &Arc<Connection>, error: &KafkaError, is_assigned: bool) -> Outcome {
        if let Some((code, reason)) = connection.fatal_error() {
            tracing::warn!(provider = %self.id, ?code, reason, "the client of Kafka gave itself up and is replaced");
            self.forget(connection);
            if is_refusal(code) {
                return Outcome::ProviderRefused { detail: super::outcome::shortened(reason) };
            }
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageTimedOut) {
            // The next one asks first.
            connection.told.set_down();
        }
        of_failure(error, is_assigned, self.tenant_prefix_part.is_some())
    }
}

#[async_trait]
impl Provider for Kafka {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn max_concurrent(&self) -> usize {
        self.max_concurrent
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        let given = Given::of(outgoing.message);
        let Some(topic) = given.topic(&self.topic, self.tenant_prefix_part) else {
            return Outcome::AddressRefused {
                detail: "not sent: no topic can have the name that its tenant gives".to_owned(),
            };
        };
        let sending = async {
            let connection = self.connection()?;
            self.find_broker(&connection, &topic).await?;
            Ok(self.hand_over(&connection, outgoing, &given, &topic).await)
        };
        match tokio::time::timeout(self.limits.whole, sending).await {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(_) => Outcome::Unknown { detail: "no answer in time".to_owned() },
        }
    }

    async fn probe(&self) -> Probe {
        let connection = match self.connection() {
            Ok(connection) => connection,
            Err(outcome) => return failed(&outcome),
        };
        // With a prefix there are many topics, and which ones is not known here.
        let topic = self.tenant_prefix_part.is_none().then(|| self.topic.clone());
        let limit = self.limits.whole.saturating_sub(Duration::from_millis(500));
        let (asked, asking) = (topic.clone(), Arc::clone(&connection));
        let asking = tokio::task::spawn_blocking(move || ask(&asking, asked.as_deref(), limit));
        let Ok(Ok(metadata)) = asking.await else { return failed(&connection.told.why_not()) };
        let brokers = metadata.brokers().len();
        let Some(topic) = topic else {
            return Probe::Good {
                tried: format!("reached a cluster of {brokers}; its topics are the tenants'"),
            };
        };
        match leaders(&metadata, &topic) {
            Ok(partitions) => Probe::Good {
                tried: format!(
                    "reached a cluster of {brokers}, where the topic `{topic}` has {partitions} partitions"
                ),
            },
            Err(code) => Probe::Failed {
                problem: format!("the topic `{topic}`: {code}; create it, or allow us to write to it"),
            },
        }
    }
}

fn failed(outcome: &Outcome) -> Probe {
    let problem = outcome.detail().unwrap_or_default();
    Probe::Failed {
        problem: format!("{problem}; are `brokers`, `security_protocol` and the credentials right?"),
    }
}

fn shutting_down() -> Outcome {
    Outcome::Transient { detail: "the client is shutting down".to_owned() }
}

/// Waits for a broker that knows who leads the topic. It blocks.
fn look(connection: &Connection, topic: &str, is_tenants: bool, limit: Duration) -> Result<(), Outcome> {
    let metadata = ask(connection, Some(topic), limit).map_err(|error| {
        let code = error.rdkafka_error_code().filter(|code| is_refusal(*code));
        code.map_or_else(|| connection.told.why_not(), |_| of_failure(&error, false, is_tenants))
    })?;
    match leaders(&metadata, topic) {
        // A topic may be made by being written to, or be missing for this tenant only: the client finds out.
        Ok(_) | Err(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            connection.told.set_up();
            Ok(())
        }
        Err(code) => Err(of_failure(&KafkaError::MetadataFetch(code), false, is_tenants)),
    }
}

/// What a broker knows of a topic, or of all. It blocks.
fn ask(connection: &Connection, topic: Option<&str>, limit: Duration) -> Result<Metadata, KafkaError> {
    connection.producer().ok_or(KafkaError::Canceled)?.client().fetch_metadata(topic, limit)
}

/// How many partitions of the topic have a leader.
fn leaders(metadata: &Metadata, topic: &str) -> Result<usize, RDKafkaErrorCode> {
    let Some(topic) = metadata.topics().iter().find(|known| known.name() == topic) else {
        return Err(RDKafkaErrorCode::UnknownTopicOrPartition);
    };
    if let Some(error) = topic.error() {
        return Err(error.into());
    }
    match topic.partitions().iter().filter(|partition| partition.leader() >= 0).count() {
        0 => Err(RDKafkaErrorCode::LeaderNotAvailable),
        partitions => Ok(partitions),
    }
}

fn headers(sends: Sends, outgoing: Outgoing<'_>) -> OwnedHeaders {
    let delivery = outgoing.delivery.id.to_string();
    let headers = OwnedHeaders::new()
        .insert(Header { key: "__TypeId__", value: Some(type_id(sends)) })
        .insert(Header { key: "Idempotency-Key", value: Some(&delivery) });
    match traceparent() {
        Some(trace) => headers.insert(Header { key: "traceparent", value: Some(&trace) }),
        None => headers,
    }
}

/// The trace that this try is part of (W3C Trace Context, section 3.2).
fn traceparent() -> Option<String> {
    opentelemetry::Context::map_current(|context| {
        let span = context.span().span_context().clone();
        span.is_valid()
            .then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
    })
}

/// Settings that librdkafka does not take.
fn unusable(id: &ProviderId, error: &KafkaError) -> BuildError {
    BuildError::Part {
        provider: id.clone(),
        setting: "properties".to_owned(),
        problem: format!("can't be used: {}", told_safely(error)),
    }
}

/// The error's text without a property's value, which may be a secret.
fn told_safely(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, text, name, value)
            if value.is_empty() || !text.contains(value.as_str()) =>
        {
            format!("`{name}`: {text}")
        }
        KafkaError::ClientConfig(_, _, name, _) => format!("`{name}` can't have that value"),
        KafkaError::ClientCreation(text) => super::outcome::shortened(text.clone()),
        _ => "the client can't be made".to_owned(),
    }
}
