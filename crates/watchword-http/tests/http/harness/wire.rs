//! A listener, and a client that writes and reads bytes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use watchword_core::ports::Clock;
use watchword_http::server::{ServerSettings, serve};
use watchword_testkit::deadline::within;
use watchword_testkit::time::FakeClock;

use super::{FORM, Reply, all_runs, basic};

/// A listener on a free port, whose time the test drives.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<FakeClock>,
    shutdown: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Listening {
    pub(crate) async fn start(router: Router, settings: ServerSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Arc::new(FakeClock::default());
        let (shutdown, stopped) = oneshot::channel();
        let stopped = async move { stopped.await.unwrap_or_default() };
        let server_clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let serving = tokio::spawn(serve(listener, router, server_clock, settings, stopped));
        Self { address, clock, shutdown, serving }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(within("a connection", TcpStream::connect(self.address)).await.unwrap())
    }

    /// Lets so many seconds pass, one by one, and the listener look at its connections after each.
    pub(crate) async fn pass(&self, seconds: usize) {
        for _ in 0..seconds {
            self.clock.set(self.clock.next_wake().await);
        }
        self.clock.next_wake().await;
    }

    /// Tells it to stop; what comes back ends when it has.
    pub(crate) fn stop(self) -> (Arc<FakeClock>, JoinHandle<()>) {
        self.shutdown.send(()).unwrap();
        (self.clock, self.serving)
    }
}

/// One connection.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within("room to write", self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Asks for a path and reads the reply's head and body, which must say its length.
    pub(crate) async fn get(&mut self, path: &str) -> String {
        self.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        self.reply().await
    }

    /// Calls the API as the namespace `app`. No headers come back.
    pub(crate) async fn call(&mut self, method: &str, path: &str, form: &str) -> Reply {
        let (authorization, length) = (basic("app:secret"), form.len());
        self.write(format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Type: {FORM}\r\n\
             Content-Length: {length}\r\n\r\n{form}"
        ))
        .await;
        let reply = self.reply().await;
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, headers: HeaderMap::new(), body: body.to_owned() }
    }

    /// The next whole reply.
    pub(crate) async fn reply(&mut self) -> String {
        let mut read = String::new();
        loop {
            if let Some((head, body)) = read.split_once("\r\n\r\n") {
                let length = head.to_lowercase().lines().find_map(|line| {
                    line.strip_prefix("content-length: ").map(|length| length.parse::<usize>().unwrap())
                });
                if body.len() >= length.unwrap_or(0) {
                    return read;
                }
            }
            let more = self.read().await;
            assert!(!more.is_empty(), "the connection ended after {read:?}");
            read.push_str(std::str::from_utf8(&more).unwrap());
        }
    }

    /// What comes next; nothing when the connection ended.
    pub(crate) async fn read(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 64 * 1_024];
        // A connection that is cut may be reset.
        let length = within("bytes", self.0.read(&mut buffer)).await.unwrap_or(0);
        buffer.truncate(length);
        buffer
    }

    /// Everything until the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            match self.read().await {
                more if more.is_empty() => return all,
                more => all.extend(more),
            }
        }
    }

    /// Whether nothing has come yet and the connection stands, once all that can run has run.
    pub(crate) async fn is_silent(&self) -> bool {
        all_runs().await;
        let peeked = self.0.try_read(&mut [0; 1]);
        peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}
