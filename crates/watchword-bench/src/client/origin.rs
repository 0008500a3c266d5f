//! Where a server is.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderValue, InvalidHeaderValue};
use hyper::http::uri::InvalidUri;
use hyper::{Method, Request, Uri};

/// Where a server is: `http://host[:port][/prefix]`, or the same with `https`.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    tls: bool,
    authority: String,
    host: HeaderValue,
    prefix: String,
}

/// Why a text is not an [`Origin`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginError {
    #[error("not a URL")]
    Url(#[from] InvalidUri),
    #[error("not a host name")]
    Host(#[from] InvalidHeaderValue),
    #[error("give http://HOST[:PORT][/PREFIX] or https://…; user names and queries are not supported")]
    Form,
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let uri = Uri::from_str(text)?;
        let host = uri.host().unwrap_or_default();
        let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let (tls, usual_port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(OriginError::Form),
        };
        if host.is_empty() || !named || uri.query().is_some() {
            return Err(OriginError::Form);
        }
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(usual_port));
        let host = HeaderValue::from_str(&authority)?;
        Ok(Self { tls, authority, host, prefix: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority, self.prefix)
    }
}

impl Origin {
    /// The server that listens on an address, without TLS.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let authority = address.to_string();
        #[expect(
            clippy::expect_used,
            reason = "a socket address is written in characters that a header takes"
        )]
        let host = HeaderValue::from_str(&authority).expect("an address is a header value");
        Self { tls: false, authority, host, prefix: String::new() }
    }

    /// Whether it is reached over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// `host:port`, to connect to.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The host alone, an IPv6 address without its brackets.
    pub(crate) fn host_name(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// A request to this server. `path` begins with `/` and is percent-encoded already.
    ///
    /// # Errors
    ///
    /// When `path` is not a valid path of a URL.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, self.host.clone())
            .body(Full::new(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_an_http_or_https_url_with_an_optional_prefix() {
        let cases = [
            ("http://127.0.0.1:9000", Some(("http://127.0.0.1:9000", "127.0.0.1"))),
            ("http://127.0.0.1:9000/", Some(("http://127.0.0.1:9000", "127.0.0.1"))),
            ("http://example.com", Some(("http://example.com:80", "example.com"))),
            ("http://[::1]:9000/otp/", Some(("http://[::1]:9000/otp", "::1"))),
            ("https://example.com", Some(("https://example.com:443", "example.com"))),
            ("https://example.com:8443/otp", Some(("https://example.com:8443/otp", "example.com"))),
            ("ftp://example.com", None),
            ("example.com:80", None),
            ("http://user:secret@example.com", None),
            ("http://example.com/?a=b", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let origin = text.parse::<Origin>().ok();
            let got = origin.as_ref().map(|origin| (origin.to_string(), origin.host_name()));
            let got = got.as_ref().map(|(url, host)| (&**url, *host));
            assert_eq!(got, expected, "{text:?}");
        }
    }
}
