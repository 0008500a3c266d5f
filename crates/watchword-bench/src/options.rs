//! Options that several commands share.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::client::Origin;
use crate::load::{Load, Work};
use crate::verification::Api;

/// Largest warm-up, in verifications.
const MAX_WARM_UP: u64 = 20_000;

/// Who calls the API. No `Debug`: it holds the secret.
#[derive(Args)]
pub(crate) struct Caller {
    /// Namespace: the user name of the API.
    #[arg(long, default_value = "dev")]
    namespace: String,
    /// Secret of the namespace. Best given by the environment, as other users of the machine see the command line.
    #[arg(long, env = "WATCHWORD_BENCH_SECRET", hide_env_values = true, default_value = "dev")]
    secret: String,
    /// Provider that the server sends with.
    #[arg(long, default_value = "inbox")]
    provider: String,
}

impl Caller {
    pub(crate) fn api(&self, target: Origin) -> Arc<Api> {
        Arc::new(Api::new(target, &self.namespace, &self.secret, &self.provider))
    }
}

/// How much load.
#[derive(Args)]
pub(crate) struct Amount {
    /// Connections that stay open, each with one call at a time.
    #[arg(long, default_value = "64")]
    pub(crate) connections: NonZeroU32,
    /// Verifications a run: a PUT and its check each.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) verifications: u64,
    /// Runs; the results are their medians.
    #[arg(long, default_value = "5")]
    pub(crate) runs: NonZeroU32,
    /// Verifications started a second, each PUT timed from when it was due. Without it each connection goes as fast as
    /// it can.
    #[arg(long, value_parser = rate)]
    pub(crate) rate: Option<f64>,
}

impl Amount {
    /// The load of one run.
    pub(crate) fn run(&self) -> Load {
        Load { work: Work::Verify, count: self.verifications, connections: self.connections, rate: self.rate }
    }

    /// What precedes the first run, unmeasured: a tenth of a run.
    pub(crate) fn warm_up(&self) -> Load {
        let count = (self.verifications / 10).clamp(1, MAX_WARM_UP);
        Load { work: Work::Verify, count, connections: self.connections, rate: None }
    }
}

/// The server to start.
#[derive(Args)]
pub(crate) struct Server {
    /// The server's program; a release build.
    #[arg(long, value_name = "PATH")]
    pub(crate) server_binary: PathBuf,
    /// Its arguments, split at spaces; {listen} and {data} stand for the address and the folder it is given.
    #[arg(long, default_value = "dev --listen {listen} --data {data}")]
    pub(crate) server_args: String,
    /// Folder that is to hold the server's data, in a new folder that is removed at the end; also where the disk is
    /// measured [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The server has no admin listener: report no commits.
    #[arg(long)]
    pub(crate) no_admin: bool,
    /// More arguments for the server, as they are.
    #[arg(last = true, value_name = "SERVER ARGUMENT")]
    pub(crate) extra: Vec<String>,
}

impl Server {
    /// The folder under which servers get their own.
    pub(crate) fn folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(std::env::temp_dir)
    }
}

/// A rate that neither overflows a time nor is faster than any timer.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.01..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("give a number from 0.01 to 10000000".to_owned()),
    }
}
