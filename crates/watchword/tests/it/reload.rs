//! A changed configuration is taken up while the server runs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::TempDir;
use watchword_testkit::deadline::eventually;

use crate::support::{Receiver, Server, client};

struct Site {
    folder: TempDir,
    webhook: String,
}

impl Site {
    fn new(webhook: String) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), webhook }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("watchword.toml")
    }

    /// Writes a configuration with the provider `sms`, and more.
    fn write(&self, more: &str) {
        let text = format!(
            "[admin]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"sqlite:{}\"\n\
             [namespaces.app]\nsecret = \"app-secret\"\n\
             [providers.sms]\nkind = \"webhook\"\nurl = \"{}\"\n{more}",
            self.folder.path().join("watchword.db").display(),
            self.webhook
        );
        fs::write(self.config(), text).unwrap();
    }

    /// A provider of this name that posts to the same place.
    fn provider(&self, name: &str) -> String {
        format!("[providers.{name}]\nkind = \"webhook\"\nurl = \"{}\"\n", self.webhook)
    }
}

async fn reload(admin: &str) -> (u16, String) {
    let reply =
        client().post(format!("{admin}/reload")).header("X-Watchword-Reload", "1").send().await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

async fn providers(server: &Server) -> Value {
    let reply = server.call(reqwest::Method::GET, "/api/providers").send().await.unwrap();
    reply.json::<Value>().await.unwrap()["data"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_taken_up_and_what_needs_a_restart_is_named() {
    let receiver = Receiver::answering().await;
    let site = Site::new(receiver.url());
    site.write("");
    let mut server = Server::serve(&site.config(), &[]);
    let admin = server.admin();
    let reply: Value =
        server.put("johns-id", &[("provider", "sms"), ("to", "42")]).await.json().await.unwrap();
    let code = reply["data"]["otp"].as_str().unwrap();

    assert_eq!(
        reload(&admin).await,
        (200, "the configuration was read; nothing that a running server takes up has changed\n".to_owned())
    );
    let more = format!("{}[otp]\nttl = \"90s\"\n[server]\nmax_connections = 5\n", site.provider("call"));
    site.write(&more);
    let told = "taken up: providers, routes, otp\nchanged, and needs a restart: server.max_connections\n";
    assert_eq!(reload(&admin).await, (200, told.to_owned()));
    assert_eq!(providers(&server).await, serde_json::json!(["call", "sms"]));
    let reply: Value =
        server.put("janes-id", &[("provider", "call"), ("to", "43")]).await.json().await.unwrap();
    assert_eq!(reply["data"]["ttl"], 90);
    assert_eq!(server.check("johns-id", code).await.0, 200, "what was begun before goes on");

    site.write("[namespaces.other]\nsecret = \"another\"\n");
    let told = "taken up: namespaces, providers, routes, otp\n";
    assert_eq!(reload(&admin).await, (200, told.to_owned()));
    let gone = server.put("johns-id", &[("provider", "call"), ("to", "42")]).await;
    assert_eq!(gone.json::<Value>().await.unwrap()["message"], "Unknown provider.");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_kind_under_the_same_settings_and_another_key_file_are_changes() {
    let receiver = Receiver::answering().await;
    let site = Site::new(receiver.url());
    let other = |kind: &str| format!("[providers.call]\nkind = \"{kind}\"\nurl = \"{}\"\n", receiver.url());
    site.write(&other("webhook"));
    let mut server = Server::serve(&site.config(), &[]);
    let admin = server.admin();
    site.write(&other("http"));
    assert_eq!(reload(&admin).await, (200, "taken up: providers\n".to_owned()));
    let elsewhere = site.folder.path().join("elsewhere.key");
    site.write(&format!("{}[keys]\nfile = \"{}\"\n", other("http"), elsewhere.display()));
    let told = "the configuration was read; nothing that a running server takes up has changed\n\
                changed, and needs a restart: keys\n";
    for _ in 0..2 {
        assert_eq!(reload(&admin).await, (200, told.to_owned()), "it is told until the restart");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_mistakes_changes_nothing() {
    let receiver = Receiver::answering().await;
    let site = Site::new(receiver.url());
    site.write("");
    let mut server = Server::serve(&site.config(), &[]);
    let admin = server.admin();
    site.write(&format!("{}[otp]\nttl = \"soon\"\nmax_attemps = 3\n", site.provider("call")));
    let (status, told) = reload(&admin).await;
    assert_eq!(status, 422);
    let path = site.config().display().to_string();
    let lines: Vec<&str> = told.lines().map(str::trim).collect();
    assert_eq!(lines[0], "the configuration has 2 mistakes:");
    assert!(lines[1].starts_with(&format!("{path}:14: otp.ttl: ")), "{told}");
    assert_eq!(lines[2], format!("{path}:15: otp.max_attemps: unknown; did you mean `max_attempts`?"));
    assert_eq!(providers(&server).await, serde_json::json!(["sms"]));
    fs::remove_file(site.config()).unwrap();
    assert_eq!(reload(&admin).await.0, 422);
    assert_eq!(server.put("johns-id", &[("provider", "sms"), ("to", "42")]).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_can_not_ask_for_it() {
    let receiver = Receiver::answering().await;
    let site = Site::new(receiver.url());
    site.write("");
    let mut server = Server::serve(&site.config(), &[]);
    let url = format!("{}/reload", server.admin());
    assert_eq!(client().post(&url).send().await.unwrap().status(), 403);
    assert_eq!(client().get(&url).send().await.unwrap().status(), 405);
    let public = format!("{}/reload", server.origin);
    let asked = client().post(public).header("X-Watchword-Reload", "1").send().await.unwrap();
    assert_eq!(asked.status(), 404, "clients can't ask either");
}

/// Half of the reloads come by signal, half by the admin listener, while callers never pause.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_dropped_under_load() {
    const CALLERS: usize = 8;
    const RELOADS: usize = 30;
    let receiver = Receiver::answering().await;
    let site = Site::new(receiver.url());
    site.write("");
    let mut server = Server::serve(&site.config(), &[]);
    let admin = server.admin();
    let process = server.process.id().to_string();
    let server = Arc::new(server);
    let (stop, verified) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let call = |caller: usize| {
        let (server, stop, verified) = (Arc::clone(&server), Arc::clone(&stop), Arc::clone(&verified));
        async move {
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let id = format!("caller-{caller}-{round}");
                let reply = server.put(&id, &[("provider", "sms"), ("to", "42")]).await;
                assert_eq!(reply.status(), 200);
                let reply: Value = reply.json().await.unwrap();
                let (status, body) = server.check(&id, reply["data"]["otp"].as_str().unwrap()).await;
                assert_eq!(status, 200, "{body}");
                verified.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    // Uses whatever provider is there, which is gone a moment later.
    let nomad = {
        let (server, stop) = (Arc::clone(&server), Arc::clone(&stop));
        async move {
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let all = providers(&server).await;
                let any = all.as_array().unwrap().last().unwrap().as_str().unwrap();
                let reply = server.put(&format!("nomad-{round}"), &[("provider", any), ("to", "42")]).await;
                let status = reply.status();
                let reply: Value = reply.json().await.unwrap();
                assert!(status == 200 || reply["message"] == "Unknown provider.", "{status}: {reply}");
            }
        }
    };
    let callers: Vec<_> =
        (0..CALLERS).map(|caller| tokio::spawn(call(caller))).chain([tokio::spawn(nomad)]).collect();
    for reload_number in 0..RELOADS {
        let before = verified.load(Ordering::Relaxed);
        let name = format!("spare-{reload_number}");
        // The webhook's own timeout changes too: a provider is exchanged under the callers' feet.
        site.write(&format!("timeout = \"{}s\"\n{}", 3 + reload_number % 2, site.provider(&name)));
        if reload_number % 2 == 0 {
            let (status, told) = reload(&admin).await;
            assert_eq!((status, told.as_str()), (200, "taken up: providers, routes\n"));
        } else {
            assert!(Command::new("kill").args(["-HUP", &process]).status().unwrap().success());
        }
        eventually("the new provider", || async {
            let all = providers(&server).await;
            all.as_array().unwrap().iter().any(|one| one == name.as_str()).then_some(())
        })
        .await;
        eventually("callers to go on", || async {
            (verified.load(Ordering::Relaxed) > before + CALLERS).then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("every request was answered as it should be");
    }
}
