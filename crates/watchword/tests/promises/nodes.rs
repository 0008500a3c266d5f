//! Several servers on one Redis.

use std::path::{Path, PathBuf};

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;
use watchword_testkit::deadline::{DEADLINE, eventually};
use watchword_testkit::process::Process;
use watchword_testkit::redis::{Keeping, Server as Redis};

const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// A Redis, and the configuration of servers that share it. Their provider is `sms`, which has a second for a message.
pub(crate) struct Nodes {
    pub(crate) redis: Redis,
    config: PathBuf,
    _folder: TempDir,
}

impl Nodes {
    pub(crate) fn new(keeping: Keeping, webhook: &str, more: &str) -> Self {
        let redis = Redis::start(keeping);
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("watchword.toml");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"{}\"\n\
             [namespaces.app]\nsecret = \"app-secret\"\n\
             [providers.sms]\nkind = \"webhook\"\nurl = \"{webhook}\"\ntimeout = \"1s\"\nmax_otp_len = 12\n{more}\n",
            redis.url()
        );
        std::fs::write(&config, text).unwrap();
        Self { redis, config, _folder: folder }
    }

    /// Starts one more.
    pub(crate) fn start(&self, environment: &[(&str, &str)]) -> Node {
        let arguments = ["serve", "--config", self.config.to_str().unwrap()];
        let environment = [&[("WATCHWORD_KEY", KEY)], environment].concat();
        let mut process = Process::start(Path::new(env!("CARGO_BIN_EXE_watchword")), arguments, &environment);
        let mut address = |message: &str| {
            process.wait_for_line(message, |line| {
                let line: Value = serde_json::from_str(line).ok()?;
                (line["message"] == message).then(|| format!("http://{}", line["address"].as_str().unwrap()))
            })
        };
        let (admin, origin) = (address("the admin listener is open"), address("listening"));
        let client = Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
        Node { process, origin, admin, client }
    }

    /// Starts two.
    pub(crate) fn two(&self) -> [Node; 2] {
        [self.start(&[]), self.start(&[])]
    }
}

/// A server; it is killed when this is dropped.
pub(crate) struct Node {
    pub(crate) process: Process,
    origin: String,
    admin: String,
    client: Client,
}

/// What a call was answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
    pub(crate) body: String,
}

impl Reply {
    async fn read(response: Response) -> Result<Self, reqwest::Error> {
        let status = response.status().as_u16();
        let retry_after = response.headers().contains_key("retry-after");
        Ok(Self { status, retry_after, body: response.text().await? })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The code that a PUT gives.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"]["otp"].as_str().unwrap().to_owned()
    }

    /// What an error says.
    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// What a page is called.
    pub(crate) fn heading(&self) -> &str {
        let heading = self.body.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
        heading.unwrap_or_else(|| panic!("no page: {self:?}"))
    }
}

impl Node {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin)).basic_auth("app", Some("app-secret"))
    }

    /// A call that may find nobody.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<Reply, reqwest::Error> {
        Reply::read(self.request(method, path).form(form).send().await?).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Reply {
        self.try_call(method, path, form).await.unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    /// `PUT /api/otp/{id}` to an address of its own.
    pub(crate) async fn put(&self, id: &str, more: &[(&str, &str)]) -> Reply {
        let to = format!("account-{id}");
        let form = [&[("provider", "sms"), ("to", &to)], more].concat();
        self.call(Method::PUT, &format!("/api/otp/{id}"), &form).await
    }

    /// `POST /api/otp/{id}`
    pub(crate) async fn check(&self, id: &str, code: &str) -> Reply {
        self.call(Method::POST, &format!("/api/otp/{id}"), &[("otp", code)]).await
    }

    /// What a person sees there.
    pub(crate) async fn page(&self, id: &str) -> Reply {
        self.call(Method::GET, &format!("/otp/app/{id}"), &[]).await
    }

    /// A gauge; `None` while the server does not know it.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let reply = self.client.get(format!("{}/metrics", self.admin)).send().await.ok()?;
        let text = reply.text().await.ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// Waits until nothing is left to be sent.
    pub(crate) async fn sends_all(&self) {
        eventually("the outbox to be empty", || async {
            (self.metric("watchword_outbox_depth").await == Some(0.0)).then_some(())
        })
        .await;
    }
}
