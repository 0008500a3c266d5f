//! One verification over the API of Perfumer OTP: `POST /sms`, then `GET /sms/check`. Nobody is sent a message when the server
//! runs with `DUMMY=true`.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{Api, OWN_PASSCODES};
use crate::address_pattern::Person;
use crate::client::{Connection, Reply};
use crate::failure::{Call, Failure};

/// Lifetime of a passcode, in seconds, unless something else is asked for.
const LIFETIME: u32 = 300;

/// Two rules by IP and one by target, which this load never reaches: nobody is verified twice.
const LIMITS: &str =
    r#"{"ips":[{"minutes":1,"rate":30},{"minutes":60,"rate":300}],"phones":[{"minutes":60,"rate":10}]}"#;

#[derive(Serialize)]
struct Send<'a> {
    ip: String,
    phone: &'a str,
    password: &'a str,
    lifetime: u32,
    message: &'a str,
}

#[derive(Deserialize)]
struct Status {
    status: bool,
}

/// Stores a passcode of this program's own, and gives it back.
pub(super) async fn send(
    api: &Api,
    connection: &mut Connection,
    person: &Person,
    ttl: Option<u32>,
) -> Result<String, Failure> {
    let mut phone = String::new();
    api.to.write_plain(person, &mut phone);
    let password = format!("{:06}", person.number % OWN_PASSCODES);
    let message = format!("Your code: {password}");
    let lifetime = ttl.unwrap_or(LIFETIME);
    let send = Send { ip: ip(person), phone: &phone, password: &password, lifetime, message: &message };
    // A structure of texts and numbers always is JSON.
    let body = serde_json::to_vec(&send).unwrap_or_default();
    post(api, connection, Call::Put, "/sms", body.into()).await?;
    Ok(password)
}

/// Asks whether a passcode is right.
pub(super) async fn check(
    api: &Api,
    connection: &mut Connection,
    person: &Person,
    passcode: &str,
) -> Result<(), Failure> {
    let mut path = String::from("/sms/check?phone=");
    api.to.write(person, &mut path);
    path.push_str("&password=");
    path.extend(utf8_percent_encode(passcode, NON_ALPHANUMERIC));
    let request = request(api, Call::Check, Method::GET, &path, Bytes::new())?;
    must_be_true(&super::exchange(connection, Call::Check, request).await?, Call::Check)
}

/// Sets the limits.
///
/// # Errors
///
/// When the server does not take them.
pub(crate) async fn set_limits(api: &Api, connection: &mut Connection) -> Result<(), Failure> {
    post(api, connection, Call::Put, "/limit/sms", Bytes::from_static(LIMITS.as_bytes())).await
}

async fn post(
    api: &Api,
    connection: &mut Connection,
    call: Call,
    path: &str,
    body: Bytes,
) -> Result<(), Failure> {
    let mut request = request(api, call, Method::POST, path, body)?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    must_be_true(&super::exchange(connection, call, request).await?, call)
}

fn request(
    api: &Api,
    call: Call,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Request<http_body_util::Full<Bytes>>, Failure> {
    let request = api.endpoint.origin.request(method, path, body);
    request.map_err(|error| Failure::NoReply { call, source: error.into() })
}

/// Each person's own, of the block that is nobody's (10.0.0.0/8).
fn ip(person: &Person) -> String {
    let [.., a, b, c] = person.number.to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

fn must_be_true(reply: &Reply, call: Call) -> Result<(), Failure> {
    match serde_json::from_slice::<Status>(&reply.body) {
        Ok(Status { status: true }) => Ok(()),
        Ok(Status { status: false }) => Err(Failure::NotTrue { call }),
        Err(_) => Err(Failure::NotTheApi { call }),
    }
}
