//! How a server ends.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use watchword_testkit::deadline::eventually;

use crate::support::{Receiver, Server, client};

async fn server_with(receiver: &Receiver, folder: &std::path::Path) -> Server {
    let config = folder.join("watchword.toml");
    let store = folder.join("watchword.db");
    let text = format!(
        "[server]\ntimeout = \"20s\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"sqlite:{}\"\n\
         [namespaces.app]\nsecret = \"app-secret\"\n\
         [providers.sms]\nkind = \"webhook\"\nurl = \"{}\"\ntimeout = \"15s\"\n",
        store.display(),
        receiver.url()
    );
    fs::write(&config, text).unwrap();
    Server::serve(&config, &[])
}

fn signal(server: &Server, name: &str) {
    let sent = Command::new("kill").args([name, &server.process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until nobody is let in any more.
async fn refuses_connections(server: &Server) {
    let address = server.origin.strip_prefix("http://").unwrap();
    eventually("the listener to be closed", || async {
        tokio::net::TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_are_answered_before_it_ends() {
    let (receiver, folder) = (Receiver::holding().await, tempfile::tempdir().unwrap());
    let mut server = server_with(&receiver, folder.path()).await;
    let admin = server.admin();
    let server = Arc::new(server);
    let asking = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.put("johns-id", &[("provider", "sms"), ("to", "42")]).await.status() }
    });
    let code = receiver.next().await.1["otp"]["otp"].as_str().unwrap().to_owned();
    signal(&server, "-TERM");
    refuses_connections(&server).await;
    let ready = client().get(format!("{admin}/ready")).send().await.unwrap();
    assert_eq!((ready.status().as_u16(), ready.text().await.unwrap()), (503, "draining\n".to_owned()));
    receiver.answer(1);
    assert_eq!(asking.await.unwrap(), 200);
    let mut server = Arc::into_inner(server).unwrap();
    let status = tokio::task::spawn_blocking(move || server.process.wait_for_end()).await.unwrap();
    assert_eq!(status.code(), Some(0));

    // The message is settled: the next one has nothing to send, and the code is good.
    let server = server_with(&receiver, folder.path()).await;
    assert_eq!(server.check("johns-id", &code).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let (receiver, folder) = (Receiver::holding().await, tempfile::tempdir().unwrap());
    let server = Arc::new(server_with(&receiver, folder.path()).await);
    let asking = tokio::spawn({
        let server = Arc::clone(&server);
        async move {
            server
                .call(reqwest::Method::PUT, "/api/otp/johns-id")
                .form(&[("provider", "sms"), ("to", "42")])
                .send()
                .await
        }
    });
    receiver.next().await;
    signal(&server, "-INT");
    refuses_connections(&server).await;
    signal(&server, "-INT");
    assert!(asking.await.unwrap().is_err(), "nobody answers any more");
    let mut server = Arc::into_inner(server).unwrap();
    let status = tokio::task::spawn_blocking(move || server.process.wait_for_end()).await.unwrap();
    assert_eq!(status.code(), Some(1));
}
