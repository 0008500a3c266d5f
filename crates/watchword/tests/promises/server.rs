//! The real program, on a folder that outlives it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use watchword_testkit::deadline::eventually;
use watchword_testkit::net::free_port;
use watchword_testkit::process::Process;

/// A folder with a configuration and, once a server ran, its database and key.
pub(crate) struct Site {
    folder: TempDir,
    config: PathBuf,
    pub(crate) port: u16,
}

impl Site {
    /// One whose provider `sms` posts to `webhook`.
    pub(crate) fn new(webhook: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("watchword.toml");
        let (port, admin) = (free_port(), free_port());
        let store = folder.path().join("watchword.db");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\nroot_url = \"http://127.0.0.1:{port}\"\n\
             [admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             [store]\nurl = \"sqlite:{}\"\n\
             [namespaces.app]\nsecret = \"app-secret\"\n\
             [providers.sms]\nkind = \"webhook\"\nurl = \"{webhook}\"\n",
            store.display()
        );
        std::fs::write(&config, text).unwrap();
        Self { folder, config, port }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server and waits until it answers.
    pub(crate) async fn serve(&self, environment: &[(&str, &str)]) -> Process {
        let arguments = ["serve", "--config", self.config.to_str().unwrap()];
        let process = Process::start(Path::new(env!("CARGO_BIN_EXE_watchword")), arguments, environment);
        let health = self.url("/api/health");
        let answers = eventually("the server to answer", || async {
            reqwest::get(&health).await.ok().filter(|reply| reply.status().is_success())
        });
        tokio::pin!(answers);
        answers.await;
        process
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// `PUT /api/otp/{id}` through the provider `sms`; `None` when no answer came.
    pub(crate) async fn put(&self, id: &str, parameters: &[(&str, &str)]) -> Option<reqwest::StatusCode> {
        let request = self.call(reqwest::Method::PUT, &format!("/api/otp/{id}"));
        let mut form = vec![("provider", "sms"), ("to", "account-1234567890")];
        form.extend_from_slice(parameters);
        request.form(&form).send().await.ok().map(|reply| reply.status())
    }

    /// `POST /api/otp/{id}`.
    pub(crate) async fn check(&self, id: &str, code: &str) -> reqwest::StatusCode {
        let request = self.call(reqwest::Method::POST, &format!("/api/otp/{id}"));
        request.form(&[("otp", code)]).send().await.unwrap().status()
    }

    /// Any call, with the namespace's credentials.
    pub(crate) fn call(&self, method: reqwest::Method, path_and_query: &str) -> reqwest::RequestBuilder {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        client.request(method, self.url(path_and_query)).basic_auth("app", Some("app-secret"))
    }
}
