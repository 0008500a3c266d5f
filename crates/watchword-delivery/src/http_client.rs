//! HTTP for providers: one client with one pool, and what its failures and the statuses mean for a delivery.
//!
//! | what happened | outcome |
//! |---|---|
//! | no connection: refused, unknown host, bad certificate, none within [`CONNECT_TIMEOUT`] | `Transient`: nothing was written |
//! | the connection broke after the request was written, or no answer in time | `Unknown`: it may have arrived |
//! | 2xx | none: the provider reads on |
//! | 3xx | `ProviderRefused`: the service is somewhere else, for every message |
//! | 401, 402, 403, 407 | `ProviderRefused`: our credentials or our account |
//! | 429 | `Throttled`, for as long as `Retry-After` says |
//! | 400, 422 | `AddressRefused`: understood, and will never be taken |
//! | 408, 425, 5xx | `Transient` |
//! | any other 4xx | `Transient` |
//!
//! 400 and 422 are about this one message: whoever chooses addresses must not be able to open the breaker for all others, as
//! repeated `Transient` would. The last line may as well be our mistake, such as a wrong path: the next provider may do better.

pub(crate) mod reach;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Request, Response, StatusCode, Url};
use watchword_core::delivery::Outcome;
use watchword_core::ports::Clock;
use watchword_core::time::Timestamp;

/// A connection, TLS included, comes about within this time or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Unused connections are closed after this time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A reply's body is taken off the wire up to this many bytes: enough to read, and to use the connection again.
const DRAINED_BYTES: usize = 64 * 1_024;

/// And for this long at most.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_millis(100);

/// `Retry-After` is believed within these bounds: zero would make a busy loop, a week would be a mistake.
pub(crate) const RETRY_AFTER_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));

/// Bytes of an error's text in a detail.
const CAUSE_BYTES: usize = 200;

/// Speaks HTTP/1.1 over pooled connections. Cheap to clone; clones share the pool.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: Client,
    clock: Arc<dyn Clock>,
    /// Why no server's certificate can be verified, where that is so.
    untrusting: Option<Arc<reqwest::Error>>,
}

impl HttpClient {
    /// A client that trusts the system's root certificates. Where there are none it speaks plain HTTP only.
    ///
    /// # Errors
    /// TLS can't be set up at all.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Result<Self, Arc<reqwest::Error>> {
        match Self::builder().build() {
            Ok(client) => Ok(Self { client, clock, untrusting: None }),
            Err(error) => {
                let client = Self::builder().tls_certs_only([]).build()?;
                Ok(Self { client, clock, untrusting: Some(Arc::new(error)) })
            }
        }
    }

    /// # Errors
    /// `url` needs a verified certificate, and there are no root certificates to verify one with.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Arc<reqwest::Error>> {
        match &self.untrusting {
            Some(error) if url.scheme() == "https" => Err(Arc::clone(error)),
            _ => Ok(()),
        }
    }

    fn builder() -> ClientBuilder {
        Client::builder()
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            // A provider decides itself where its credentials may go, and how often a message may be sent.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // A variable meant for other programs must not send passcodes elsewhere.
            .no_proxy()
            // Also where another crate switches these on: a small reply must not become a large one.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
    }

    /// Sends once; the head of the reply, or what its absence means for the delivery.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, Outcome> {
        self.client.execute(request).await.map_err(|error| failure(&error))
    }

    /// What the head of a reply means for the delivery; `None` where it is a success.
    pub(crate) fn refusal(&self, response: &Response) -> Option<Outcome> {
        refusal(response.status(), response.headers(), self.clock.now())
    }

    /// How long the reply asks to wait, whatever its status.
    pub(crate) fn retry_after(&self, response: &Response) -> Option<Duration> {
        retry_after(response.headers(), self.clock.now())
    }
}

/// A reply's body.
#[derive(Debug)]
pub(crate) enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// Its first bytes, as many as were asked for.
    Beginning(Vec<u8>),
    /// The connection broke.
    Broken,
}

/// Reads the body, for as long as that takes.
pub(crate) async fn read(response: Response) -> Body {
    read_at_most(DRAINED_BYTES, response).await
}

/// Reads the body up to that many bytes, for as long as that takes.
pub(crate) async fn read_at_most(most: usize, mut response: Response) -> Body {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Body::Whole(bytes),
            Err(_) => return Body::Broken,
            Ok(Some(chunk)) => {
                let room = most - bytes.len();
                if chunk.len() > room {
                    bytes.extend_from_slice(&chunk[..room]);
                    return Body::Beginning(bytes);
                }
                bytes.extend_from_slice(&chunk);
            }
        }
    }
}

/// Gives up on `exchange` after `limit`: by then something may have been written.
pub(crate) async fn within<T>(
    limit: Duration,
    exchange: impl Future<Output = Result<T, Outcome>>,
) -> Result<T, Outcome> {
    match tokio::time::timeout(limit, exchange).await {
        Ok(result) => result,
        Err(_) => Err(Outcome::Unknown { detail: "no answer in time".to_owned() }),
    }
}

/// Takes the body off the wire so that its connection can be used again; one too long or too slow costs the connection.
pub(crate) async fn drain(mut response: Response) {
    if response.content_length().is_some_and(|length| length > DRAINED_BYTES as u64) {
        return;
    }
    let read = async {
        let mut left = DRAINED_BYTES;
        while let Ok(Some(chunk)) = response.chunk().await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Whether it came to its end does not matter: the head said all.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, read).await;
}

/// What a failure without a reply means.
fn failure(error: &reqwest::Error) -> Outcome {
    let cause = root_cause(error);
    if error.is_connect() || error.is_builder() {
        Outcome::Transient { detail: format!("no connection: {cause}") }
    } else {
        Outcome::Unknown { detail: format!("no answer: {cause}") }
    }
}

/// The text of the innermost cause: the outer ones name the URL, which may hold a secret.
fn root_cause(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else {
        return "no cause given".to_owned();
    };
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let mut text = cause.to_string();
    text.truncate(text.floor_char_boundary(CAUSE_BYTES));
    text
}

fn refusal(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Outcome> {
    let detail = || format!("HTTP {}", status.as_u16());
    Some(match status.as_u16() {
        200..=299 => return None,
        300..=399 | 401 | 402 | 403 | 407 => Outcome::ProviderRefused { detail: detail() },
        429 => Outcome::Throttled { after: retry_after(headers, now) },
        400 | 422 => Outcome::AddressRefused { detail: detail() },
        _ => Outcome::Transient { detail: detail() },
    })
}

/// How long `Retry-After` says to wait (RFC 9110, section 10.2.3: seconds or a date); `None` where it says nothing readable.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let (least, most) = RETRY_AFTER_BOUNDS;
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(most, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        now.until(Timestamp::default().after(date))
    };
    Some(wait.clamp(least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Option<Outcome> {
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(RETRY_AFTER, text.parse().unwrap());
        }
        // Sun, 06 Nov 1994 08:49:37 GMT.
        refusal(StatusCode::from_u16(status).unwrap(), &headers, Timestamp::from_millis(784_111_777_000))
    }

    #[test]
    fn nothing_but_2xx_is_a_success() {
        for status in 100..1_000 {
            assert_eq!(answer(status, None).is_none(), (200..300).contains(&status), "{status}");
        }
    }

    #[test]
    fn a_service_may_ask_for_a_wait_of_sane_length() {
        for (text, seconds) in [
            (None, None),
            (Some("7"), Some(7)),
            (Some(" 7 "), Some(7)),
            (Some("0"), Some(1)),
            (Some("86400"), Some(3_600)),
            (Some("99999999999999999999999"), Some(3_600)),
            (Some("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60)),
            (Some("Sunday, 06-Nov-94 08:50:37 GMT"), Some(60)),
            (Some("Sun Nov  6 08:50:37 1994"), Some(60)),
            (Some("Sun, 06 Nov 1994 08:00:00 GMT"), Some(1)),
            (Some("Mon, 07 Nov 1994 08:49:37 GMT"), Some(3_600)),
            (Some("-1"), None),
            (Some("1.5"), None),
            (Some(""), None),
            (Some("soon"), None),
        ] {
            let after = seconds.map(Duration::from_secs);
            assert_eq!(answer(429, text), Some(Outcome::Throttled { after }), "{text:?}");
        }
    }
}
