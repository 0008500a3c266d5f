//! What the listener counts, as metrics.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use watchword_http::server::{Certificates, Traffic};

/// Shows the connections of a listener, and how long its certificate is good.
#[derive(Debug, Default)]
pub(super) struct Connections {
    pub(super) traffic: Arc<Traffic>,
    pub(super) certificates: OnceLock<Certificates>,
}

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self { traffic, certificates } = self;
        let gauges = [
            ("connections", "Connections of clients that are open", traffic.open()),
            ("connections_limit", "Connections that are held at once, at most", traffic.limit()),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        if let Some(certificates) = certificates.get() {
            let gauge = ConstGauge::new(certificates.current().ends().as_millis() / 1_000);
            let name = "certificate_expiry_timestamp_seconds";
            let help = "When the certificate of the listener ends";
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let counters = [
            ("connections_accepted", "Connections that clients opened", traffic.accepted()),
            (
                "tls_handshake_failures",
                "Connections that ended before TLS was agreed on",
                traffic.failed_handshakes(),
            ),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}
