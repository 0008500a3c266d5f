//! One keep-alive HTTP/1.1 connection, driven by the task that uses it: no pool, no second task.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, InvalidHeaderValue};
use hyper::http::uri::InvalidUri;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for connecting and for one whole reply. A slower one is a failure.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest reply taken. The text of `/metrics` is the largest that is asked for.
const MAX_REPLY: usize = 8 * 1024 * 1024;

/// Where a server is: `http://host[:port][/prefix]`.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
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
    #[error("give http://HOST[:PORT][/PREFIX]; TLS, user names and queries are not supported")]
    Form,
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let uri = Uri::from_str(text)?;
        let host = uri.host().unwrap_or_default();
        let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if uri.scheme_str() != Some("http") || host.is_empty() || !named || uri.query().is_some() {
            return Err(OriginError::Form);
        }
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        let host = HeaderValue::from_str(&authority)?;
        Ok(Self { authority, host, prefix: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}{}", self.authority, self.prefix)
    }
}

impl Origin {
    /// The server that listens on an address.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let authority = address.to_string();
        #[expect(
            clippy::expect_used,
            reason = "a socket address is written in characters that a header takes"
        )]
        let host = HeaderValue::from_str(&authority).expect("an address is a header value");
        Self { authority, host, prefix: String::new() }
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

/// A whole reply.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// Why there was no whole reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("the request cannot be built")]
    Request(#[from] hyper::http::Error),
    #[error("the connection failed")]
    Http(#[from] hyper::Error),
    #[error("the reply's body cannot be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no reply within {} s", EXCHANGE_TIMEOUT.as_secs())]
    TimedOut,
}

/// One connection to one server. Opened again by the next exchange after a failure, or after the server closed it.
pub(crate) struct Connection {
    origin: Origin,
    link: Option<Box<Link>>,
}

struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<TokioIo<TcpStream>, Full<Bytes>>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When the server can't be reached in time.
    pub(crate) async fn open(origin: &Origin) -> Result<Self, ExchangeError> {
        let link = in_time(Link::open(origin)).await?;
        Ok(Self { origin: origin.clone(), link: Some(Box::new(link)) })
    }

    /// Sends a request and reads its whole reply, whatever its status.
    ///
    /// # Errors
    ///
    /// When there is no whole reply in time. The request may have reached the server all the same.
    pub(crate) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Reply, ExchangeError> {
        // Taken, not borrowed: a connection whose exchange fails or is given up is never used again.
        let link = self.link.take();
        let (reply, link) = in_time(async {
            let mut link = match link {
                Some(link) => link,
                None => Box::new(Link::open(&self.origin).await?),
            };
            let (reply, still_open) = link.exchange(request).await?;
            Ok((reply, still_open.then_some(link)))
        })
        .await?;
        self.link = link;
        Ok(reply)
    }
}

impl Link {
    async fn open(origin: &Origin) -> Result<Self, ExchangeError> {
        let stream = TcpStream::connect(&origin.authority).await.map_err(ExchangeError::Connect)?;
        stream.set_nodelay(true).map_err(ExchangeError::Connect)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver })
    }

    /// The reply, and whether the connection can be used again.
    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(Reply, bool), ExchangeError> {
        let Self { sender, driver } = self;
        let mut reply = pin!(async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_REPLY).collect().await;
            Ok::<_, ExchangeError>(Reply { status, body: body.map_err(ExchangeError::Body)?.to_bytes() })
        });
        tokio::select! {
            biased;
            reply = &mut reply => Ok((reply?, true)),
            // The server may close after a whole reply: what has arrived is still there to be taken.
            _ = driver => Ok((reply.await?, false)),
        }
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, ExchangeError>>) -> Result<T, ExchangeError> {
    timeout(EXCHANGE_TIMEOUT, work).await.unwrap_or(Err(ExchangeError::TimedOut))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_origin_is_a_plain_http_url_with_an_optional_prefix() {
        let cases = [
            ("http://127.0.0.1:9000", Some("http://127.0.0.1:9000")),
            ("http://127.0.0.1:9000/", Some("http://127.0.0.1:9000")),
            ("http://example.com", Some("http://example.com:80")),
            ("http://[::1]:9000/otp/", Some("http://[::1]:9000/otp")),
            ("https://example.com", None),
            ("example.com:80", None),
            ("http://user:secret@example.com", None),
            ("http://example.com/?a=b", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let origin = text.parse::<Origin>().ok().map(|origin| origin.to_string());
            assert_eq!(origin.as_deref(), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_reply_that_closes_the_connection_is_taken_and_the_next_exchange_connects_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin: Origin = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let server = tokio::spawn(async move {
            for body in ["one", "two"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                let reply =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\n{body}");
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });

        let mut connection = Connection::open(&origin).await.unwrap();
        for body in ["one", "two"] {
            let request = origin.request(Method::GET, "/", Bytes::new()).unwrap();
            let reply = connection.exchange(request).await.unwrap();
            assert_eq!((reply.status, &*reply.body), (StatusCode::OK, body.as_bytes()));
        }
        server.await.unwrap();
    }
}
