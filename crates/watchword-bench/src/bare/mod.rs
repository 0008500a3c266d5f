//! `watchword-bench bare`: the same two calls answered with constants, the floor that the server is measured against.

mod redis;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::routing::put;
use clap::Args;

use self::redis::Redis;
use crate::error::Error;
use crate::listen::Listen;
use crate::store::StoreTraffic;

/// Longest call and longest answer, in bytes.
const MAX_BYTES: i64 = 1 << 20;

/// Content type of every reply (wire contract of otpgateway, "API").
const JSON: &str = "application/json; charset=utf-8";

const PATH: &str = "/api/otp/{id}";

/// A reply to PUT: the envelope with an OTP object and its `url`, texts and ids as long as real ones.
const PUT_REPLY: &str = concat!(
    r#"{"status":"success","data":{"namespace":"dev","id":"b19aa2ee5d67-1f40-3-123456","#,
    r#""to":"user-b19aa2ee5d67-1f40-3-123456@example.com","channel_description":"","address_description":"","#,
    r#""extra":{},"provider":"inbox","otp":"123456","max_attempts":5,"attempts":1,"generate":1,"max_generate":3,"#,
    r#""closed":false,"ttl":300,"url":"http://127.0.0.1:9000/otp/dev/b19aa2ee5d67-1f40-3-123456"}}"#
);

/// A reply to a right check: closed, counted, without `url`.
const CHECK_REPLY: &str = concat!(
    r#"{"status":"success","data":{"namespace":"dev","id":"b19aa2ee5d67-1f40-3-123456","#,
    r#""to":"user-b19aa2ee5d67-1f40-3-123456@example.com","channel_description":"","address_description":"","#,
    r#""extra":{},"provider":"inbox","otp":"123456","max_attempts":5,"attempts":2,"generate":1,"max_generate":3,"#,
    r#""closed":true,"ttl":300}}"#
);

/// Calls of the store that a verification takes at least: to begin it, to settle its message, to check it. The first two
/// belong to PUT.
const CALLS: f64 = 3.0;

/// Answer PUT and check with constants: the least an HTTP server can cost.
///
/// With a store it makes three calls a verification that do nothing, two for PUT and one for the check: the least that a
/// server with such a store can cost.
#[derive(Args)]
#[command(after_help = "\
Example, in two terminals; `compare` does both:
    watchword-bench bare --listen 127.0.0.1:9000
    watchword-bench run --target http://127.0.0.1:9000 --server-pid $(pgrep -f 'watchword-bench bare')

It runs until Ctrl-C.")]
pub(crate) struct Options {
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    calls: CallsOptions,
}

/// What is called.
#[derive(Args)]
#[command(next_help_heading = "The store")]
pub(crate) struct CallsOptions {
    /// A store to call.
    #[arg(long, value_name = "URL")]
    store_url: Option<String>,
    /// Length of a call on the wire, in bytes.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=MAX_BYTES))]
    request_bytes: u32,
    /// Length of its answer.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=MAX_BYTES))]
    reply_bytes: u32,
}

impl CallsOptions {
    /// Calls that together have as many bytes as the store was seen to get and give for one verification.
    pub(crate) fn like(store_url: &str, traffic: &StoreTraffic) -> Self {
        let each = |bytes: f64| (bytes / CALLS).clamp(0.0, MAX_BYTES as f64) as u32;
        Self {
            store_url: Some(store_url.to_owned()),
            request_bytes: each(traffic.received_bytes),
            reply_bytes: each(traffic.sent_bytes),
        }
    }

    /// As they are given on the command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self { store_url, request_bytes, reply_bytes } = self;
        let arguments = [
            ("--store-url", store_url.clone().unwrap_or_default()),
            ("--request-bytes", request_bytes.to_string()),
            ("--reply-bytes", reply_bytes.to_string()),
        ];
        arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }
}

/// Serves until the program is stopped. Prints the address once connections are accepted.
///
/// # Errors
///
/// When it can't listen, or reach its store.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let CallsOptions { store_url, request_bytes, reply_bytes } = options.calls;
    let router = match store_url {
        None => router(),
        Some(url) => {
            let redis = Redis::connect(&url, request_bytes as usize, reply_bytes as usize);
            calling_router(redis.await.map_err(Error::Redis)?)
        }
    };
    let listener = options.listen.open("http://").await?;
    axum::serve(listener, router).await.map_err(Error::Bare)
}

fn router() -> Router {
    // The request body is read, as any server that answers it must: unread ones would cost connections now and then.
    Router::new()
        .route(PATH, put(async |_body: Bytes| reply(PUT_REPLY)).post(async |_body: Bytes| reply(CHECK_REPLY)))
}

/// The same, with the calls of the store before each reply.
fn calling_router(redis: Redis) -> Router {
    let begin = async |State(redis): State<Redis>, _body: Bytes| {
        redis.call().await.map_err(unavailable)?;
        redis.call().await.map_err(unavailable)?;
        Ok::<_, Unavailable>(reply(PUT_REPLY))
    };
    let check = async |State(redis): State<Redis>, _body: Bytes| {
        redis.call().await.map_err(unavailable)?;
        Ok::<_, Unavailable>(reply(CHECK_REPLY))
    };
    Router::new().route(PATH, put(begin).post(check)).with_state(redis)
}

type Unavailable = (StatusCode, String);

fn unavailable(error: ::redis::RedisError) -> Unavailable {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{{\"status\":\"error\",\"message\":\"{}\"}}", error.category()),
    )
}

fn reply(body: &'static str) -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, JSON)], body)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{CHECK_REPLY, PUT_REPLY};

    /// Names in the order of the wire contract; `url` comes with PUT alone.
    const NAMES: [&str; 14] = [
        "namespace",
        "id",
        "to",
        "channel_description",
        "address_description",
        "extra",
        "provider",
        "otp",
        "max_attempts",
        "attempts",
        "generate",
        "max_generate",
        "closed",
        "ttl",
    ];

    #[test]
    fn the_constant_replies_are_envelopes_with_the_names_of_the_wire_contract_in_order() {
        for (reply, with_url) in [(PUT_REPLY, true), (CHECK_REPLY, false)] {
            let envelope: Value = serde_json::from_str(reply).unwrap();
            assert_eq!(envelope["status"], "success");
            let mut expected = NAMES.to_vec();
            expected.extend(with_url.then_some("url"));
            let mut rest = reply;
            for name in &expected {
                let quoted = format!(r#""{name}":"#);
                rest = rest.split_once(&quoted).unwrap_or_else(|| panic!("{name} is missing or too early")).1;
            }
            assert_eq!(envelope["data"].as_object().unwrap().len(), expected.len());
        }
    }
}
