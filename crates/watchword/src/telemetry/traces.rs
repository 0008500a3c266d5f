//! Traces: what a request does, and how long each step takes, sent to a collector by OTLP over HTTP.
//!
//! Spans are made by `tracing` under the target [`TARGET`]: a request, each operation of the store, each try of a provider.
//! Without a collector in the configuration nobody asks for them, and none is made. They name the dialect, the call, the
//! provider, the delivery and outcomes, and the request's id; never an address, a passcode or a message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;
pub use watchword_http::front::TRACE_TARGET as TARGET;

use super::exporter::Telling;
use crate::config::Telemetry;

/// Where collectors take traces, below their address (OTLP 1.x, "OTLP/HTTP Request").
const PATH: &str = "/v1/traces";

/// How long the collector may take for a batch.
const EXPORT_WITHIN: Duration = Duration::from_secs(3);

/// How long the last spans may take once the server has ended.
const LAST_SPANS_WITHIN: Duration = Duration::from_secs(2);

/// Spans are sent this often, or when a batch is full.
const EXPORT_EVERY: Duration = Duration::from_secs(1);

/// Spans that wait to be sent, at most; more are dropped.
const MAX_WAITING: usize = 4_096;

/// Spans in a batch, at most.
const MAX_BATCH: usize = 512;

/// Whether anybody asked for the spans of this process; like its log, there is one.
static ON: AtomicBool = AtomicBool::new(false);

/// Sends what was traced; none while traces are off.
#[derive(Debug, Default)]
#[must_use = "the last spans are sent when it is shut down"]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Traces as configured. It starts a thread, and must not be called from within an async runtime.
    ///
    /// # Errors
    /// They can't be sent: no root certificates for an `https:` address, for one.
    pub fn new(settings: &Telemetry) -> Result<Self, ExporterBuildError> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(Self(None)) };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}{PATH}", endpoint.as_str()))
            .with_timeout(EXPORT_WITHIN)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_WAITING)
            .with_max_export_batch_size(MAX_BATCH)
            .with_scheduled_delay(EXPORT_EVERY)
            .build();
        let processor =
            BatchSpanProcessor::builder(Telling::new(exporter)).with_batch_config(batches).build();
        let service = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .with_attribute(service)
            .build();
        let of_all = f64::from(settings.traced_per_mille) / 1_000.0;
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(of_all))))
            .with_span_limits(SpanLimits::default())
            .build();
        Ok(Self(Some(provider)))
    }

    /// What turns spans of `tracing` into spans of a trace, whatever the log's level. `None`: traces are off.
    pub(super) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.0.as_ref()?.tracer("watchword");
        ON.store(true, Ordering::Relaxed);
        let ours = filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET)
            .with_max_level_hint(LevelFilter::DEBUG);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(ours))
    }

    /// Sends the last spans. It may take 2 s, and is to be called outside of an async runtime.
    pub fn shutdown(self) {
        let Some(provider) = self.0 else { return };
        if let Err(error) = provider.shutdown_with_timeout(LAST_SPANS_WITHIN) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Makes the span of a request part of its caller's trace (W3C Trace Context, `traceparent` and `tracestate`).
pub fn adopt(span: &Span, headers: &HeaderMap) {
    if !are_on() {
        return;
    }
    let parent =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    if parent.span().span_context().is_valid() {
        // Without a collector there is nothing to be part of.
        let _ = span.set_parent(parent);
    }
}

/// Whether spans of this process are sent to a collector.
pub(super) fn are_on() -> bool {
    // Not `span_enabled!`: with a filter for each layer, an answer of that macro decides about the next event too.
    ON.load(Ordering::Relaxed)
}

/// Whether what runs now is part of a trace: only then its steps are of interest.
pub(super) fn in_a_trace() -> bool {
    are_on() && Context::map_current(|context| context.has_active_span())
}

/// The trace that what runs now is part of, for work that goes on elsewhere.
pub(crate) fn current() -> Option<Context> {
    in_a_trace().then(Context::current)
}
