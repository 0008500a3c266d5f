//! A redis-server.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError};

use super::Counters;
use crate::child::{self, RunningServer};
use crate::error::Error;

/// Its program.
const PROGRAM: &str = "redis-server";

/// A redis-server that answers.
pub(super) struct RunningRedis {
    pub(super) url: String,
    pub(super) pid: u32,
    /// The product and its version.
    pub(super) version: String,
    connection: MultiplexedConnection,
    /// Bytes it has told about itself.
    told: AtomicU64,
    _started: Option<RunningServer>,
}

impl RunningRedis {
    /// Starts one that keeps nothing on disk, unless `arguments` say so.
    pub(super) async fn start(arguments: &str, folder: &Path) -> Result<Self, Error> {
        let folder = child::new_folder(folder)?;
        let listen = child::free_address()?;
        let mut command = Command::new(PROGRAM);
        command.args(["--bind", &listen.ip().to_string(), "--port", &listen.port().to_string()]);
        command.args(["--save", "", "--appendonly", "no"]).arg("--dir").arg(folder.path());
        command.args(arguments.split_ascii_whitespace());
        let started = RunningServer::launch(command, folder, listen, None).await?;
        Self::at(&format!("redis://{listen}"), Some(started)).await
    }

    /// The one at `url`, started or not.
    pub(super) async fn at(url: &str, started: Option<RunningServer>) -> Result<Self, Error> {
        let client = Client::open(url)
            .map_err(|source| Error::Option(format!("--store-url can't be used: {source}")))?;
        let mut connection = client.get_multiplexed_async_connection().await.map_err(failed)?;
        let info = info(&mut connection).await?;
        let number = |name| field(&info, name).and_then(|pid| pid.parse().ok());
        let pid = number("process_id").ok_or(Error::StoreFormat { what: "process_id" })?;
        let version = field(&info, "redis_version").ok_or(Error::StoreFormat { what: "redis_version" })?;
        let version = format!("Redis {version}");
        Ok(Self { url: url.to_owned(), pid, version, connection, told: AtomicU64::new(0), _started: started })
    }

    pub(super) async fn counters(&self) -> Result<Counters, Error> {
        let info = info(&mut self.connection.clone()).await?;
        // It counts an answer once it is sent, and what was answered here is no part of what is measured.
        let told = self.told.fetch_add(info.len() as u64, Ordering::Relaxed);
        counters(&info, told)
    }
}

fn failed(source: RedisError) -> Error {
    Error::Redis(source)
}

async fn info(connection: &mut MultiplexedConnection) -> Result<String, Error> {
    let mut command = redis::cmd("INFO");
    command.arg(&["server", "stats", "commandstats"]);
    command.query_async(connection).await.map_err(failed)
}

/// The value of a line `name:value`.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end)
}

/// All but what was `told` here. Sums over `cmdstat_NAME:calls=1,usec=2,…`. What scripts give counts there as what clients send.
fn counters(info: &str, told: u64) -> Result<Counters, Error> {
    let number = |what: &'static str| -> Result<u64, Error> {
        field(info, what).and_then(|value| value.parse().ok()).ok_or(Error::StoreFormat { what })
    };
    let (mut calls, mut busy_us, mut commands) = (0, 0, 0);
    for line in info.lines().filter_map(|line| line.strip_prefix("cmdstat_")) {
        let Some((name, values)) = line.split_once(':') else { continue };
        let value = |name: &str| -> u64 {
            let mut pairs = values.split(',').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
        };
        if matches!(name, "eval" | "evalsha") {
            calls += value("calls");
            busy_us += value("usec");
        } else if name != "info" {
            commands += value("calls");
        }
    }
    let sent = number("total_net_output_bytes")?.saturating_sub(told);
    Ok(Counters {
        calls,
        busy_us: Some(busy_us),
        commands: Some(commands),
        received_bytes: Some(number("total_net_input_bytes")?),
        sent_bytes: Some(sent),
        log_syncs: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\nprocess_id:42\r\n\r\n# Stats\r\n\
        total_net_input_bytes:1000\r\ntotal_net_output_bytes:500\r\n\r\n# Commandstats\r\n\
        cmdstat_info:calls=3,usec=90,usec_per_call=30.00,rejected_calls=0,failed_calls=0\r\n\
        cmdstat_evalsha:calls=30,usec=1500,usec_per_call=50.00,rejected_calls=0,failed_calls=0\r\n\
        cmdstat_eval:calls=3,usec=600,usec_per_call=200.00,rejected_calls=0,failed_calls=0\r\n\
        cmdstat_hset:calls=60,usec=60,usec_per_call=1.00,rejected_calls=0,failed_calls=0\r\n";

    #[test]
    fn scripts_are_counted_apart_from_what_they_do() {
        let all = counters(INFO, 100).unwrap();
        assert_eq!((all.calls, all.busy_us, all.commands), (33, Some(2_100), Some(60)));
        assert_eq!((all.received_bytes, all.sent_bytes), (Some(1_000), Some(400)));
        let before = Counters { calls: 3, busy_us: Some(100), sent_bytes: None, ..all };
        let traffic = all.each(&before, 10).unwrap();
        assert_eq!((traffic.calls, traffic.busy_us, traffic.sent_bytes), (3.0, Some(200.0), None));
        assert!(all.each(&before, 0).is_none());
    }

    #[test]
    fn a_server_that_does_not_tell_is_no_redis() {
        assert_eq!(field(INFO, "redis_version"), Some("7.0.15"));
        let error = counters("redis_version:7.0.15\r\n", 0).unwrap_err();
        assert_eq!(error.to_string(), "the store does not tell its `total_net_output_bytes`");
    }
}
