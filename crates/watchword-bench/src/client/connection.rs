//! One keep-alive HTTP/1.1 connection, driven by the task that uses it: no pool, no second task.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::origin::Origin;
use super::tls::{Authorities, Tls, TlsError};

/// Longest wait for connecting and for one whole reply. A slower one is a failure.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest reply taken. The text of `/metrics` is the largest that is asked for.
const MAX_REPLY: usize = 8 * 1024 * 1024;

/// A server, and how to connect to it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) origin: Origin,
    tls: Option<Tls>,
}

impl Endpoint {
    /// `authorities` sign the server's certificate; `None`: one of the system's does.
    ///
    /// # Errors
    ///
    /// When `origin` wants TLS and that can't be had.
    pub(crate) fn new(origin: Origin, authorities: Option<&Authorities>) -> Result<Self, TlsError> {
        let tls = origin.is_tls().then(|| Tls::new(&origin, authorities)).transpose()?;
        Ok(Self { origin, tls })
    }

    /// The server that listens on an address, without TLS.
    pub(crate) fn at(address: std::net::SocketAddr) -> Self {
        Self { origin: Origin::at(address), tls: None }
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
    #[error("no TLS connection")]
    Tls(#[source] std::io::Error),
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
    endpoint: Endpoint,
    link: Option<Box<Link>>,
}

type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When the server can't be reached in time.
    pub(crate) async fn open(endpoint: &Endpoint) -> Result<Self, ExchangeError> {
        let link = in_time(Link::open(endpoint)).await?;
        Ok(Self { endpoint: endpoint.clone(), link: Some(Box::new(link)) })
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
                None => Box::new(Link::open(&self.endpoint).await?),
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
    async fn open(endpoint: &Endpoint) -> Result<Self, ExchangeError> {
        let stream = TcpStream::connect(endpoint.origin.authority()).await.map_err(ExchangeError::Connect)?;
        stream.set_nodelay(true).map_err(ExchangeError::Connect)?;
        let stream = match &endpoint.tls {
            None => Either::Left(stream),
            Some(tls) => Either::Right(Box::new(tls.secure(stream).await.map_err(ExchangeError::Tls)?)),
        };
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
    use hyper::Method;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_reply_that_closes_the_connection_is_taken_and_the_next_exchange_connects_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::at(listener.local_addr().unwrap());
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

        let mut connection = Connection::open(&endpoint).await.unwrap();
        for body in ["one", "two"] {
            let request = endpoint.origin.request(Method::GET, "/", Bytes::new()).unwrap();
            let reply = connection.exchange(request).await.unwrap();
            assert_eq!((reply.status, &*reply.body), (StatusCode::OK, body.as_bytes()));
        }
        server.await.unwrap();
    }
}
