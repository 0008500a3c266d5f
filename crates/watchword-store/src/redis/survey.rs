//! How the servers are set up, for operators: what is kept there depends on it.

use std::collections::HashMap;

use ::redis::{Value, from_redis_value};
use watchword_core::ports::StoreError;

use super::RedisStore;

/// How one server is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisServer {
    /// Where it is; `the primary` where sentinels say which it is.
    pub name: String,
    /// What it says of itself; an error where it does not say.
    pub setup: Result<RedisSetup, String>,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisSetup {
    /// `redis_version`.
    pub version: String,
    /// `appendonly`: whether it keeps what it has through a crash.
    pub keeps: bool,
    /// `appendfsync`: when it does. `None`: it may not be asked, as with many managed services.
    pub appendfsync: Option<String>,
    /// `maxmemory-policy`: what it throws away when its memory is full.
    pub eviction: String,
}

impl RedisStore {
    /// Asks every server that has partitions how it is set up, in two round trips.
    ///
    /// # Errors
    /// Which servers there are is not known.
    pub async fn survey(&self) -> Result<Vec<RedisServer>, StoreError> {
        let infos = self.link.ask_each(&::redis::cmd("INFO")).await?;
        let mut command = ::redis::cmd("CONFIG");
        command.arg("GET").arg("appendfsync");
        let settings: HashMap<_, _> = self.link.ask_each(&command).await?.into_iter().collect();
        let server = |(name, info): (String, Result<Value, StoreError>)| {
            let appendfsync = settings.get(&name).and_then(|answer| appendfsync_in(answer.as_ref().ok()?));
            let setup = info.map(|info| setup_in(info, appendfsync)).map_err(|error| error.to_string());
            RedisServer { name, setup }
        };
        Ok(infos.into_iter().map(server).collect())
    }
}

fn setup_in(info: Value, appendfsync: Option<String>) -> RedisSetup {
    let text: String = from_redis_value(info).unwrap_or_default();
    let field = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.unwrap_or_default().trim().to_owned()
    };
    RedisSetup {
        version: field("redis_version"),
        keeps: field("aof_enabled") == "1",
        appendfsync,
        eviction: field("maxmemory_policy"),
    }
}

fn appendfsync_in(answer: &Value) -> Option<String> {
    from_redis_value::<HashMap<String, String>>(answer.clone()).ok()?.remove("appendfsync")
}
