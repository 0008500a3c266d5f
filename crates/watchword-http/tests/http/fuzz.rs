//! Whatever comes in: never a 5xx, never a panic, always the envelope or a page.

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use tokio::runtime::Runtime;
use watchword_http::server::ServerSettings;

use crate::harness::wire::{Client, Listening};
use crate::harness::{App, FORM, JSON, basic};

/// Anything that may be part of a request.
#[derive(Clone, Debug)]
struct Fuzzed {
    method: String,
    target: String,
    authorization: Option<Vec<u8>>,
    content_type: Option<String>,
    request_id: Option<Vec<u8>>,
    body: Vec<u8>,
}

impl Fuzzed {
    /// `None`: no HTTP client could write it.
    fn build(&self) -> Option<Request<Body>> {
        let mut request = Request::builder().method(self.method.as_str()).uri(self.target.as_str());
        for (name, value) in [
            (AUTHORIZATION.as_str(), self.authorization.as_deref()),
            (CONTENT_TYPE.as_str(), self.content_type.as_deref().map(str::as_bytes)),
            ("x-request-id", self.request_id.as_deref()),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request.body(Body::from(self.body.clone())).ok()
    }
}

fn method() -> impl Strategy<Value = String> {
    let known = select(vec!["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[A-Z!#$%&'*+.^_`|~-]{1,12}"]
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["uniqueID", "john%40doe.com", "%00%00%00%00%00%00", "a%2Fb%2Fc%2Fd", "%ff%fe%fd%fc%fb%fa", ""]).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9%._~@:+-]{0,40}",
        1 => "[!-~]{0,20}",
        1 => Just("x".repeat(300)),
    ]
}

fn target() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        4 => id().prop_map(|id| format!("/api/otp/{id}")),
        2 => id().prop_map(|id| format!("/api/otp/{id}/status")),
        3 => (id(), select(vec!["", "", "/address", "/status"])).prop_map(|(id, page)| format!("/otp/app/{id}{page}")),
        1 => select(vec!["/", "/api/otp", "/api/providers", "/api/health", "*", "//", "/api/otp/"]).prop_map(str::to_owned),
        1 => "/[!-~]{0,40}",
    ];
    (path, prop_oneof![2 => Just(String::new()), 2 => form(), 1 => "[!-~]{0,60}"]).prop_map(
        |(path, query)| {
            if query.is_empty() { path } else { format!("{path}?{query}") }
        },
    )
}

fn pair() -> impl Strategy<Value = String> {
    let name = select(vec![
        "provider",
        "to",
        "channel_description",
        "address_description",
        "otp",
        "ttl",
        "max_attempts",
        "max_generate",
        "skip_delete",
        "extra",
        "action",
        "view",
        "",
    ]);
    let value = prop_oneof![
        4 => select(vec![
            "smtp", "sms", "hook", "john@doe.com", "12345678", "123456", "1", "0", "-1", "+5", "300", "99999999999",
            "true", "check", "resend", "popup", "{}", "[[[[]]]]", "%7B%22a%22:1.0%7D", "%00", "%0d%0aX:1", "%ff", "%", "%zz", "", "%F0%9F%92%A9",
        ]).prop_map(str::to_owned),
        1 => "[!-~]{0,30}",
        1 => (1_usize..2_000).prop_map(|length| "[".repeat(length)),
    ];
    (name, value).prop_map(|(name, value)| format!("{name}={value}"))
}

fn form() -> impl Strategy<Value = String> {
    let begun = prop_oneof![
        2 => Just(String::new()),
        2 => Just("provider=smtp&to=john@doe.com&otp=123456".to_owned()),
        1 => Just("otp=123456".to_owned()),
    ];
    (begun, prop::collection::vec(pair(), 0..6))
        .prop_map(|(begun, pairs)| format!("{begun}&{}", pairs.join("&")))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let part = |pair: String| {
        let (name, value) = pair.split_once('=').unwrap_or_default();
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    prop_oneof![
        4 => form().prop_map(String::into_bytes),
        1 => prop::collection::vec(pair().prop_map(part), 0..4).prop_map(|parts| format!("{}--XX--", parts.concat()).into_bytes()),
        2 => prop::collection::vec(any::<u8>(), 0..200),
        1 => Just(vec![b'&'; 70_000]),
    ]
}

fn fuzzed() -> impl Strategy<Value = Fuzzed> {
    let right = || Just(Some(basic("app:secret").into_bytes()));
    let authorization = prop_oneof![
        8 => right(),
        1 => Just(None),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Some),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Some([b"Basic ", bytes.as_slice()].concat())),
        1 => ".{0,30}".prop_map(|text| Some(basic(&text).into_bytes())),
    ];
    let content_type = prop_oneof![
        6 => Just(Some(FORM.to_owned())),
        2 => Just(Some("multipart/form-data; boundary=XX".to_owned())),
        1 => Just(None),
        1 => "[ -~]{0,40}".prop_map(Some),
        1 => "multipart/form-data[ -~]{0,40}".prop_map(Some),
    ];
    let request_id =
        prop_oneof![3 => Just(None), 1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Some)];
    (method(), target(), authorization, content_type, request_id, body()).prop_map(
        |(method, target, authorization, content_type, request_id, body)| Fuzzed {
            method,
            target,
            authorization,
            content_type,
            request_id,
            body,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn no_request_gives_a_5xx_or_anything_but_the_envelope_or_a_page(requests in prop::collection::vec(fuzzed(), 1..8)) {
        runtime().block_on(async {
            let app = App::new();
            for fuzzed in requests {
                let Some(request) = fuzzed.build() else { continue };
                let is_head = fuzzed.method == "HEAD";
                let reply = app.send(request).await;
                prop_assert!(reply.status.as_u16() < 500, "{:?}: {:?}", fuzzed, reply);
                prop_assert!(reply.headers.contains_key("x-request-id"));
                if reply.header(CONTENT_TYPE) == JSON && !is_head {
                    let envelope: Value = serde_json::from_str(&reply.body).unwrap();
                    let expected = if reply.status == 200 { "success" } else { "error" };
                    prop_assert_eq!(&envelope["status"], expected);
                } else if reply.header(CONTENT_TYPE).starts_with("text/html") {
                    prop_assert!([200, 404, 405].contains(&reply.status.as_u16()), "{:?}: {:?}", fuzzed, reply);
                    prop_assert!(is_head || reply.body.trim_end().ends_with("</html>"), "{:?}", reply);
                } else if reply.status == 302 {
                    prop_assert!(reply.header(LOCATION).starts_with("/otp/app/"), "{:?}: {:?}", fuzzed, reply);
                } else {
                    prop_assert!(is_head || reply.body.starts_with("Watchword"), "{:?}: {:?}", fuzzed, reply);
                }
            }
            Ok(())
        })?;
    }
}

/// Bytes that are a request up to a point.
fn raw() -> impl Strategy<Value = Vec<u8>> {
    let head =
        "(GET|PUT|POST|PRI|get|) ?/?[!-~]{0,20} ?(HTTP/1.1|HTTP/1.0|HTTP/2.0|HTTP/0.9|)\r?\n(Host: x\r\n)?";
    let header = prop_oneof![
        1 => "[!-~]{0,12}:? ?[ -~]{0,20}\r?\n",
        1 => select(vec![
            "Content-Length: 5\r\n", "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: x\r\n", "Connection: upgrade\r\nUpgrade: x\r\n",
            "Expect: 100-continue\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        ]).prop_map(str::to_owned),
    ];
    let headers = prop::collection::vec(header, 0..5).prop_map(|headers| headers.concat());
    let end = prop_oneof![
        Just(&b"\r\n"[..]),
        Just(&b""[..]),
        Just(&b"\r\n5\r\nhello\r\n0\r\n\r\n"[..]),
        Just(&b"\r\nffffffffffffffffff\r\n"[..])
    ];
    (head, headers, end, prop::collection::vec(any::<u8>(), 0..100))
        .prop_map(|(head, headers, end, junk)| [head.as_bytes(), headers.as_bytes(), end, &junk].concat())
}

#[test]
fn no_bytes_on_the_wire_give_a_5xx_or_stop_the_listener() {
    let runtime = runtime();
    let server = Arc::new(runtime.block_on(Listening::start(App::new().router, ServerSettings::default())));
    proptest!(ProptestConfig { cases: 500, ..ProptestConfig::default() }, |(bytes in prop_oneof![raw(), prop::collection::vec(any::<u8>(), 0..300)])| {
        runtime.block_on(async {
            let mut client = server.connect().await;
            // The listener may have seen enough before all of it is written.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut client.0, &bytes).await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut client.0).await;
            let reply = client.rest().await;
            let reply = String::from_utf8_lossy(&reply);
            prop_assert!(!reply.starts_with("HTTP/1.1 5"), "{:?}: {}", bytes, reply);
            Ok(())
        })?;
    });
    runtime.block_on(async {
        let mut client: Client = server.connect().await;
        assert!(client.get("/api/health").await.ends_with(r#"{"status":"success","data":"OK"}"#));
    });
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
