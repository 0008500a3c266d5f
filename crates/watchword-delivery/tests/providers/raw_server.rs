//! A server that speaks bytes, for what no web server would do.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Runs `script` on each connection. Returns where it listens.
pub(crate) async fn serve<F>(script: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(script(connection));
        }
    });
    address
}

/// Reads one request, head and body, as it is on the wire.
pub(crate) async fn read_request(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        if let Some(length) = whole_length(&bytes)
            && bytes.len() >= length
        {
            return String::from_utf8(bytes).unwrap();
        }
        assert_ne!(connection.read_buf(&mut bytes).await.unwrap(), 0, "the request ends early");
    }
}

/// How long head and body are, once the head is there.
fn whole_length(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    let head_end = text.find("\r\n\r\n")? + 4;
    let length = text[..head_end].lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some(head_end + length.parse::<usize>().unwrap())
}

pub(crate) async fn write(connection: &mut TcpStream, text: &str) {
    connection.write_all(text.as_bytes()).await.unwrap();
}
