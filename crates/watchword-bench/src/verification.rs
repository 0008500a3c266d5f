//! One verification over the otpgateway API: PUT, then the check with the passcode of its reply.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::client::{Connection, ExchangeError, Origin, Reply};
use crate::stopwatch;

/// Longest part of a server's own words that a failure repeats, in characters.
const MAX_MESSAGE: usize = 200;

/// The API of one server, seen by one namespace. No `Debug`: it holds the secret.
pub(crate) struct Api {
    pub(crate) origin: Origin,
    authorization: HeaderValue,
    provider: String,
}

/// Which of the two calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Put,
    Check,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Put => "PUT",
            Self::Check => "the check",
        })
    }
}

/// Why a verification did not go through. Never holds a passcode.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{call} has no reply")]
    NoReply { call: Call, source: ExchangeError },
    #[error("{call} was answered {status} {message}")]
    Refused { call: Call, status: StatusCode, message: String },
    #[error("the reply to PUT is not an envelope with an `otp`")]
    NoPasscode,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: OtpObject<'a>,
}

#[derive(Deserialize)]
struct OtpObject<'a> {
    #[serde(borrow)]
    otp: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ErrorEnvelope<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

impl Api {
    /// `provider` is sent with each PUT as it is.
    pub(crate) fn new(origin: Origin, namespace: &str, secret: &str, provider: &str) -> Self {
        let credentials = STANDARD.encode(format!("{namespace}:{secret}"));
        #[expect(clippy::expect_used, reason = "base64 holds only characters that a header takes")]
        let mut authorization =
            HeaderValue::from_str(&format!("Basic {credentials}")).expect("base64 is a header value");
        authorization.set_sensitive(true);
        Self { origin, authorization, provider: utf8_percent_encode(provider, NON_ALPHANUMERIC).to_string() }
    }

    /// Starts a verification with an address of its own, and gives back the passcode that the reply holds. `ttl` in
    /// seconds; `None` leaves it to the server.
    pub(crate) async fn put(
        &self,
        connection: &mut Connection,
        id: &str,
        ttl: Option<u32>,
    ) -> Result<String, Failure> {
        let ttl = ttl.map_or_else(String::new, |seconds| format!("&ttl={seconds}"));
        let form = format!("provider={}&to=user-{id}%40example.com{ttl}", self.provider);
        let reply = self.call(connection, Call::Put, id, form).await?;
        let envelope: Envelope<'_> = serde_json::from_slice(&reply.body).map_err(|_| Failure::NoPasscode)?;
        Ok(envelope.data.otp.into_owned())
    }

    /// Checks a passcode.
    pub(crate) async fn check(
        &self,
        connection: &mut Connection,
        id: &str,
        passcode: &str,
    ) -> Result<(), Failure> {
        let form = format!("otp={}", utf8_percent_encode(passcode, NON_ALPHANUMERIC));
        self.call(connection, Call::Check, id, form).await.map(drop)
    }

    /// Both calls. The first latency counts from `since`, the second from the moment the first reply was there: a check
    /// can't be asked for earlier.
    pub(crate) async fn verify(
        &self,
        connection: &mut Connection,
        id: &str,
        since: Instant,
    ) -> Result<(Duration, Duration), Failure> {
        let passcode = self.put(connection, id, None).await?;
        let put_done = stopwatch::now();
        self.check(connection, id, &passcode).await?;
        Ok((put_done.duration_since(since), put_done.elapsed()))
    }

    async fn call(
        &self,
        connection: &mut Connection,
        call: Call,
        id: &str,
        form: String,
    ) -> Result<Reply, Failure> {
        let method = match call {
            Call::Put => Method::PUT,
            Call::Check => Method::POST,
        };
        let no_reply = |source| Failure::NoReply { call, source };
        let mut request = self
            .origin
            .request(method, &format!("/api/otp/{id}"), Bytes::from(form))
            .map_err(|error| no_reply(error.into()))?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let reply = connection.exchange(request).await.map_err(no_reply)?;
        if reply.status == StatusCode::OK {
            Ok(reply)
        } else {
            Err(Failure::Refused { call, status: reply.status, message: message_of(&reply.body) })
        }
    }
}

/// The words of an error envelope. Nothing else of the body: some servers give the passcode back with an error.
fn message_of(body: &[u8]) -> String {
    serde_json::from_slice::<ErrorEnvelope<'_>>(body)
        .map_or_else(|_| String::new(), |envelope| envelope.message.chars().take(MAX_MESSAGE).collect())
}

#[cfg(test)]
mod tests {
    use super::message_of;

    #[test]
    fn a_failure_repeats_the_servers_message_and_nothing_else_of_its_reply() {
        let cases = [
            (r#"{"status":"error","message":"Incorrect OTP","data":{"otp":"123456"}}"#, "Incorrect OTP"),
            (r#"{"status":"error"}"#, ""),
            ("123456 is wrong", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(message_of(body.as_bytes()), expected, "{body}");
        }
    }
}
