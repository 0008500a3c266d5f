//! Who the client is, behind proxies.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Receiver, Server};

/// A server whose log says who called.
fn serve(webhook: &str, more: &str) -> (TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("watchword.toml");
    let text = format!(
        "[store]\nurl = \"sqlite:{}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[namespaces.app]\nsecret = \"app-secret\"\n\
         [providers.sms]\nkind = \"webhook\"\nurl = \"{webhook}\"\n[log]\nlevel = \"info,watchword_http=debug\"\n{more}\n",
        folder.path().join("watchword.db").display()
    );
    fs::write(&config, text).unwrap();
    let server = Server::serve(&config, &[]);
    (folder, server)
}

/// Whom the log names for a call with this header.
async fn client_of(more: &str, forwarded_for: &str) -> String {
    let receiver = Receiver::answering().await;
    let (_folder, mut server) = serve(&receiver.url(), more);
    let call = server.call(reqwest::Method::GET, "/api/health").header("X-Forwarded-For", forwarded_for);
    assert_eq!(call.send().await.unwrap().status(), 200);
    server.process.wait_for_line("the answered call", |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["message"] == "answered").then(|| line["client"].as_str().unwrap().to_owned())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_counts_only_where_the_proxy_is_trusted() {
    let trusting = "[server]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]";
    assert_eq!(client_of("", "198.51.100.7").await, "127.0.0.1");
    assert_eq!(client_of(trusting, "203.0.113.5, 198.51.100.7, 10.0.0.2").await, "198.51.100.7");
}

/// Asks for a page with each of these headers, and gives what the log says to warn.
async fn warnings(more: &str, requests: &[&[(&str, &str)]]) -> Vec<Value> {
    let receiver = Receiver::answering().await;
    let (_folder, server) = serve(&receiver.url(), more);
    for headers in requests {
        let mut call = server.call(reqwest::Method::GET, "/otp/app/johns-id");
        for (name, value) in *headers {
            call = call.header(*name, *value);
        }
        assert_eq!(call.send().await.unwrap().status(), 200);
    }
    let (_, log) = server.terminate().await;
    let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["level"] == "WARN").collect()
}

const FOR_JOHN: (&str, &str) = ("X-Forwarded-For", "198.51.100.7");

#[tokio::test(flavor = "multi_thread")]
async fn a_near_proxy_that_nobody_named_is_told_of_once() {
    let requests = [&[][..], &[FOR_JOHN], &[("Forwarded", "for=198.51.100.8")], &[FOR_JOHN]];
    let warned = warnings("", &requests).await;
    let [warning] = &warned[..] else { panic!("{warned:#?}") };
    assert_eq!(warning["proxy"], "127.0.0.1");
    let message = warning["message"].as_str().unwrap();
    assert!(message.ends_with("name it in server.trusted_proxies"), "{message}");

    let trusting = "[server]\ntrusted_proxies = [\"127.0.0.1\"]";
    assert_eq!(warnings(trusting, &requests).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_that_contradicts_itself_is_told_of_once() {
    let trusting = "[server]\ntrusted_proxies = [\"127.0.0.1\"]";
    let agreed = [FOR_JOHN, ("Forwarded", "for=198.51.100.7")];
    let disputed = [FOR_JOHN, ("Forwarded", "for=203.0.113.5")];
    let warned = warnings(trusting, &[&agreed, &disputed, &disputed]).await;
    let [warning] = &warned[..] else { panic!("{warned:#?}") };
    assert_eq!(warning["proxy"], "127.0.0.1");
    assert!(warning["message"].as_str().unwrap().contains("neither is believed"), "{warning:#}");
}
