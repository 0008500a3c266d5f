//! A folder with a configuration, its store, and the commands run on it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::run::{Run, run_in};
use super::server::Server;

/// A server's place, whether it runs or not. Its namespace is `app`, with the secret `app-secret`.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) config: PathBuf,
}

impl Site {
    /// With one webhook, `sms`.
    pub(crate) fn with_webhook(url: &str, more: &str) -> Self {
        Self::with(&format!("[providers.sms]\nkind = \"webhook\"\nurl = \"{url}\"\nmax_otp_len = 8\n{more}"))
    }

    /// With these sections besides.
    pub(crate) fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("watchword.toml");
        let site = Self { folder, config };
        let store = site.store();
        let text = format!(
            "[store]\nurl = \"sqlite:{}\"\n[namespaces.app]\nsecret = \"app-secret\"\n{more}\n",
            store.display()
        );
        fs::write(&site.config, text).unwrap();
        site
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("data/watchword.db")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("data/watchword.key")
    }

    pub(crate) fn serve(&self, environment: &[(&str, &str)]) -> Server {
        let free = [("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0")];
        Server::serve(&self.config, &[&free, environment].concat())
    }

    /// Runs a command on it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let config = ["--config", self.config.to_str().unwrap()];
        run_in(self.folder.path(), arguments.iter().chain(&config), environment)
    }

    /// What a command that works prints.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{arguments:?}: {}", run.out);
        run.out
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(arguments)).unwrap()
    }

    /// The one line in which a command says why it can't.
    pub(crate) fn refuses(&self, code: i32, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(code), ""), "{arguments:?}: {}", run.err);
        let lines: Vec<&str> = run.err.lines().collect();
        let [line] = lines[..] else { panic!("{lines:#?}") };
        line.strip_prefix("watchword: ").expect("the program says who speaks").to_owned()
    }
}
