//! The calls that a bare server makes: a script that does nothing, with as many bytes each way as a real one has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo as _, ProtocolVersion, RedisError};

/// What stands where a real call has the beginning of its keys' names.
const KEY: &str = "watchword:{p00}:";

/// What follows is as the server's store has it unless it is told otherwise: how many connections, how many calls may wait in
/// the queue of each, and for how long.
const CONNECTIONS: usize = 2;
const QUEUE: usize = 1_024;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Connections as the store makes them, and what is sent over them.
#[derive(Clone)]
pub(super) struct Redis(Arc<Shared>);

struct Shared {
    connections: Vec<MultiplexedConnection>,
    next: AtomicUsize,
    digest: String,
    payload: Vec<u8>,
}

impl Redis {
    /// Connects and hands the script over. A call is to be of `request` bytes on the wire and its answer of `reply`, or of as
    /// few as it can.
    pub(super) async fn connect(url: &str, request: usize, reply: usize) -> Result<Self, RedisError> {
        let info = url.into_connection_info()?;
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(|_| Ok::<_, std::convert::Infallible>(()));
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(client.get_multiplexed_async_connection_with_config(&config).await?);
        }

        let source = format!("return '{}'", "x".repeat(filler(reply, bulk)));
        let digest = redis::Script::new(&source).get_hash().to_owned();
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(source);
        load.exec_async(&mut connections[0]).await?;
        let length =
            filler(request, |length| command(&digest, &vec![b'x'; length]).get_packed_command().len());
        let shared = Shared { connections, next: AtomicUsize::new(0), digest, payload: vec![b'x'; length] };
        Ok(Self(Arc::new(shared)))
    }

    /// One call.
    pub(super) async fn call(&self) -> Result<(), RedisError> {
        let Shared { connections, next, digest, payload } = &*self.0;
        let mut connection = connections[next.fetch_add(1, Ordering::Relaxed) % connections.len()].clone();
        connection.req_packed_command(&command(digest, payload)).await?.extract_error().map(drop)
    }
}

fn command(digest: &str, payload: &[u8]) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(digest).arg(1).arg(KEY).arg(payload);
    command
}

/// Length of a bulk string on the wire (RESP: `$LENGTH`, the bytes, each with an end of line).
fn bulk(length: usize) -> usize {
    length.to_string().len() + length + 5
}

/// The most that may be filled in for the whole to be no longer than `wanted`, by a measure of the whole.
fn filler(wanted: usize, whole: impl Fn(usize) -> usize) -> usize {
    let mut length = wanted.saturating_sub(whole(0));
    while length > 0 && whole(length) > wanted {
        length -= 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_as_long_as_it_is_to_be() {
        let whole = |length| command(&"a".repeat(40), &vec![b'x'; length]).get_packed_command().len();
        for wanted in [300, 500, 1_500] {
            assert_eq!(whole(filler(wanted, whole)), wanted);
            assert_eq!(bulk(filler(wanted, bulk)), wanted);
        }
        // With a payload of 100 bytes its length takes one digit more.
        assert_eq!(bulk(filler(bulk(99) + 1, bulk)), bulk(99));
        assert_eq!((filler(0, whole), filler(0, bulk)), (0, 0));
    }
}
