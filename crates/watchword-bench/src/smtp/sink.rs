//! `watchword-bench smtp-sink`: takes mail and throws it away, in a process of its own, so that its work is not counted
//! with the provider's. For measuring only: it knows just what a well-behaved client says.

use clap::Args;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufStream,
};

use crate::error::Error;
use crate::listen::Listen;

/// Longest line taken, in bytes (RFC 5321, section 4.5.3.1.6, allows 1,000).
const MAX_LINE: u64 = 4_096;

/// Take mail and throw it away.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    listen: Listen,
}

/// Serves until the program is stopped. Prints the address once connections are accepted.
///
/// # Errors
///
/// When it can't listen.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let listener = options.listen.open("").await?;
    loop {
        let (stream, _) = listener.accept().await.map_err(|source| options.listen.failed(source))?;
        // Whatever becomes of one connection is its client's business.
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            talk(BufStream::new(stream)).await
        });
    }
}

/// One connection, to its end.
async fn talk(mut stream: impl AsyncBufRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    reply(&mut stream, "220 sink").await?;
    let mut line = Vec::new();
    while next_line(&mut stream, &mut line).await? {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match &*verb {
            b"EHLO" => reply(&mut stream, "250-sink\r\n250 8BITMIME").await?,
            b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP" => reply(&mut stream, "250 OK").await?,
            b"DATA" => {
                reply(&mut stream, "354 go on").await?;
                // A line of the message that begins with a dot has one more (RFC 5321, section 4.5.2).
                while line != b".\r\n" {
                    if !next_line(&mut stream, &mut line).await? {
                        return Ok(());
                    }
                }
                reply(&mut stream, "250 OK").await?;
            }
            b"QUIT" => return reply(&mut stream, "221 bye").await,
            _ => reply(&mut stream, "500 not known here").await?,
        }
    }
    Ok(())
}

/// The next line with its end; `false` when there is none, or none of a fair length.
async fn next_line(stream: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    stream.take(MAX_LINE).read_until(b'\n', line).await?;
    Ok(line.ends_with(b"\n"))
}

async fn reply(stream: &mut (impl AsyncWrite + Unpin), text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_takes_one_message_after_another_and_knows_where_each_ends() {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let sink = tokio::spawn(async move { talk(BufStream::new(theirs)).await });
        let mut client = BufStream::new(ours);
        let dialogue = "EHLO me\r\nMAIL FROM:<a@b>\r\nrcpt to:<c@d>\r\nDATA\r\n\
                        .. is a dot\r\n.dot\r\n\r\nRSET\r\n.\r\nDATA\r\n.\r\nVRFY x\r\nQUIT\r\n";
        client.write_all(dialogue.as_bytes()).await.unwrap();
        client.flush().await.unwrap();
        let mut replies = String::new();
        client.read_to_string(&mut replies).await.unwrap();
        let codes: Vec<_> = replies.lines().map(|line| &line[..4]).collect();
        let expected =
            ["220 ", "250-", "250 ", "250 ", "250 ", "354 ", "250 ", "354 ", "250 ", "500 ", "221 "];
        assert_eq!(codes, expected);
        sink.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_line_without_an_end_closes_the_connection() {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let sink = tokio::spawn(async move { talk(BufStream::new(theirs)).await });
        let mut client = BufStream::new(ours);
        client.write_all(&[b'x'; 2 * MAX_LINE as usize]).await.unwrap();
        client.flush().await.unwrap();
        let mut replies = String::new();
        client.read_to_string(&mut replies).await.unwrap();
        assert_eq!(replies, "220 sink\r\n");
        sink.await.unwrap().unwrap();
    }
}
