//! Options that several commands share.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;

use crate::address_pattern::AddressPattern;
use crate::client::{Authorities, Endpoint, Origin};
use crate::dialect::Dialect;
use crate::load::{Load, MAX_ERRORS, Work};
use crate::process::Watched;
use crate::verification::{Api, Credentials, PasscodeFrom};

/// Largest warm-up, in verifications.
const MAX_WARM_UP: u64 = 20_000;

/// Arguments of a server that keeps its data in a folder.
const FOLDER_ARGS: &str = "dev --listen {listen} --data {data}";

/// Arguments of a server that keeps its data in a store of its own.
const STORE_ARGS: &str = "dev --listen {listen} --store {store}";

/// Arguments of a server that takes the place of Perfumer OTP: all else comes by its environment.
const PERFUMER_ARGS: &str = "serve --as perfumer";

/// All that it takes to measure one server.
#[derive(Args)]
pub(crate) struct Measurement {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) caller: Caller,
    #[command(flatten)]
    pub(crate) amount: Amount,
    #[command(flatten)]
    pub(crate) reporting: Reporting,
}

/// The server to be measured: one that runs already, or one that is started for it.
#[derive(Args)]
#[command(next_help_heading = "The server")]
pub(crate) struct Target {
    /// Base URL of a server that runs already: http:// or https://, with a path if it has one.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:9000",
        conflicts_with = "server_binary"
    )]
    pub(crate) target: Origin,
    /// Authorities that its certificate is signed by, a PEM file [default: the system's]
    #[arg(long, value_name = "FILE", value_parser = Authorities::read)]
    pub(crate) ca: Option<Authorities>,
    /// Process of that server, to measure its CPU and memory.
    #[arg(long, value_name = "PID", conflicts_with = "server_binary")]
    pub(crate) server_pid: Option<u32>,
    /// Admin listener of that server, if it is a Watchword, to count its commits.
    #[arg(long, value_name = "URL", conflicts_with = "server_binary")]
    pub(crate) admin: Option<Origin>,
    #[command(flatten)]
    pub(crate) server: Option<Server>,
}

/// Who calls the API. No `Debug`: it holds the secret.
#[derive(Args)]
#[command(next_help_heading = "The calls")]
pub(crate) struct Caller {
    /// Whose API the server speaks.
    #[arg(long, value_enum, default_value = "otpgateway")]
    pub(crate) api: Dialect,
    /// Set two limits by IP and one by target, none of which is reached; of Perfumer's API.
    #[arg(long)]
    pub(crate) limits: bool,
    /// Namespace: the user name of the API.
    #[arg(long, default_value = "dev")]
    namespace: String,
    /// Secret of the namespace. Best given by the environment, as other users of the machine see the command line.
    #[arg(long, env = "WATCHWORD_BENCH_SECRET", hide_env_values = true, default_value = "dev")]
    secret: String,
    /// Provider that the server sends with.
    #[arg(long, default_value = "inbox")]
    provider: String,
    /// Addresses. {id} stands for the verification's id, {number} for nine digits, both each person's own; for text
    /// messages give such as +77{number} (by default `user-{id}@example.com`, and `77{number}` for Perfumer's API)
    #[arg(long, value_name = "PATTERN")]
    to: Option<AddressPattern>,
    /// Who makes the passcode: the server, when its reply to PUT gives it back, or this program [default: the server,
    /// if it gives it back]
    #[arg(long, value_enum)]
    pub(crate) passcode_from: Option<PasscodeFrom>,
}

impl Caller {
    pub(crate) fn api(&self, endpoint: Endpoint) -> Api {
        Api {
            dialect: self.api,
            endpoint,
            credentials: Credentials::new(&self.namespace, &self.secret),
            provider: self.provider.clone(),
            to: self.to.clone().unwrap_or_else(|| AddressPattern::usual(self.api)),
            passcode_from: self.passcode_from.unwrap_or(PasscodeFrom::Reply),
        }
    }
}

/// How much load.
#[derive(Args)]
#[command(next_help_heading = "The load")]
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
    /// Verifications started a second, each timed from when it was due, however late it could be sent. Without it each
    /// connection goes as fast as it can.
    #[arg(long, value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Failed verifications after which a run is given up.
    #[arg(long, default_value_t = MAX_ERRORS, value_parser = clap::value_parser!(u64).range(1..))]
    max_errors: u64,
}

/// What is measured besides the server, and how it is told.
#[derive(Args)]
#[command(next_help_heading = "The report")]
pub(crate) struct Reporting {
    /// Another process whose CPU is counted, children included, under a name: postgres=1234. May be repeated.
    #[arg(long, value_name = "NAME=PID")]
    pub(crate) also_pid: Vec<Watched>,
    /// Print one JSON document instead of text. Its shape is in docs/performance.md.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Amount {
    /// The load of one run.
    pub(crate) fn run(&self) -> Load {
        self.load(Work::Verify, self.verifications, self.rate)
    }

    /// What precedes the first run, unmeasured: a tenth of a run.
    pub(crate) fn warm_up(&self) -> Load {
        let count = (self.verifications / 10).clamp(1, MAX_WARM_UP);
        self.load(Work::Verify, count, None)
    }

    /// So many live verifications, as fast as they can be had.
    pub(crate) fn filling(&self, count: u64, ttl: u32) -> Load {
        self.load(Work::PutOnly { ttl }, count, None)
    }

    fn load(&self, work: Work, count: u64, rate: Option<f64>) -> Load {
        Load { work, count, connections: self.connections, rate, max_errors: self.max_errors }
    }
}

/// The server to start.
#[derive(Args)]
#[command(next_help_heading = "A server started for it")]
pub(crate) struct Server {
    /// The server's program, started for the measurement and stopped with it; a release build.
    #[arg(long, value_name = "PATH")]
    pub(crate) server_binary: PathBuf,
    /// Its arguments, split at spaces; {listen} and {data} stand for the address and the folder it is given, {store} for
    /// the URL of its store [default: dev --listen {listen}, with --data {data} or --store {store}; serve --as perfumer for
    /// Perfumer's API, with DUMMY=true, WATCHWORD_LISTEN and WATCHWORD_STORE set]
    #[arg(long, value_name = "ARGUMENTS")]
    server_args: Option<String>,
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
    /// Its arguments, as they are to be filled in.
    pub(crate) fn args(&self, with_store: bool, dialect: Dialect) -> &str {
        let usual = match (dialect, with_store) {
            (Dialect::Otpgateway, false) => FOLDER_ARGS,
            (Dialect::Otpgateway, true) => STORE_ARGS,
            (Dialect::Perfumer, _) => PERFUMER_ARGS,
        };
        self.server_args.as_deref().unwrap_or(usual)
    }

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
