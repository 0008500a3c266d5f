//! `watchword-bench bare`: the same two calls answered with constants, the floor that the server is measured against.

mod calls;
mod postgres;
mod redis;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::routing::{get, post, put};
use clap::Args;

pub(crate) use self::calls::CallsOptions;
use self::calls::{CallFailure, Calls};
use crate::causes::with_causes;
use crate::error::Error;
use crate::listen::Listen;

/// Content type of every reply (wire contract of otpgateway, "API").
const JSON: &str = "application/json; charset=utf-8";

const PATH: &str = "/api/otp/{id}";

/// The calls of Perfumer's API that do the same, and the reply to both.
const SEND_PATH: &str = "/sms";
const CHECK_PATH: &str = "/sms/check";
const PERFUMER_REPLY: &str = r#"{"status":true}"#;

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

/// Serves until the program is stopped. Prints the address once connections are accepted.
///
/// # Errors
///
/// When it can't listen, or reach its store.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let router = match options.calls.connect().await? {
        None => router(),
        Some(calls) => calling_router(calls),
    };
    let listener = options.listen.open("http://").await?;
    axum::serve(listener, router).await.map_err(Error::Bare)
}

fn router() -> Router {
    // The request body is read, as any server that answers it must: unread ones would cost connections now and then.
    Router::new()
        .route(PATH, put(async |_body: Bytes| reply(PUT_REPLY)).post(async |_body: Bytes| reply(CHECK_REPLY)))
        .route(SEND_PATH, post(async |_body: Bytes| reply(PERFUMER_REPLY)))
        .route(CHECK_PATH, get(async || reply(PERFUMER_REPLY)))
}

/// The same, with the calls of the store before each reply.
fn calling_router(calls: Calls) -> Router {
    async fn begin(calls: &Calls, body: &'static str) -> Result<Answer, Unavailable> {
        calls.call().await.map_err(|error| unavailable(&error))?;
        calls.call().await.map_err(|error| unavailable(&error))?;
        Ok(reply(body))
    }
    async fn check(calls: &Calls, body: &'static str) -> Result<Answer, Unavailable> {
        calls.call().await.map_err(|error| unavailable(&error))?;
        Ok(reply(body))
    }
    let starts = async |State(calls): State<Calls>, _body: Bytes| begin(&calls, PUT_REPLY).await;
    let checks = async |State(calls): State<Calls>, _body: Bytes| check(&calls, CHECK_REPLY).await;
    let sends = async |State(calls): State<Calls>, _body: Bytes| begin(&calls, PERFUMER_REPLY).await;
    let asks = async |State(calls): State<Calls>| check(&calls, PERFUMER_REPLY).await;
    Router::new()
        .route(PATH, put(starts).post(checks))
        .route(SEND_PATH, post(sends))
        .route(CHECK_PATH, get(asks))
        .with_state(calls)
}

type Unavailable = (StatusCode, String);

/// In words, for a developer who looks at it.
fn unavailable(error: &CallFailure) -> Unavailable {
    (StatusCode::SERVICE_UNAVAILABLE, with_causes(error))
}

type Answer = ([(HeaderName, &'static str); 1], &'static str);

fn reply(body: &'static str) -> Answer {
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
