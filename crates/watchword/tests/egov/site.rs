//! The program, started as DIGIT's OTP services are.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use watchword_testkit::deadline::DEADLINE;
use watchword_testkit::process::Process;

use crate::digit::Digit;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_watchword");

pub(crate) const SEND: &str = "/user-otp/v1/_send";
pub(crate) const CREATE: &str = "/otp/v1/_create";
pub(crate) const VALIDATE: &str = "/otp/v1/_validate";
pub(crate) const SEARCH: &str = "/otp/v1/_search";

/// The reply to a `_send` that went well.
pub(crate) const SENT: &str = r#"{"responseInfo":null,"isSuccessful":true}"#;

/// The reply to every validation that was not right.
pub(crate) const WRONG: &str = r#"{"responseInfo":null,"error":{"code":400,"message":"OTP validation unsuccessful","description":null,"fields":[{"code":"OTP.VALIDATION_UNSUCCESSFUL","message":"OTP validation unsuccessful","field":"otp.otp"}]}}"#;

/// A client that goes nowhere but where it is told, and never waits for ever.
pub(crate) fn client() -> Client {
    Client::builder().timeout(DEADLINE).no_proxy().build().unwrap()
}

/// A folder, and an environment like that of DIGIT's charts.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    environment: Vec<(String, String)>,
    files: Vec<String>,
}

impl Site {
    /// On a file of SQLite; without any of DIGIT's services.
    pub(crate) fn alone() -> Self {
        let mut site =
            Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new(), files: Vec::new() };
        let store = format!("sqlite:{}", site.folder.path().join("otp.db").display());
        site.set("WATCHWORD_STORE", &store);
        site.set("WATCHWORD_LISTEN", "127.0.0.1:0");
        site.set("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0");
        site.set("WATCHWORD_LOG__FORMAT", "json");
        site
    }

    /// The same, beside all of them.
    pub(crate) fn beside(digit: &Digit) -> Self {
        let mut site = Self::alone();
        // Charts write hosts with a slash at the end.
        let host = format!("{}/", digit.origin);
        for name in ["USER_HOST", "EGOV_LOCALISATION_HOST", "EGOV_MDMS_HOST"] {
            site.set(name, &host);
        }
        site
    }

    /// Sets a variable, or sets it anew.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// Writes a file, and gives back its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Properties, given with `--config`.
    pub(crate) fn properties(&mut self, text: &str) {
        let path = self.write("application.properties", text);
        self.files = vec!["--config".to_owned(), path];
    }

    /// Messages go by these providers of ours, to no broker.
    pub(crate) fn own_providers(&mut self, toml: &str) {
        let path = self.write("watchword.toml", toml);
        self.set("WATCHWORD_CONFIG", &path);
        self.set("SPRING_KAFKA_BOOTSTRAP_SERVERS", "");
    }

    fn arguments(&self, command: &[&str]) -> Vec<String> {
        let own = command.iter().chain(&["--as", "egov"]).map(|&argument| argument.to_owned());
        own.chain(self.files.iter().cloned()).collect()
    }

    /// `watchword serve --as egov`, once it listens.
    pub(crate) fn serve(&self) -> Server {
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut process = Process::start(Path::new(PROGRAM), self.arguments(&["serve"]), &environment);
        let origin = process.wait_for_line("the address it listens on", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "listening").then(|| format!("http://{}", line["address"].as_str().unwrap()))
        });
        Server { process, origin, client: client() }
    }

    /// Runs a command that ends by itself: its exit code, and what it said on standard output and error.
    pub(crate) fn ended(&self, command: &[&str]) -> (Option<i32>, String, String) {
        // A server that starts after all would run for ever.
        let deadline = DEADLINE.as_secs().to_string();
        let mut run = Command::new("timeout");
        run.args([&deadline, PROGRAM]).args(self.arguments(command)).envs(self.environment.iter().cloned());
        let output = run.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) origin: String,
    client: Client,
}

/// Another holder of the server's address, for loads.
#[cfg(feature = "kafka")]
impl Server {
    pub(crate) fn caller(&self) -> (Client, String) {
        (self.client.clone(), self.origin.clone())
    }
}

impl Server {
    /// Posts JSON: the status and the whole body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let call = self.client.post(format!("{}{path}", self.origin)).header("x-correlation-id", "story-1");
        let reply = call.json(body).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    /// Asks for an OTP, which is granted.
    pub(crate) async fn sends(&self, purpose: &str, number: &str) {
        let sent = self.post(SEND, &asking(purpose, number)).await;
        assert_eq!(sent, (201, SENT.to_owned()), "{purpose}");
    }

    pub(crate) async fn validate(&self, number: &str, otp: &str) -> (u16, String) {
        let body =
            json!({ "RequestInfo": null, "otp": { "otp": otp, "identity": number, "tenantId": "pb" } });
        self.post(VALIDATE, &body).await
    }

    /// Makes a token: its code and its UUID.
    pub(crate) async fn create(&self, number: &str) -> (String, String) {
        let body = json!({ "otp": { "identity": number, "tenantId": "pb.amritsar" } });
        let (status, reply) = self.post(CREATE, &body).await;
        assert_eq!(status, 201, "{reply}");
        let token: Value = serde_json::from_str(&reply).unwrap();
        let text = |name: &str| token["otp"][name].as_str().unwrap().to_owned();
        (text("otp"), text("UUID"))
    }

    /// The warnings of the log.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let lines =
            self.process.output().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let warnings = lines.filter(|line| line["level"] == "WARN");
        warnings.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) fn stop(mut self) {
        assert!(self.process.terminate().success());
    }
}

/// A good body for `_send`, of a citizen of Amritsar who reads Hindi.
pub(crate) fn asking(purpose: &str, number: &str) -> Value {
    json!({
        "requestInfo": { "apiId": "Rainmaker", "msgId": "20170310130900|hi_IN", "authToken": "token", "ts": 1 },
        "otp": { "mobileNumber": number, "tenantId": "pb.amritsar", "type": purpose, "userType": "CITIZEN" }
    })
}

/// A token as egov-otp shows it; `otp` is JSON.
pub(crate) fn token(otp: &str, number: &str, uuid: &str, validated: bool) -> String {
    format!(
        r#"{{"responseInfo":null,"otp":{{"otp":{otp},"identity":"{number}","tenantId":"pb","UUID":"{uuid}","isValidationSuccessful":{validated}}}}}"#
    )
}

/// The UUID in a reply of egov-otp.
pub(crate) fn uuid_of(reply: &str) -> String {
    let token: Value = serde_json::from_str(reply).unwrap();
    token["otp"]["UUID"].as_str().unwrap().to_owned()
}

/// The first six digits in a row.
pub(crate) fn code_in(text: &str) -> String {
    let mut runs = text.split(|c: char| !c.is_ascii_digit());
    runs.find(|run| run.len() == 6).expect("a code").to_owned()
}
