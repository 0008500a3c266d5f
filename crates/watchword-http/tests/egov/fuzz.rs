//! Whatever comes in: never a 5xx, never a panic, always one of the two shapes, and always what the OpenAPI document says.

use axum::body::Body;
use http::Request;
use http::header::CONTENT_TYPE;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::harness::{App, CREATE, SEARCH, SEND, VALIDATE};

const NAMES: [&str; 16] = [
    "otp",
    "tenantId",
    "TENANTID",
    "identity",
    "otp",
    "uuid",
    "UUID",
    "mobileNumber",
    "type",
    "userType",
    "countryCode",
    "requestInfo",
    "RequestInfo",
    "msgId",
    "correlationId",
    "other",
];

/// A value as JSON text, mostly one that belongs.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(vec![
            "\"9876543210\"", "9876543210", "\"pb\"", "\"pb.amritsar\"", "\"register\"", "\"EMPLOYEE\"", "\"+91\"", "\"123456\"",
            "123456", "\"1|hi_IN\"", "\"0196b0c4-5f00-8000-8000-000000000000\"",
        ]).prop_map(str::to_owned),
        3 => select(vec![
            "null", "true", "false", "0", "-0", "1e999", "1E-9", "123456789012345678901234567890", "\"\"", "\" \"",
            "\"\\u0000\"", "\"\\ud800\"", "\"\\ud83d\\ude00\"", "\"\\r\\nX: y\"", "{}", "[[[[]]]]", "[{}]", "nonsense", "",
            "{\"msgId\":{}}", "{\"tenantId\":[]}", "\"..\"", "\"%s\"", "\"|\"",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,20}".prop_map(|text| Value::from(text).to_string()),
        1 => (1_usize..3_000).prop_map(|levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels))),
        1 => (90_usize..260).prop_map(|length| format!("\"{}\"", "x".repeat(length))),
    ]
}

fn members() -> impl Strategy<Value = String> {
    prop::collection::vec((select(&NAMES[..]), value()), 0..6)
        .prop_map(|pairs| pairs.into_iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect())
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let good = select(vec![
        r#""tenantId":"pb","mobileNumber":"9876543210""#,
        r#""tenantId":"pb.amritsar","identity":"i","otp":"1""#,
        r#""uuid":"0196b0c4-5f00-8000-8000-000000000000""#,
    ]);
    let object = (good, members(), members())
        .prop_map(|(good, inner, outer)| format!(r#"{{"otp":{{{good}{inner}}}{outer}}}"#).into_bytes());
    prop_oneof![
        8 => object,
        1 => value().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => Just(vec![b' '; 70_000]),
        1 => Just(Vec::new()),
    ]
}

/// Method, path, a header, body.
type Fuzzed = (String, String, Option<(&'static str, Vec<u8>)>, Vec<u8>);

fn fuzzed() -> impl Strategy<Value = Fuzzed> {
    let known = select(vec!["GET", "HEAD", "POST", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS"]);
    let method = prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[A-Z!#$%&'*+.^_`|~-]{1,12}"];
    let path = prop_oneof![
        9 => select(vec![SEND, SEND, CREATE, VALIDATE, SEARCH, "/otp/health"]).prop_map(str::to_owned),
        1 => "/[!-~]{0,30}",
    ];
    let names = select(vec!["x-correlation-id", "x-request-id", "tenantId", "authorization"]);
    let header = prop::option::of((names, prop::collection::vec(any::<u8>(), 0..40)));
    (method, path, header, body())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_request_gives_a_5xx_or_anything_but_the_two_shapes(requests in prop::collection::vec(fuzzed(), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let app = App::new();
            for (method, path, header, body) in requests {
                let shown = format!("{method} {path} {header:?} {}", String::from_utf8_lossy(&body));
                let request = Request::builder().method(method.as_str()).uri(&path).header(CONTENT_TYPE, "application/json");
                let request = header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
                // Otherwise no HTTP client could write it.
                let Ok(request) = request.body(Body::from(body)) else { continue };
                let reply = app.send(request).await;
                prop_assert!(reply.status.as_u16() < 500 || reply.body.contains("user service is not configured"), "{shown}: {reply:?}");
                prop_assert!(reply.headers.contains_key("x-request-id"));
                prop_assert_eq!(reply.header(CONTENT_TYPE), "application/json");
                if method == "HEAD" {
                    continue;
                }
                let body: Value = serde_json::from_str(&reply.body).unwrap();
                let is_refused = body["Errors"][0]["code"].is_string() || body["error"]["fields"][0]["code"].is_string();
                prop_assert!(reply.status.is_success() != is_refused, "{shown}: {reply:?}");
            }
            Ok(())
        })?;
    }
}
