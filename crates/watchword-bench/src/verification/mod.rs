//! One verification: over the otpgateway API PUT, then the check with its passcode; over another the calls that do the same.

pub(crate) mod perfumer;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::address_pattern::{AddressPattern, Person};
use crate::client::{Connection, Endpoint, Reply};
use crate::dialect::Dialect;
use crate::failure::{Call, Failure};
use crate::stopwatch;

/// Longest part of a server's own words that a failure repeats, in characters.
const MAX_MESSAGE: usize = 200;

/// Passcodes of this program's own are numbers below this: six digits.
const OWN_PASSCODES: u64 = 1_000_000;

/// Where the passcode that is checked comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PasscodeFrom {
    /// The server makes it, and the reply to PUT gives it back in `data.otp`.
    Reply,
    /// This program makes it, and hands it over as `otp` of the PUT.
    Own,
}

/// What all calls have in common. No `Debug`: it holds the secret.
#[derive(Clone)]
pub(crate) struct Credentials {
    authorization: HeaderValue,
    namespace: String,
}

/// The API of one server, seen by one namespace. No `Debug`: it holds the secret.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) dialect: Dialect,
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Credentials,
    /// As it is, for words.
    pub(crate) provider: String,
    pub(crate) to: AddressPattern,
    pub(crate) passcode_from: PasscodeFrom,
}

/// How long the parts of a verification took.
pub(crate) struct Timing {
    /// PUT, from when it was due.
    pub(crate) put: Duration,
    /// The check, from when PUT was answered. `None`: there was none.
    pub(crate) check: Option<Duration>,
}

#[derive(Deserialize)]
struct Envelope<'a, T> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    data: T,
}

#[derive(Deserialize)]
struct OtpObject<'a> {
    #[serde(borrow, default)]
    otp: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ErrorEnvelope<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

impl Credentials {
    pub(crate) fn new(namespace: &str, secret: &str) -> Self {
        let credentials = STANDARD.encode(format!("{namespace}:{secret}"));
        #[expect(clippy::expect_used, reason = "base64 holds only characters that a header takes")]
        let mut authorization =
            HeaderValue::from_str(&format!("Basic {credentials}")).expect("base64 is a header value");
        authorization.set_sensitive(true);
        Self { authorization, namespace: namespace.to_owned() }
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }
}

impl Api {
    /// Namespace `dev`, secret `s3cret`, provider `inbox`, passcodes by the server.
    #[cfg(test)]
    pub(crate) fn sample(endpoint: Endpoint) -> Self {
        Self {
            dialect: Dialect::Otpgateway,
            endpoint,
            credentials: Credentials::new("dev", "s3cret"),
            provider: "inbox".to_owned(),
            to: "{id}@example.com".parse().unwrap(),
            passcode_from: PasscodeFrom::Reply,
        }
    }

    /// Starts a verification, and gives back its passcode. `ttl` in seconds; `None` leaves it to the server.
    pub(crate) async fn put(
        &self,
        connection: &mut Connection,
        person: &Person,
        ttl: Option<u32>,
    ) -> Result<String, Failure> {
        if self.dialect == Dialect::Perfumer {
            return perfumer::send(self, connection, person, ttl).await;
        }
        let mut form = format!("provider={}&to=", utf8_percent_encode(&self.provider, NON_ALPHANUMERIC));
        self.to.write(person, &mut form);
        if let Some(seconds) = ttl {
            // Writing to a String can't fail.
            let _ = write!(form, "&ttl={seconds}");
        }
        let own = match self.passcode_from {
            PasscodeFrom::Reply => None,
            PasscodeFrom::Own => Some(format!("{:06}", person.number % OWN_PASSCODES)),
        };
        if let Some(own) = &own {
            form.push_str("&otp=");
            form.push_str(own);
        }
        let reply = self.call(connection, Call::Put, &person.id, form).await?;
        let object: OtpObject<'_> = data_of(&reply, Call::Put)?;
        match own {
            Some(own) => Ok(own),
            None if object.otp.is_empty() => Err(Failure::NoPasscode),
            None => Ok(object.otp.into_owned()),
        }
    }

    /// Checks a passcode.
    pub(crate) async fn check(
        &self,
        connection: &mut Connection,
        person: &Person,
        passcode: &str,
    ) -> Result<(), Failure> {
        if self.dialect == Dialect::Perfumer {
            return perfumer::check(self, connection, person, passcode).await;
        }
        let form = format!("otp={}", utf8_percent_encode(passcode, NON_ALPHANUMERIC));
        let reply = self.call(connection, Call::Check, &person.id, form).await?;
        data_of::<serde::de::IgnoredAny>(&reply, Call::Check).map(drop)
    }

    /// Both calls. The first latency counts from `since`, the second from the moment the first reply was there: a check
    /// can't be asked for earlier.
    pub(crate) async fn verify(
        &self,
        connection: &mut Connection,
        person: &Person,
        since: Instant,
    ) -> Result<Timing, Failure> {
        let passcode = self.put(connection, person, None).await?;
        let put_done = stopwatch::now();
        self.check(connection, person, &passcode).await?;
        Ok(Timing { put: put_done.duration_since(since), check: Some(put_done.elapsed()) })
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
        let mut request = self
            .endpoint
            .origin
            .request(method, &format!("/api/otp/{id}"), Bytes::from(form))
            .map_err(|error| Failure::NoReply { call, source: error.into() })?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.credentials.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        exchange(connection, call, request).await
    }
}

/// A reply of 200.
async fn exchange(
    connection: &mut Connection,
    call: Call,
    request: Request<Full<Bytes>>,
) -> Result<Reply, Failure> {
    let reply = connection.exchange(request).await.map_err(|source| Failure::NoReply { call, source })?;
    if reply.status == StatusCode::OK {
        Ok(reply)
    } else {
        Err(Failure::Refused { call, status: reply.status, message: message_of(&reply.body) })
    }
}

/// The data of a success. Nothing else has both the words and the shape.
fn data_of<'a, T: Deserialize<'a>>(reply: &'a Reply, call: Call) -> Result<T, Failure> {
    match serde_json::from_slice::<Envelope<'a, T>>(&reply.body) {
        Ok(envelope) if envelope.status == "success" => Ok(envelope.data),
        _ => Err(Failure::NotTheApi { call }),
    }
}

/// The words of an error envelope. Nothing else of the body: some servers give the passcode back with an error.
fn message_of(body: &[u8]) -> String {
    serde_json::from_slice::<ErrorEnvelope<'_>>(body)
        .map_or_else(|_| String::new(), |envelope| envelope.message.chars().take(MAX_MESSAGE).collect())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

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

    #[test]
    fn only_an_envelope_of_success_is_a_reply_of_the_api() {
        let cases = [
            (r#"{"status":"success","data":{"otp":"12"}}"#, Some("12")),
            (r#"{"status":"success","data":{"ttl":300}}"#, Some("")),
            (r#"{"status":"error","data":{"otp":"12"}}"#, None),
            (r#"{"status":"success"}"#, None),
            (r#"{"data":{"otp":"12"}}"#, None),
            ("<html>", None),
            ("", None),
        ];
        for (body, expected) in cases {
            let reply = Reply { status: StatusCode::OK, body: Bytes::from_static(body.as_bytes()) };
            let otp = data_of::<OtpObject<'_>>(&reply, Call::Put).ok().map(|object| object.otp);
            assert_eq!(otp.as_deref(), expected, "{body}");
        }
    }
}
