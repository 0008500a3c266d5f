//! `watchword doctor`, `healthcheck` and `completions`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use watchword_testkit::net::free_port;

use crate::support::{PROGRAM, Receiver, Server};

struct Site {
    folder: TempDir,
    config: PathBuf,
}

impl Site {
    fn new(webhook: &str, admin: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("watchword.toml");
        let text = format!(
            "[admin]\nlisten = \"{admin}\"\n[store]\nurl = \"sqlite:{}\"\n\
             [namespaces.app]\nsecret = \"app-secret\"\n[providers.sms]\nkind = \"webhook\"\nurl = \"{webhook}\"\n{more}",
            folder.path().join("watchword.db").display()
        );
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        Self { folder, config }
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output =
            Command::new(PROGRAM).args(arguments).arg("--config").arg(&self.config).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// What the doctor finds, as (subject, state, detail), and its exit code.
    fn findings(&self) -> (Option<i32>, Vec<(String, String, String)>) {
        let (code, json, errors) = self.run(&["doctor", "--json"]);
        assert_eq!(errors, "");
        let findings: Value = serde_json::from_str(&json).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let finding = |it: &Value| (text(&it["subject"]), text(&it["state"]), text(&it["detail"]));
        (code, findings.as_array().unwrap().iter().map(finding).collect())
    }
}

/// The state and the detail of what was found about `subject`.
fn about<'a>(findings: &'a [(String, String, String)], subject: &str) -> (&'a str, &'a str) {
    let found = findings.iter().find(|(found, ..)| found == subject);
    let (_, state, detail) = found.unwrap_or_else(|| panic!("nothing about {subject} in {findings:#?}"));
    (state, detail)
}

fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_running_server_well() {
    let (receiver, public) = (Receiver::answering().await, free_address());
    let more = format!("[server]\nlisten = \"{public}\"\nroot_url = \"http://{public}\"\n");
    let site = Site::new(&receiver.url(), &free_address(), &more);
    let (code, findings) = site.findings();
    assert_eq!(code, Some(1), "people could not reach it");
    assert_eq!(about(&findings, "store").0, "untried");
    assert_eq!(about(&findings, "running server").0, "untried");
    assert!(!site.folder.path().join("watchword.db").exists(), "looking makes nothing");

    let server = Server::serve_at(&public, &site.config, &[]);
    server.put("johns-id", &[("provider", "sms"), ("to", "42")]).await;
    let (code, findings) = site.findings();
    assert_eq!(code, Some(0), "{findings:#?}");
    for (subject, begin) in [
        ("configuration", site.config.to_str().unwrap()),
        ("server.root_url", &format!("http://{public} is reached")),
        ("running server", "ready, at 127.0.0.1:"),
        ("clock", ""),
        ("disk", ""),
        ("provider sms", "connected to 127.0.0.1"),
        ("keys", "the key file "),
    ] {
        let (state, detail) = about(&findings, subject);
        assert!(state == "good" && detail.starts_with(begin), "{subject}: {state}, {detail}");
    }
    assert!(
        about(&findings, "store").1.ends_with(": 1 verifications, 0 messages to be sent"),
        "{findings:#?}"
    );
    let (code, table, _) = site.run(&["doctor"]);
    assert_eq!(code, Some(0));
    assert_eq!(table.lines().count(), findings.len());
    assert!(table.lines().all(|line| line.starts_with("ok  ")), "{table}");
    assert!(!table.contains("app-secret") && !table.contains('\u{1b}'), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_is_wrong() {
    let nobody = free_address();
    let more = "[server]\nroot_url = \"https://otp.invalid\"\n";
    let site = Site::new(&format!("http://{nobody}/hook"), &free_address(), more);
    fs::set_permissions(&site.config, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(site.folder.path().join("watchword.db"), "no database, but some text".repeat(99)).unwrap();
    let (code, findings) = site.findings();
    assert_eq!(code, Some(1));
    for (subject, state, part) in [
        ("configuration", "warning", "chmod o= "),
        ("store", "failed", "is not a Watchword database"),
        ("store file", "warning", "chmod o= "),
        ("provider sms", "failed", nobody.as_str()),
        ("server.root_url", "failed", "otp.invalid has no address"),
    ] {
        let (found, detail) = about(&findings, subject);
        assert!(found == state && detail.contains(part), "{subject}: {found}, {detail}");
    }
    let (_, table, _) = site.run(&["doctor"]);
    assert!(table.contains("FAIL  store "), "{table}");

    let site = Site::new("not a URL", &free_address(), "");
    let (code, out, errors) = site.run(&["doctor"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains("providers.sms.url"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthcheck_says_by_its_exit_code_whether_the_server_is_well() {
    let (receiver, admin) = (Receiver::answering().await, free_address());
    let site = Site::new(&receiver.url(), &admin, "");
    let (code, out, errors) = site.run(&["healthcheck"]);
    let expected = format!(
        "watchword: no server answers at http://{admin}; start it, or set `admin.listen` to where it listens\n"
    );
    assert_eq!((code, out.as_str(), errors), (Some(1), "", expected));
    let _server = Server::serve(&site.config, &[]);
    assert_eq!(site.run(&["healthcheck"]), (Some(0), "ok\n".to_owned(), String::new()));
    assert_eq!(site.run(&["healthcheck", "--ready"]), (Some(0), "ready\n".to_owned(), String::new()));
}

#[test]
fn shells_can_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Command::new(PROGRAM).args(["completions", shell]).output().unwrap();
        assert!(output.status.success());
        let script = String::from_utf8(output.stdout).unwrap();
        for command in ["serve", "dev", "doctor", "healthcheck", "completions"] {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
}
