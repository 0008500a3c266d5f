//! The real program.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use watchword_testkit::deadline::DEADLINE;
use watchword_testkit::process::Process;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_watchword");

/// A client that goes nowhere but where it is told, and never waits for ever.
pub(crate) fn client() -> Client {
    Client::builder().timeout(DEADLINE).no_proxy().build().unwrap()
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    pub(crate) process: Process,
    /// `http://127.0.0.1:PORT`
    pub(crate) origin: String,
    credentials: (String, String),
    client: Client,
}

impl Server {
    /// `watchword dev` on free ports.
    pub(crate) fn dev<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self::dev_with(arguments, &[])
    }

    /// The same, with more environment.
    pub(crate) fn dev_with<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Self {
        let listen = ["dev", "--listen", "127.0.0.1:0"].map(OsStr::new).map(ToOwned::to_owned);
        let arguments = listen.into_iter().chain(arguments.into_iter().map(|one| one.as_ref().to_owned()));
        let environment = [&[("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0")], environment].concat();
        let mut process = Process::start(Path::new(PROGRAM), arguments, &environment);
        let origin = process.wait_for_line("the API's address", |line| {
            line.trim_start().strip_prefix("API ")?.split_whitespace().next().map(str::to_owned)
        });
        process.wait_for_line("the end of the welcome", |line| line.contains("Ctrl-C").then_some(()));
        Self { process, origin, credentials: ("dev".to_owned(), "dev".to_owned()), client: client() }
    }

    /// `watchword serve` with this configuration, whose namespace is `app` with the secret `app-secret`.
    pub(crate) fn serve(config: &Path, environment: &[(&str, &str)]) -> Self {
        Self::serve_at("127.0.0.1:0", config, environment)
    }

    /// The same, at this address.
    pub(crate) fn serve_at(listen: &str, config: &Path, environment: &[(&str, &str)]) -> Self {
        let arguments = ["serve", "--listen", listen, "--config"].map(OsStr::new);
        let arguments = arguments.into_iter().chain([config.as_os_str()]);
        let mut process = Process::start(Path::new(PROGRAM), arguments, environment);
        let origin = listening(&mut process);
        let credentials = ("app".to_owned(), "app-secret".to_owned());
        Self { process, origin, credentials, client: client() }
    }

    /// `watchword serve --as otpgateway` with otpgateway's configuration and these credentials.
    pub(crate) fn as_otpgateway(
        config: &Path,
        credentials: (&str, &str),
        environment: &[(&str, &str)],
    ) -> Self {
        let arguments = ["serve", "--as", "otpgateway", "--config"].map(OsStr::new);
        let arguments = arguments.into_iter().chain([config.as_os_str()]);
        let mut process = Process::start(Path::new(PROGRAM), arguments, environment);
        let origin = listening(&mut process);
        let credentials = (credentials.0.to_owned(), credentials.1.to_owned());
        Self { process, origin, credentials, client: client() }
    }

    /// Calls it over TLS from here on, by a client that trusts its certificate.
    pub(crate) fn over_tls(mut self, client: Client) -> Self {
        self.origin = self.origin.replacen("http:", "https:", 1);
        self.client = client;
        self
    }

    /// Where operators reach it, from the log.
    pub(crate) fn admin(&mut self) -> String {
        self.process.wait_for_line("the admin listener's address", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let address =
                line["address"].as_str().filter(|_| line["message"] == "the admin listener is open")?;
            Some(format!("http://{address}"))
        })
    }

    /// Any call, with the namespace's credentials.
    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let (user, password) = &self.credentials;
        self.client.request(method, format!("{}{path}", self.origin)).basic_auth(user, Some(password))
    }

    /// `PUT /api/otp/{id}`
    pub(crate) async fn put(&self, id: &str, parameters: &[(&str, &str)]) -> Response {
        self.call(Method::PUT, &format!("/api/otp/{id}")).form(parameters).send().await.unwrap()
    }

    /// `POST /api/otp/{id}`: the status and the body.
    pub(crate) async fn check(&self, id: &str, code: &str) -> (u16, Value) {
        let reply =
            self.call(Method::POST, &format!("/api/otp/{id}")).form(&[("otp", code)]).send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn terminate(mut self) -> (ExitStatus, Vec<String>) {
        tokio::task::spawn_blocking(move || (self.process.terminate(), self.process.output())).await.unwrap()
    }
}

/// Where clients reach it, from the log.
fn listening(process: &mut Process) -> String {
    process.wait_for_line("the address it listens on", |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["message"] == "listening").then(|| format!("http://{}", line["address"].as_str().unwrap()))
    })
}

/// Runs a command that ends by itself: its exit code, and the lines on standard error.
pub(crate) fn ended<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    environment: &[(&str, &str)],
) -> (Option<i32>, Vec<String>) {
    // A server that starts after all would run for ever.
    let deadline = DEADLINE.as_secs().to_string();
    let mut command = Command::new("timeout");
    command.args([&deadline, PROGRAM]).args(arguments).envs(environment.iter().copied());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "what went wrong is for standard error");
    let lines = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), lines.lines().map(str::to_owned).collect())
}
