//! A client of librdkafka: how it is set up, and what is known of its brokers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, Producer as _};
use watchword_core::delivery::Outcome;

use super::outcome::{is_refusal, shortened};
use super::settings::Checked;

/// What a client that is let go of may take to get out what it has; nobody waits for it.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// Records that are given up by us may still be in the client's queue for a moment: room for them.
const ROOM_TO_SPARE: usize = 1_000;

/// Most that waits in the client's memory, in KiB. A record is some hundred bytes.
const QUEUE_KIB: usize = 8 * 1_024;

/// How a try's time is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// All of it.
    pub(super) whole: Duration,
    /// To find a broker that knows the topic, before the record gets its stamp.
    pub(super) finding: Duration,
    /// In the client's hands, repeats of its own included.
    pub(super) handing_over: Duration,
}

impl Limits {
    /// `expiry`: what is handed over is worth nothing after it.
    pub(super) fn of(timeout: Duration, expiry: Option<Duration>) -> Self {
        // The client looks for records whose time is over once a second, so one may go out, or be told of, that much later.
        const SCAN: Duration = Duration::from_secs(1);
        const REST: Duration = Duration::from_millis(200);
        let third = timeout / 3;
        let handing_over = expiry.map_or(third, |expiry| expiry.saturating_sub(SCAN).min(third)).max(SCAN);
        Self {
            whole: timeout - REST / 4,
            finding: timeout.saturating_sub(handing_over + SCAN + REST),
            handing_over,
        }
    }
}

/// What librdkafka is made with.
pub(super) fn client_config(checked: &Checked, limits: Limits) -> ClientConfig {
    let millis = |time: Duration| time.as_millis().to_string();
    let mut config = ClientConfig::new();
    // Whoever asked for other values gets them.
    config
        .set("client.id", "watchword")
        .set("reconnect.backoff.max.ms", "1000")
        .set("socket.keepalive.enable", "true")
        // Java's. A broker refuses a batch over its limit as a whole, small records and all, and its limit may be lower than the
        // megabyte that librdkafka fills.
        .set("batch.size", "16384")
        .set("socket.timeout.ms", millis(limits.whole))
        .set("socket.connection.setup.timeout.ms", millis(limits.finding.max(Duration::from_secs(1))))
        .set("topic.metadata.propagation.max.ms", millis(limits.handing_over / 2));
    for (name, value) in &checked.properties {
        config.set(name, value.expose());
    }
    // These the provider's promises stand on.
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", millis(limits.handing_over))
        .set("queue.buffering.max.messages", (checked.max_concurrent + ROOM_TO_SPARE).to_string())
        .set("queue.buffering.max.kbytes", QUEUE_KIB.to_string())
        .set_log_level(RDKafkaLogLevel::Info);
    config
}

/// What librdkafka said of its brokers.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<ToldState>);

#[derive(Default)]
struct ToldState {
    /// Whether a broker answered, and none was lost since.
    is_up: AtomicBool,
    last_error: Mutex<Option<(RDKafkaErrorCode, String)>>,
}

impl Told {
    pub(super) fn is_up(&self) -> bool {
        self.0.is_up.load(Ordering::Acquire)
    }

    pub(super) fn set_up(&self) {
        *self.0.last_error.lock() = None;
        self.0.is_up.store(true, Ordering::Release);
    }

    pub(super) fn set_down(&self) {
        self.0.is_up.store(false, Ordering::Release);
    }

    /// Why nothing could be handed over.
    pub(super) fn why_not(&self) -> Outcome {
        match &*self.0.last_error.lock() {
            Some((code, reason)) if is_refusal(*code) => Outcome::ProviderRefused { detail: reason.clone() },
            Some((_, reason)) => Outcome::Transient { detail: format!("no broker answers: {reason}") },
            None => Outcome::Transient { detail: "no broker answers in time".to_owned() },
        }
    }
}

impl ClientContext for Told {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        // What matters is told by outcomes; this is for whoever looks closer.
        tracing::debug!(facility, "librdkafka: {text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        tracing::debug!(?code, "librdkafka: {reason}");
        if code == RDKafkaErrorCode::AllBrokersDown {
            self.set_down();
            // It says that, not why: what came before does.
            if self.0.last_error.lock().is_some() {
                return;
            }
        }
        *self.0.last_error.lock() = Some((code, shortened(reason.to_owned())));
    }
}

/// A client. Dropped, it gets out what it has on a thread of its own, for that may block.
pub(super) struct Connection {
    producer: Option<FutureProducer<Told>>,
    pub(super) told: Told,
}

impl Connection {
    /// It connects to nothing by itself but its idempotence's session.
    pub(super) fn open(config: &ClientConfig) -> Result<Self, KafkaError> {
        let told = Told::default();
        let producer = config.create_with_context(told.clone())?;
        Ok(Self { producer: Some(producer), told })
    }

    /// `None`: it is being dropped.
    pub(super) fn producer(&self) -> Option<&FutureProducer<Told>> {
        self.producer.as_ref()
    }

    /// Why it can't send any more, ever.
    pub(super) fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.producer.as_ref()?.client().fatal_error()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(producer) = self.producer.take() else { return };
        let ending = std::thread::Builder::new().name("kafka-flush".to_owned()).spawn(move || {
            if let Err(error) = producer.flush(FLUSH_WITHIN) {
                tracing::debug!(%error, "records were left when the connection to Kafka was given up");
            }
        });
        if let Err(error) = ending {
            tracing::warn!(%error, "the connection to Kafka is given up without a flush");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_s_time_is_enough_for_its_parts_and_no_stamp_is_past_when_the_record_goes() {
        let scan = Duration::from_secs(1);
        for timeout in (3..=300).map(Duration::from_secs) {
            for expiry in [2, 3, 10, 60, 86_400].map(Duration::from_secs) {
                let limits = Limits::of(timeout, Some(expiry));
                let told_by = limits.finding + limits.handing_over + scan;
                assert!(told_by < limits.whole && limits.whole < timeout, "{timeout:?} {limits:?}");
                assert!(limits.finding >= Duration::from_millis(500), "{timeout:?} {limits:?}");
                assert!(limits.handing_over + scan <= expiry, "{expiry:?} {limits:?}");
                assert!(limits.handing_over <= Limits::of(timeout, None).handing_over);
            }
        }
    }
}
