//! Getting a call to its server and its answer back, over a few connections that many calls share.
//!
//! A call that was surely not done is sent again for a while: it found no server, or the server said that it did nothing
//! (it moved, it is loading, it is a replica now). One that was written and got no answer is never sent again: it may have
//! been done.

mod cluster;
mod failure;
mod line;

use std::time::Duration;

use ::redis::{Cmd, RedisError, Value};
use tokio::time::{MissedTickBehavior, interval};
use watchword_core::ports::StoreError;

use super::call::Ready;
use super::url::{self, Place, RedisUrl};
use cluster::Cluster;
use failure::Failure;
use line::Lines;

/// How long a call that was not done waits before it is sent again.
const PAUSE: Duration = Duration::from_millis(50);

/// The way to the servers.
pub(super) struct Link {
    servers: Servers,
    patience: Duration,
}

enum Servers {
    /// One that has all partitions: always the same, or the one that sentinels name.
    One(Lines),
    /// Each has some of the partitions.
    Cluster(Cluster),
}

impl Link {
    /// Connects to nothing yet.
    pub(super) fn new(url: &RedisUrl, connections: usize, patience: Duration) -> Result<Self, RedisError> {
        let certificates = url.certificates()?;
        let trusting = |info| url::trusting(info, certificates.as_ref());
        let servers = match &url.place {
            Place::One(info) => Servers::One(Lines::to_server(&trusting(info)?, connections, patience)?),
            Place::Sentinels(sentinels) => {
                let sentinels = sentinels.clients(certificates.as_ref())?;
                Servers::One(Lines::by_sentinels(sentinels, connections, patience))
            }
            Place::Cluster(nodes) => {
                let nodes = nodes.iter().map(trusting).collect::<Result<_, _>>()?;
                Servers::Cluster(Cluster::new(nodes, connections, patience))
            }
        };
        Ok(Self { servers, patience })
    }

    /// Whether keys of different partitions may stand in one call.
    pub(super) const fn is_one(&self) -> bool {
        matches!(self.servers, Servers::One(_))
    }

    /// Sends a call and waits for its answer.
    pub(super) async fn run(&self, call: Ready) -> Result<Value, StoreError> {
        let mut answer = self.attempt(&call.command).await;
        if matches!(answer, Err(Failure::NoScript)) {
            answer = self.attempt(&call.with_source()).await;
        }
        let Err(Failure::NotYet(_)) = answer else { return answer.map_err(Into::into) };
        let mut pauses = interval(PAUSE);
        pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..self.patience.as_millis() / PAUSE.as_millis() {
            pauses.tick().await;
            // A server that was started anew knows no script.
            answer = self.attempt(&call.with_source()).await;
            if !matches!(answer, Err(Failure::NotYet(_))) {
                break;
            }
        }
        answer.map_err(Into::into)
    }

    /// Sends a command that changes nothing and names no key, once. Of a cluster the same node answers each time, as long as it
    /// has the first slot.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, StoreError> {
        let answer = match &self.servers {
            Servers::One(lines) => lines.send(command).await,
            Servers::Cluster(cluster) => cluster.ask_first(command).await,
        };
        answer.map_err(Into::into)
    }

    /// As [`Self::ask`], of each server that has partitions; with what each is called.
    pub(super) async fn ask_each(
        &self,
        command: &Cmd,
    ) -> Result<Vec<(String, Result<Value, StoreError>)>, StoreError> {
        match &self.servers {
            Servers::One(lines) => {
                let answer = lines.send(command).await;
                Ok(vec![(lines.name().to_owned(), answer.map_err(Into::into))])
            }
            Servers::Cluster(cluster) => {
                let answers = cluster.ask_each(command).await?;
                let told =
                    |(name, answer): (String, Result<Value, Failure>)| (name, answer.map_err(Into::into));
                Ok(answers.into_iter().map(told).collect())
            }
        }
    }

    /// Of the keys given, one for each server that has some of them.
    pub(super) async fn one_a_server(&self, keys: Vec<String>) -> Result<Vec<usize>, StoreError> {
        match &self.servers {
            Servers::One(_) => Ok(vec![0]),
            Servers::Cluster(cluster) => Ok(cluster.one_a_node(&keys).await?),
        }
    }

    async fn attempt(&self, command: &Cmd) -> Result<Value, Failure> {
        match &self.servers {
            Servers::One(lines) => lines.send(command).await,
            Servers::Cluster(cluster) => cluster.send(command).await,
        }
    }
}
