//! The bytes of a connection: what lies between lettre's dialogue and the network.
//!
//! lettre owns one clone, its connection the other, which can therefore start TLS, look whether the server has hung up, and know
//! whether all of a message was written: three things that lettre's own streams can't.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Bytes of one reply at most. Those of real servers have some hundred.
const MAX_REPLY: usize = 16 * 1_024;

/// Clones are the same connection.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<State>>);

struct State {
    stream: Stream,
    /// Bytes read since the last write.
    reply: usize,
    /// What was written is on its way, all of it: lettre reads only after it has written and flushed.
    all_written: bool,
    /// The server has said that nothing more will come.
    ended: bool,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// TLS is being set up, or could not be.
    Gone,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        let state = State { stream: Stream::Plain(stream), reply: 0, all_written: false, ended: false };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Goes on in TLS.
    ///
    /// # Errors
    /// The handshake fails. A `rustls::Error` inside says that it is the server's fault.
    pub(super) async fn start_tls(
        &self,
        connector: &TlsConnector,
        server: ServerName<'static>,
    ) -> io::Result<()> {
        let stream = std::mem::replace(&mut self.0.lock().stream, Stream::Gone);
        let Stream::Plain(stream) = stream else { return Err(gone()) };
        let stream = connector.connect(server, stream).await?;
        self.0.lock().stream = Stream::Tls(Box::new(stream));
        Ok(())
    }

    /// Whether nothing has come that nobody asked for: a farewell, or the end.
    pub(super) fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        let state = self.0.lock();
        let peeked = state.stream.tcp().map(|tcp| tcp.poll_peek(&mut context, &mut ReadBuf::new(&mut byte)));
        matches!(peeked, Ok(Poll::Pending)) && !state.ended
    }

    /// Whether all that was to be written has been.
    pub(super) fn all_written(&self) -> bool {
        self.0.lock().all_written
    }

    /// Whether the server has closed its side.
    pub(super) fn ended(&self) -> bool {
        self.0.lock().ended
    }
}

impl Stream {
    fn tcp(&self) -> io::Result<&TcpStream> {
        match self {
            Self::Plain(tcp) => Ok(tcp),
            Self::Tls(tls) => Ok(tls.get_ref().0),
            Self::Gone => Err(gone()),
        }
    }
}

impl State {
    /// A line at a time: what comes in clear text behind the answer to STARTTLS stays on the wire, where it breaks the handshake,
    /// instead of being taken for an answer that came through TLS.
    fn poll_line(
        tcp: &mut TcpStream,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 512];
        let most = bytes.len().min(into.remaining());
        let mut ahead = ReadBuf::new(&mut bytes[..most]);
        ready!(tcp.poll_peek(context, &mut ahead))?;
        let line = ahead.filled().iter().position(|byte| *byte == b'\n');
        let length = line.map_or(ahead.filled().len(), |at| at + 1);
        let mut line = ReadBuf::new(&mut bytes[..length]);
        ready!(Pin::new(tcp).poll_read(context, &mut line))?;
        into.put_slice(line.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        state.all_written = true;
        if state.reply > MAX_REPLY {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "an endless reply")));
        }
        let before = into.filled().len();
        ready!(match &mut state.stream {
            Stream::Plain(tcp) => State::poll_line(tcp, context, into),
            Stream::Tls(tls) => Pin::new(tls).poll_read(context, into),
            Stream::Gone => Poll::Ready(Err(gone())),
        })?;
        let read = &mut into.filled_mut()[before..];
        // Some servers answer in an old encoding, and lettre reads nothing but UTF-8. Nobody reads these words.
        read.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
        state.reply += read.len();
        state.ended |= read.is_empty();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        state.reply = 0;
        state.all_written = false;
        // What is written to a server that has hung up is lost, and the system would still take it.
        if let Poll::Ready(end) = state.stream.tcp()?.poll_peek(context, &mut ReadBuf::new(&mut [0]))
            && end? == 0
        {
            state.ended = true;
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        match &mut state.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
            Stream::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0.lock().stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(context),
            Stream::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0.lock().stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(context),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.lock().stream.tcp()?.peer_addr()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire(…)")
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
