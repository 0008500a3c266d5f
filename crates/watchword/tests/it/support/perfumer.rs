//! Perfumer OTP's environment: a database, Queue, and the services behind it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use watchword_testkit::deadline::eventually;
use watchword_testkit::postgres::{Keeping, Server as Postgres};
use watchword_testkit::process::Process;
use watchword_testkit::queue::{Queue, Services};
use watchword_testkit::shared::Shared;

use super::run::{Run, run_in};
use super::server::{PROGRAM, client};

/// What the service for Telegram wants to be shown.
pub(crate) const APP_TOKEN: &str = "the-app-token";

/// What a call that worked is answered.
pub(crate) const TRUE: &str = r#"{"status":true}"#;

/// Spares the servers of most tests the stretching of `PG_PASSWORD`.
const KEY: (&str, &str) =
    ("WATCHWORD_KEY", "0202020202020202020202020202020202020202020202020202020202020202");

static POSTGRES: Shared<Postgres> = Shared::new();

/// The PostgreSQL of all tests that do nothing to it.
pub(crate) fn postgres() -> Arc<Postgres> {
    POSTGRES.get(|| Postgres::start(Keeping::InMemory))
}

/// The environment of one container, or of several on one database.
pub(crate) struct PerfumerSite {
    pub(crate) queue: Queue,
    pub(crate) services: Services,
    pub(crate) database: String,
    environment: Vec<(String, String)>,
}

impl PerfumerSite {
    /// A database that is not there yet, on the server at this port; with a key of its own.
    pub(crate) async fn new(port: u16) -> Self {
        let mut site = Self::without_key(port).await;
        site.set(&[KEY]);
        site
    }

    /// The same, with no more than the original's documentation has, and free ports.
    pub(crate) async fn without_key(port: u16) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = format!("otp_db{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let (queue, services) = (Queue::start().await, Services::start(APP_TOKEN).await);
        let (queue_url, port) = (queue.url(), port.to_string());
        let mut site = Self { queue, services, database: database.clone(), environment: Vec::new() };
        let services = site.services.url().to_owned();
        site.set(&[
            ("PG_HOST", "127.0.0.1"),
            ("PG_REAL_HOST", "127.0.0.1"),
            ("PG_PORT", &port),
            ("PG_DATABASE", &database),
            ("PG_USER", "postgres"),
            ("PG_PASSWORD", "password"),
            ("OTP_QUEUE_URL", &queue_url),
            ("OTP_SMS_URL", &services),
            ("OTP_CALL_URL", &services),
            ("OTP_EMAIL_URL", &services),
            ("OTP_TELEGRAM_URL", &services),
            ("OTP_TELEGRAM_APP_TOKEN", APP_TOKEN),
            ("WATCHWORD_LISTEN", "127.0.0.1:0"),
            ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0"),
        ]);
        site
    }

    /// Sets these variables, in place of what they were.
    pub(crate) fn set(&mut self, variables: &[(&str, &str)]) {
        for (name, value) in variables {
            self.unset(name);
            self.environment.push(((*name).to_owned(), (*value).to_owned()));
        }
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    fn environment<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        own.chain(more.iter().copied()).collect()
    }

    /// `watchword serve --as perfumer`, which may not listen yet.
    pub(crate) fn start(&self, more: &[(&str, &str)]) -> Process {
        Process::start(Path::new(PROGRAM), ["serve", "--as", "perfumer"], &self.environment(more))
    }

    /// The same, and it listens.
    pub(crate) fn serve(&self, more: &[(&str, &str)]) -> Perfumer {
        Perfumer::of(self.start(more))
    }

    /// Runs a command that ends by itself.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let folder = tempfile::tempdir().unwrap();
        run_in(folder.path(), arguments, &self.environment(&[]))
    }

    /// What became of all messages, the newest first: `watchword deliveries list`.
    pub(crate) fn deliveries(&self) -> Vec<Value> {
        let run = self.run(&["deliveries", "list", "--as", "perfumer", "--limit", "10000", "--json"]);
        assert_eq!(run.code, Some(0), "{}", run.err);
        serde_json::from_str(&run.out).unwrap()
    }
}

/// A server that speaks to Perfumer OTP's clients; it is killed when this is dropped.
pub(crate) struct Perfumer {
    pub(crate) process: Process,
    pub(crate) origin: String,
    admin: String,
    client: Client,
}

/// What a call was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Seconds.
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: String,
}

impl Answer {
    async fn read(response: Response) -> Result<Self, reqwest::Error> {
        let status = response.status().as_u16();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        assert_eq!(header("content-type").as_deref(), Some("application/json"));
        let retry_after = header("retry-after").map(|seconds| seconds.parse().unwrap());
        Ok(Self { status, retry_after, body: response.text().await? })
    }

    /// Whether it is `{"status":true}`.
    pub(crate) fn is_true(&self) -> bool {
        self.status == 200 && self.body == TRUE
    }

    /// Whether it says that the store is away, as everything of this dialect is said, and when to come again.
    pub(crate) fn is_away(&self) -> bool {
        let says = r#"{"status":false,"message":"Unable to reach store"}"#;
        self.status == 503 && self.body == says && self.retry_after.is_some()
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body));
    }

    /// A refusal by a limit, whose window is ten minutes.
    #[track_caller]
    pub(crate) fn expect_limit(&self, body: &str) {
        self.expect(400, body);
        assert!(self.retry_after.is_some_and(|seconds| (1..=600).contains(&seconds)), "{self:?}");
    }
}

impl Perfumer {
    /// That of a process, once it listens.
    pub(crate) fn of(mut process: Process) -> Self {
        let mut address = |message: &str| {
            process.wait_for_line(message, |line| {
                let line: Value = serde_json::from_str(line).ok()?;
                (line["message"] == message).then(|| format!("http://{}", line["address"].as_str().unwrap()))
            })
        };
        let (admin, origin) = (address("the admin listener is open"), address("listening"));
        Self { process, origin, admin, client: client() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin))
    }

    /// A call that may find nobody.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: &str,
    ) -> Result<Answer, reqwest::Error> {
        Answer::read(self.request(method, path).body(body.to_owned()).send().await?).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.try_call(Method::POST, path, body).await.unwrap()
    }

    /// With its parameters in the body, as the original's documentation has it.
    pub(crate) async fn get(&self, path: &str, body: &str) -> Answer {
        self.try_call(Method::GET, path, body).await.unwrap()
    }

    /// `POST /sms` without an IP address.
    pub(crate) async fn sms(&self, phone: &str, password: &str, lifetime: u32) -> Answer {
        self.post("/sms", &sms(phone, password, lifetime)).await
    }

    /// `GET /sms/check`: whether it is right.
    pub(crate) async fn checks(&self, phone: &str, password: &str) -> bool {
        let body = format!(r#"{{"phone":"{phone}","password":"{password}"}}"#);
        let answer = self.get("/sms/check", &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.is_true()
    }

    /// A gauge or a counter, with its labels; `None` while the server does not know it.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let reply = self.client.get(format!("{}/metrics", self.admin)).send().await.ok()?;
        let text = reply.text().await.ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// Waits until nothing is left to be sent.
    pub(crate) async fn sends_all(&self) {
        eventually("the outbox to be empty", async || {
            (self.metric("watchword_outbox_depth").await == Some(0.0)).then_some(())
        })
        .await;
    }

    /// Asks it to stop, and waits until it has: all that it printed.
    pub(crate) async fn terminate(mut self) -> Vec<String> {
        let stopped = tokio::task::spawn_blocking(move || (self.process.terminate(), self.process.output()));
        let (status, output) = stopped.await.unwrap();
        assert_eq!(status.code(), Some(0), "{output:#?}");
        output
    }
}

/// The body of a `POST /sms` without an IP address.
pub(crate) fn sms(phone: &str, password: &str, lifetime: u32) -> String {
    format!(
        r#"{{"phone":"{phone}","password":"{password}","lifetime":{lifetime},"message":"Your OTP is {password}"}}"#
    )
}

/// The message of a log's line.
pub(crate) fn logged(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(line["message"].as_str()?.to_owned())
}
