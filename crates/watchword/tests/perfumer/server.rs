//! The program, started as Perfumer OTP is.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use reqwest::Client;
use serde_json::Value;
use watchword_testkit::deadline::DEADLINE;
use watchword_testkit::postgres::{Keeping, Server as Postgres, database_of};
use watchword_testkit::process::Process;
use watchword_testkit::shared::Shared;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_watchword");

static POSTGRES: Shared<Postgres> = Shared::new();

/// The server of all tests.
pub(crate) fn postgres() -> Arc<Postgres> {
    POSTGRES.get(|| Postgres::start(Keeping::InMemory))
}

/// A client that goes nowhere but where it is told, and never waits for ever.
pub(crate) fn client() -> Client {
    Client::builder().timeout(DEADLINE).no_proxy().build().unwrap()
}

/// A database, named as Perfumer OTP's environment names it.
pub(crate) struct Database {
    pub(crate) postgres: Arc<Postgres>,
    pub(crate) name: String,
    pub(crate) user: &'static str,
}

impl Database {
    /// One that is not there yet.
    pub(crate) fn new() -> Self {
        let postgres = postgres();
        let name = database_of(&postgres.url()).to_owned();
        Self { postgres, name, user: "postgres" }
    }

    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let pairs = [
            ("PG_HOST", "127.0.0.1"),
            ("PG_REAL_HOST", "127.0.0.1"),
            ("PG_PORT", &self.postgres.port.to_string()),
            ("PG_DATABASE", &self.name),
            ("PG_USER", self.user),
            ("PG_PASSWORD", "pg-secret"),
            ("PG_SCHEMA", "otp"),
            ("DUMMY", "true"),
            ("WATCHWORD_KEY", &"5a".repeat(32)),
            ("WATCHWORD_LISTEN", "127.0.0.1:0"),
            ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0"),
            ("WATCHWORD_LOG__FORMAT", "json"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// What `psql` prints.
    pub(crate) fn query(&self, statement: &str) -> String {
        self.postgres.query(&self.name, statement)
    }
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    pub(crate) process: Process,
    origin: String,
    client: Client,
}

impl Server {
    /// `watchword serve --as perfumer` with this environment; it may not be ready yet.
    pub(crate) fn begin(environment: &[(String, String)]) -> Process {
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Process::start(Path::new(PROGRAM), ["serve", "--as", "perfumer"], &environment)
    }

    /// The same, once it listens.
    pub(crate) fn start(environment: &[(String, String)]) -> Self {
        Self::once_it_listens(Self::begin(environment))
    }

    pub(crate) fn once_it_listens(mut process: Process) -> Self {
        let origin = process.wait_for_line("the address it listens on", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "listening").then(|| format!("http://{}", line["address"].as_str().unwrap()))
        });
        Self { process, origin, client: client() }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = self.client.get(format!("{}{path}", self.origin)).send().await.unwrap();
        reply.json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let reply = self.client.post(format!("{}{path}", self.origin)).json(body).send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    }

    /// The lines of the log that say this.
    pub(crate) fn told(&self, beginning: &str) -> Vec<Value> {
        let lines = self.process.output().into_iter().filter_map(|line| serde_json::from_str(&line).ok());
        lines
            .filter(|line: &Value| line["message"].as_str().is_some_and(|it| it.starts_with(beginning)))
            .collect()
    }

    pub(crate) fn stop(mut self) {
        assert!(self.process.terminate().success());
    }
}

/// Runs the program where it ends by itself: its exit code, and what it said on standard output and error.
pub(crate) fn ended(arguments: &[&str], environment: &[(String, String)]) -> (Option<i32>, String, String) {
    // A server that starts after all would run for ever.
    let deadline = DEADLINE.as_secs().to_string();
    let mut command = Command::new("timeout");
    command.args([&deadline, PROGRAM]).args(arguments).envs(environment.iter().cloned());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
