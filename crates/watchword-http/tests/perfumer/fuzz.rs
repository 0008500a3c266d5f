//! Whatever comes in: never a 5xx, never a panic, always the dialect's shape.

use axum::body::Body;
use http::Request;
use http::header::CONTENT_TYPE;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::harness::{App, JSON};

/// Anything that may be part of a request.
#[derive(Clone, Debug)]
struct Fuzzed {
    method: String,
    target: String,
    header: Option<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

impl Fuzzed {
    /// `None`: no HTTP client could write it.
    fn build(&self) -> Option<Request<Body>> {
        let mut request = Request::builder().method(self.method.as_str()).uri(self.target.as_str());
        if let Some((name, value)) = &self.header {
            request = request.header(*name, value.as_slice());
        }
        request.body(Body::from(self.body.clone())).ok()
    }
}

const NAMES: [&str; 17] = [
    "ip", "phone", "email", "chat_id", "password", "lifetime", "message", "subject", "text", "html",
    "channel", "target", "ips", "phones", "emails", "chat_ids", "other",
];

fn target() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        8 => select(vec![
            "/sms", "/call", "/email", "/telegram", "/sms/check", "/call/check", "/email/check", "/telegram/check",
            "/limit/sms", "/limit/call", "/limit/email", "/limit/telegram", "/target", "/password", "/telegram/webhook",
        ]).prop_map(str::to_owned),
        1 => "/[!-~]{0,30}",
    ];
    let query = prop_oneof![
        3 => Just(String::new()),
        2 => prop::collection::vec((select(&NAMES[..]), "[!-~]{0,20}"), 0..6).prop_map(|pairs| {
            pairs.into_iter().map(|(name, value)| format!("{name}={value}&")).collect()
        }),
        1 => "[!-~]{0,60}",
    ];
    (path, query).prop_map(|(path, query)| if query.is_empty() { path } else { format!("{path}?{query}") })
}

/// A value as JSON text, mostly one that belongs.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(vec![
            "\"77011234567\"", "77011234567", "\"a@b.c\"", "5", "\"12345\"", "12345", "300", "\"300\"", "\"Hello\"",
            "\"123.123.123.123\"", "\"sms\"", "\"telegram\"", "[{\"minutes\":10,\"rate\":3}]", "[]",
        ]).prop_map(str::to_owned),
        3 => select(vec![
            "null", "true", "false", "0", "-0", "0.0", "-1", "1e999", "1E-9", "123456789012345678901234567890", "\"\"",
            "\" \"", "\"0\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\ud83d\\ude00\"", "\"\\r\\nX: y\"", "{}", "[[[[]]]]",
            "[{\"minutes\":-1,\"rate\":\"x\"}]", "[{\"minutes\":99999999999999999999,\"rate\":1}]", "[1,null,{}]",
            "{\"chat\":{\"id\":5,\"type\":\"private\"}}", "nonsense", "",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,20}".prop_map(|text| Value::from(text).to_string()),
        1 => (1_usize..3_000).prop_map(|levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels))),
        1 => (250_usize..260).prop_map(|length| format!("\"{}\"", "x".repeat(length))),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let good = select(vec![
        r#""phone":"7701","password":"1","lifetime":300,"message":"m""#,
        r#""email":"a@b.c","password":"1","lifetime":300,"subject":"s","text":"t""#,
        r#""chat_id":5,"password":"1","lifetime":300,"message":"m""#,
        r#""target":"7701","password":"1","channel":"sms""#,
        r#""update_id":1,"message":{"chat":{"id":5,"type":"private"}}"#,
        r#""ips":[{"minutes":10,"rate":3}],"phones":[{"minutes":10,"rate":1}]"#,
    ]);
    let pairs = prop::collection::vec((select(&NAMES[..]), value()), 0..5);
    let object = (good, pairs).prop_map(|(good, pairs)| {
        let pairs: String = pairs.into_iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
        format!("{{{good}{pairs}}}").into_bytes()
    });
    prop_oneof![
        8 => object,
        1 => value().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => Just(vec![b' '; 70_000]),
        1 => Just(Vec::new()),
    ]
}

fn fuzzed() -> impl Strategy<Value = Fuzzed> {
    let known = select(vec!["GET", "HEAD", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS"]);
    let method = prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[A-Z!#$%&'*+.^_`|~-]{1,12}"];
    let names =
        select(vec!["authorization", "x-telegram-bot-api-secret-token", "content-type", "x-request-id"]);
    let header = prop::option::of((names, prop::collection::vec(any::<u8>(), 0..40)));
    (method, target(), header, body()).prop_map(|(method, target, header, body)| Fuzzed {
        method,
        target,
        header,
        body,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn no_request_gives_a_5xx_or_anything_but_the_dialects_shape(requests in prop::collection::vec(fuzzed(), 1..8)) {
        runtime().block_on(async {
            let app = App::new();
            for fuzzed in requests {
                let Some(request) = fuzzed.build() else { continue };
                let reply = app.send(request).await;
                prop_assert!(reply.status.as_u16() < 500, "{:?}: {:?}", fuzzed, reply);
                prop_assert!(reply.headers.contains_key("x-request-id"));
                prop_assert_eq!(reply.header(CONTENT_TYPE), JSON);
                if fuzzed.method == "HEAD" {
                    continue;
                }
                let body: Value = serde_json::from_str(&reply.body).unwrap();
                let is_refused = body["status"] == false && body["message"].is_string();
                let is_ok = body["status"] == true || reply.body == crate::harness::FALSE;
                prop_assert!(if reply.status == 200 { is_ok } else { is_refused }, "{:?}: {:?}", fuzzed, reply);
            }
            Ok(())
        })?;
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
