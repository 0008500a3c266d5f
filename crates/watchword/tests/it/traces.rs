//! Traces, as a collector gets them.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use watchword_testkit::net::free_port;

use crate::support::{Receiver, Server};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Takes what a collector takes: OTLP over HTTP, in protobuf.
struct Collector {
    endpoint: String,
    came: Arc<Mutex<Vec<Bytes>>>,
    serving: JoinHandle<()>,
}

impl Collector {
    async fn start() -> Self {
        let came = Arc::new(Mutex::new(Vec::new()));
        let batches = Arc::clone(&came);
        let take = async move |headers: HeaderMap, body: Bytes| {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            batches.lock().unwrap().push(body);
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/v1/traces", post(take));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { endpoint, came, serving }
    }

    /// All spans that came, with the name of the service that sent them.
    fn spans(&self) -> Vec<(String, Span)> {
        let batches = self.came.lock().unwrap().clone();
        let requests = batches.iter().map(|batch| ExportTraceServiceRequest::decode(batch.clone()).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        let of_resource = |spans: opentelemetry_proto::tonic::trace::v1::ResourceSpans| {
            let service = text(&spans.resource.unwrap().attributes, "service.name");
            let spans = spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.map(|span| (service.clone(), span)).collect::<Vec<_>>()
        };
        resources.flat_map(of_resource).collect()
    }

    fn assert_never_saw(&self, what: &str) {
        for batch in self.came.lock().unwrap().iter() {
            assert!(!batch.windows(what.len()).any(|window| window == what.as_bytes()), "{what}");
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An attribute as text; empty where there is none.
fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.as_ref()) {
        Some(AnyValue { value: Some(Any::StringValue(text)) }) => text.clone(),
        Some(AnyValue { value: Some(Any::IntValue(number)) }) => number.to_string(),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn serve(webhook: &str, telemetry: &str) -> (TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("watchword.toml");
    let text = format!(
        "[store]\nurl = \"sqlite:{}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[namespaces.app]\nsecret = \"app-secret\"\n\
         [providers.sms]\nkind = \"webhook\"\nurl = \"{webhook}\"\n[telemetry]\n{telemetry}\n",
        folder.path().join("watchword.db").display()
    );
    fs::write(&config, text).unwrap();
    let server = Server::serve(&config, &[]);
    (folder, server)
}

/// A start with an address, under the caller's trace; its code.
async fn start(server: &Server, sampled: &str) -> String {
    let call = server.call(reqwest::Method::PUT, "/api/otp/johns-id");
    let call =
        call.header("traceparent", format!("00-{TRACE}-{CALLER}-{sampled}")).header("X-Request-Id", "mine-7");
    let reply = call.form(&[("provider", "sms"), ("to", "+77011234567")]).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.json::<Value>().await.unwrap()["data"]["otp"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_does_is_one_trace_and_tells_no_secrets() {
    let (receiver, collector) = (Receiver::answering().await, Collector::start().await);
    let (_folder, server) = serve(&receiver.url(), &format!("otlp_endpoint = \"{}\"", collector.endpoint));
    let code = start(&server, "01").await;
    assert_eq!(server.check("johns-id", "wrong-code").await.0, 400);
    assert_eq!(server.check("johns-id", &code).await.0, 200);
    let (status, lines) = server.terminate().await;
    assert_eq!(status.code(), Some(0));

    let all = collector.spans();
    assert!(all.iter().all(|(service, _)| service == "watchword"));
    let spans: Vec<Span> = all.into_iter().map(|(_, span)| span).collect();
    let named = |name: &str| -> Vec<&Span> { spans.iter().filter(|span| span.name == name).collect() };
    let [request] = named("otpgateway start")[..] else { panic!("{spans:#?}") };
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.to_owned(), CALLER.to_owned()));
    assert_eq!(request.kind(), SpanKind::Server);
    for (name, expected) in [
        ("dialect", "otpgateway"),
        ("call", "start"),
        ("outcome", "ok"),
        ("http.response.status_code", "200"),
        ("id", "mine-7"),
    ] {
        assert_eq!(text(&request.attributes, name), expected, "{name}");
    }
    let [stored] = named("store start")[..] else { panic!("{spans:#?}") };
    let [tried] = named("delivery attempt")[..] else { panic!("{spans:#?}") };
    for child in [stored, tried] {
        assert_eq!((&child.trace_id, &child.parent_span_id), (&request.trace_id, &request.span_id));
        assert!(child.start_time_unix_nano >= request.start_time_unix_nano);
        assert!(child.end_time_unix_nano <= request.end_time_unix_nano, "the caller waits for both");
    }
    assert_eq!(
        (text(&tried.attributes, "provider"), text(&tried.attributes, "outcome")),
        ("sms".into(), "accepted".into())
    );
    assert_eq!((tried.kind(), text(&tried.attributes, "delivery").len()), (SpanKind::Client, 36));

    let [wrong, right] = named("otpgateway check")[..] else { panic!("{spans:#?}") };
    assert_eq!(
        (text(&wrong.attributes, "outcome"), text(&right.attributes, "outcome")),
        ("wrong".into(), "ok".into())
    );
    assert!(wrong.parent_span_id.is_empty() && wrong.trace_id != right.trace_id);
    // A wrong guess is no mistake of ours.
    assert!(
        spans.iter().all(|span| span.status.as_ref().is_none_or(|status| status.code() != StatusCode::Error))
    );
    assert_eq!(named("store check").len(), 2);
    // The store is also asked by nobody's request: that is no trace.
    assert!(
        spans.iter().all(|span| span.name.starts_with("otpgateway") || !span.parent_span_id.is_empty()),
        "{spans:#?}"
    );

    for secret in ["7701", "1234567", &code, "wrong-code", "johns-id", "app-secret", "sqlite"] {
        collector.assert_never_saw(secret);
    }
    assert!(
        lines.iter().all(|line| !line.contains("\"DEBUG\"")),
        "the log has a level of its own: {lines:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_a_trace_decides_whether_it_is_kept() {
    let (receiver, collector) = (Receiver::answering().await, Collector::start().await);
    let telemetry =
        format!("otlp_endpoint = \"{}\"\ntraced_per_mille = 0\nservice_name = \"otp\"", collector.endpoint);
    let (_folder, server) = serve(&receiver.url(), &telemetry);
    let code = start(&server, "00").await;
    assert_eq!(server.check("johns-id", &code).await.0, 200);
    start(&server, "01").await;
    server.terminate().await;
    let names: Vec<_> = collector.spans().into_iter().map(|(service, span)| (service, span.name)).collect();
    let mut expected = ["otpgateway start", "store start", "delivery attempt"]
        .map(|name| ("otp".to_owned(), name.to_owned()))
        .to_vec();
    let mut names = names;
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_costs_one_line_and_nobodys_time() {
    let receiver = Receiver::answering().await;
    // Nobody answers there; and one that takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for port in [free_port(), silent.local_addr().unwrap().port()] {
        let (_folder, mut server) =
            serve(&receiver.url(), &format!("otlp_endpoint = \"http://127.0.0.1:{port}\""));
        for _ in 0..20 {
            let code = start(&server, "01").await;
            assert_eq!(server.check("johns-id", &code).await.0, 200);
        }
        let complaint =
            "the collector does not take traces (telemetry.otlp_endpoint); they are dropped until it does";
        server.process.wait_for_line("the complaint", |line| line.contains(complaint).then_some(()));
        start(&server, "01").await;
        #[expect(clippy::disallowed_methods, reason = "how long the end takes is what is tried")]
        let asked = Instant::now();
        let (status, lines) = server.terminate().await;
        assert_eq!(status.code(), Some(0));
        assert!(asked.elapsed().as_secs() < 10, "{:?}", asked.elapsed());
        let complaints = lines.iter().filter(|line| line.contains(complaint)).count();
        assert_eq!(complaints, 1, "{lines:#?}");
    }
}
