//! `watchword serve` with a configuration file.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Receiver, Server, client};

/// A folder with a configuration.
struct Site {
    folder: TempDir,
    config: PathBuf,
}

impl Site {
    fn new(webhook: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("watchword.toml");
        let store = folder.path().join("data/watchword.db");
        let text = format!(
            "[store]\nurl = \"sqlite:{}\"\n\
             [namespaces.app]\nsecret = \"app-secret\"\n\
             [providers.sms]\nkind = \"webhook\"\nurl = \"{webhook}\"\nchannel_name = \"SMS\"\nmax_otp_len = 8\n\
             {more}\n",
            store.display()
        );
        fs::write(&config, text).unwrap();
        Self { folder, config }
    }

    fn serve(&self, environment: &[(&str, &str)]) -> Server {
        let free = [("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0")];
        Server::serve(&self.config, &[&free, environment].concat())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_to_the_webhook_as_configured() {
    let receiver = Receiver::answering().await;
    let more = "[server]\nroot_url = \"https://otp.example.com/\"\n[otp]\nttl = \"2m\"\nmax_attempts = 9\nmax_generate = 7\n\
        [routes.phone]\nproviders = [\"sms\"]";
    let site = Site::new(&receiver.url(), more);
    let server = site.serve(&[]);
    let reply = server.put("johns-id", &[("provider", "phone"), ("to", "+77011234567")]).await;
    assert_eq!(reply.status(), 200);
    let reply: Value = reply.json().await.unwrap();
    let code = reply["data"]["otp"].as_str().unwrap();
    assert_eq!((code.len(), &reply["data"]["ttl"]), (8, &json!(120)));
    assert_eq!((&reply["data"]["max_attempts"], &reply["data"]["max_generate"]), (&json!(9), &json!(7)));
    assert_eq!(reply["data"]["url"], "https://otp.example.com/otp/app/johns-id");

    let (headers, message) = receiver.next().await;
    assert_eq!(headers["user-agent"], "otpgateway");
    assert_eq!((&message["otp"]["otp"], &message["otp"]["to"]), (&json!(code), &json!("+77011234567")));
    assert_eq!(server.check("johns-id", code).await.0, 200);

    let providers: Value =
        server.call(reqwest::Method::GET, "/api/providers").send().await.unwrap().json().await.unwrap();
    assert_eq!(providers["data"], json!(["phone", "sms"]));
    assert!(site.folder.path().join("data/watchword.key").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_health_readiness_and_what_happened() {
    let receiver = Receiver::answering().await;
    let site = Site::new(&receiver.url(), "");
    let mut server = site.serve(&[]);
    server.put("johns-id", &[("provider", "sms"), ("to", "42")]).await;
    let code = receiver.next().await.1["otp"]["otp"].as_str().unwrap().to_owned();
    server.check("johns-id", &code).await;
    server.put("janes-id", &[("provider", "sms")]).await;
    let admin = server.admin();
    let get = async |path: &str| {
        let reply = client().get(format!("{admin}{path}")).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    assert_eq!(get("/health").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/ready").await, (200, "ready\n".to_owned()));
    let (_, metrics) = get("/metrics").await;
    for line in [
        "watchword_requests_total{dialect=\"otpgateway\",call=\"start\",outcome=\"ok\"} 2",
        "watchword_requests_total{dialect=\"otpgateway\",call=\"check\",outcome=\"ok\"} 1",
        "watchword_checks_total{result=\"approved\"} 1",
        "watchword_delivery_attempts_total{provider=\"sms\",outcome=\"accepted\"} 1",
        "watchword_deliveries_total{state=\"accepted\"} 1",
        "watchword_breaker_open{provider=\"sms\"} 0",
        "watchword_verifications 1",
        "watchword_outbox_depth 0",
        "# EOF",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    let here = client().get(format!("{}/metrics", server.origin)).send().await.unwrap();
    assert_eq!(here.status(), 404, "what operators see is not for clients");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_usual_admin_port_that_is_taken_costs_a_warning_only() {
    // Whoever has it, it is taken while this test runs.
    let _taken = TcpListener::bind("127.0.0.1:9001");
    let receiver = Receiver::answering().await;
    let site = Site::new(&receiver.url(), "");
    let server = Server::serve(&site.config, &[]);
    let reply = server.put("johns-id", &[("provider", "sms"), ("to", "42")]).await;
    assert_eq!(reply.status(), 200);
    let (status, lines) = server.terminate().await;
    assert_eq!(status.code(), Some(0));
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warnings: Vec<_> = lines.iter().filter(|line| line["level"] == "WARN").collect();
    let [warning] = &warnings[..] else { panic!("{lines:#?}") };
    let text = warning["message"].as_str().unwrap();
    assert!(text.starts_with("no admin listener") && text.contains("127.0.0.1:9001 is in use"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_from_the_environment_are_used_and_rotated() {
    let receiver = Receiver::answering().await;
    let site = Site::new(&receiver.url(), "");
    let (old, new) = ("11".repeat(32), "22".repeat(32));
    let server = site.serve(&[("WATCHWORD_KEY", &old)]);
    server.put("johns-id", &[("provider", "sms"), ("to", "42")]).await;
    let code = receiver.next().await.1["otp"]["otp"].as_str().unwrap().to_owned();
    server.terminate().await;
    let server = site.serve(&[("WATCHWORD_KEY", &format!("{new},{old}"))]);
    assert_eq!(server.check("johns-id", &code).await.0, 200);
    assert!(!site.folder.path().join("data/watchword.key").exists());
}
