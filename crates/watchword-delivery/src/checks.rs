//! Settings that several kinds of providers have, and what is wrong with them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::HeaderValue;
use watchword_core::address::Channel;
use watchword_core::delivery::ProviderId;

use crate::kind::{BuildError, PASSCODE_LENGTH, Presentation};

/// What one try may take at least and at most.
pub(crate) const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// One try over HTTP, where nothing is set.
pub(crate) const HTTP_TIMEOUT: Duration = Duration::from_secs(3);

const MOST_CONNECTIONS: usize = 10_000;
const MOST_PASSCODE_LENGTH: usize = 128;

/// Messages sent at once, where nothing is set.
pub(crate) const fn default_max_conns() -> usize {
    10
}

/// What providers of the kinds `http` and `webhook` say about themselves.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) channel_name: Option<&'a str>,
    pub(crate) address_name: Option<&'a str>,
    pub(crate) max_address_len: Option<usize>,
    pub(crate) max_otp_len: Option<usize>,
}

impl<'a> Shown<'a> {
    /// `id` names the medium, and `address_name` its addresses, where nothing else does.
    pub(crate) fn presentation(self, id: &'a ProviderId, address_name: &'a str) -> Presentation<'a> {
        Presentation {
            channel: self.channel_name.unwrap_or(id.as_str()),
            address_name: self.address_name.unwrap_or(address_name),
            max_address_length: self.max_address_len.filter(|length| *length > 0),
            passcode_length: self.max_otp_len.filter(|length| *length > 0).unwrap_or(PASSCODE_LENGTH),
        }
    }

    pub(crate) fn check(self, id: &ProviderId) -> Result<(), BuildError> {
        if self.channel_name.is_some_and(|name| Channel::new(name).is_err()) {
            return Err(wrong(
                id,
                "channel_name",
                "must be one line of 1 to 64 bytes; leave it out to use the provider's name",
            ));
        }
        if self.max_otp_len.is_some_and(|length| length > MOST_PASSCODE_LENGTH) {
            return Err(wrong(id, "max_otp_len", "must be at most 128"));
        }
        Ok(())
    }
}

pub(crate) fn check_max_conns(id: &ProviderId, max_conns: usize) -> Result<(), BuildError> {
    if !(1..=MOST_CONNECTIONS).contains(&max_conns) {
        return Err(wrong(id, "max_conns", "must be 1 to 10000"));
    }
    Ok(())
}

/// One try over HTTP, as otpgateway has it: under a second is the default.
pub(crate) fn http_timeout(id: &ProviderId, asked: Option<Duration>) -> Result<Duration, BuildError> {
    let (least, most) = TIMEOUTS;
    let timeout = asked.filter(|timeout| *timeout >= least).unwrap_or(HTTP_TIMEOUT);
    if timeout > most {
        return Err(wrong(id, "timeout", "must be at most 5m"));
    }
    Ok(timeout)
}

/// A setting that says where a service is, to be used in place of its usual address: http or https, and nothing behind the
/// path.
pub(crate) fn service_url(id: &ProviderId, setting: &'static str, text: &str) -> Result<Url, BuildError> {
    let url = web_url(id, setting, text)?;
    let is_bare = url.query().is_none() && url.fragment().is_none();
    if !is_bare || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(id, setting, "must be scheme, host, port and path only"));
    }
    Ok(url)
}

/// Whether a setting that is needed says something.
pub(crate) fn check_not_empty(id: &ProviderId, setting: &'static str, text: &str) -> Result<(), BuildError> {
    if text.is_empty() {
        return Err(wrong(id, setting, "must not be empty"));
    }
    Ok(())
}

/// The setting `url`: http or https, without a fragment.
pub(crate) fn http_url(id: &ProviderId, text: &str) -> Result<Url, BuildError> {
    let url = web_url(id, "url", text)?;
    if url.fragment().is_some() {
        return Err(wrong(id, "url", "must not have a fragment; remove the `#` and what follows"));
    }
    Ok(url)
}

/// A setting that is the beginning of URLs: http or https, and nothing behind the path. It may hold credentials.
pub(crate) fn base_url(id: &ProviderId, setting: &'static str, text: &str) -> Result<Url, BuildError> {
    let url = web_url(id, setting, text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(id, setting, "must end with its path; remove what follows `?` or `#`"));
    }
    check_requestable(id, setting, &url)?;
    Ok(url)
}

fn web_url(id: &ProviderId, setting: &'static str, text: &str) -> Result<Url, BuildError> {
    let url = Url::parse(text).map_err(|source| BuildError::Url { provider: id.clone(), setting, source })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(id, setting, "must begin with http:// or https://"));
    }
    Ok(url)
}

/// Whether the URL of a setting is one that requests can be made to.
pub(crate) fn check_requestable(id: &ProviderId, setting: &'static str, url: &Url) -> Result<(), BuildError> {
    if http::Uri::try_from(url.as_str()).is_err() {
        return Err(wrong(
            id,
            setting,
            "has a host or path that can't be requested; percent-encode what is not a letter or digit",
        ));
    }
    Ok(())
}

/// Takes the credentials out of a URL; `None`: it has none.
pub(crate) fn take_credentials(url: &mut Url) -> Option<HeaderValue> {
    let (username, password) = (url.username().to_owned(), url.password().map(str::to_owned));
    // Neither can fail: a URL with a host takes both.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if username.is_empty() && password.is_none() {
        return None;
    }
    let username: Vec<u8> = percent_decode_str(&username).collect();
    let password: Vec<u8> = percent_decode_str(password.as_deref().unwrap_or_default()).collect();
    Some(basic(&username, &password))
}

/// BasicAuth (RFC 7617, section 2).
pub(crate) fn basic(username: &[u8], password: &[u8]) -> HeaderValue {
    let pair = [username, b":", password].concat();
    #[expect(clippy::expect_used, reason = "the Base64 alphabet is printable ASCII")]
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).expect("a header value");
    value.set_sensitive(true);
    value
}

pub(crate) fn wrong(id: &ProviderId, setting: &'static str, problem: &'static str) -> BuildError {
    BuildError::Setting { provider: id.clone(), setting, problem }
}
