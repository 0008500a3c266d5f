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
