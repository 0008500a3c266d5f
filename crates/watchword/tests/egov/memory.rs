//! What the program holds in memory while it works.

use std::fs;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::records::{broker, wait_for};
use crate::site::{CREATE, SEND, Server, Site, VALIDATE, asking};

const CALLERS: usize = 16;
const ROUNDS: usize = 100;

/// A line of the process's status, in KiB.
fn kib(server: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Sends, makes and validates codes; numbers begin with a round's own digit.
async fn load(server: &Server, digit: usize) {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, origin) = server.caller();
        callers.spawn(async move {
            let post = async |path: &str, body: Value| {
                let reply = client.post(format!("{origin}{path}")).json(&body).send().await.unwrap();
                (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
            };
            for round in 0..ROUNDS {
                let number = format!("9{digit}{:08}", caller * ROUNDS + round);
                assert_eq!(post(SEND, asking("register", &number)).await.0, 201);
                let identity = serde_json::json!({ "otp": { "identity": number, "tenantId": "pb" } });
                let (status, token) = post(CREATE, identity).await;
                assert_eq!(status, 201);
                assert_eq!(post(VALIDATE, token).await.0, 200);
            }
        });
    }
    callers.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_what_was_sent() {
    const TOPIC: &str = "memory";
    let broker = tokio::task::block_in_place(broker);
    broker.create(TOPIC);
    let mut site = Site::alone();
    site.set("SPRING_KAFKA_BOOTSTRAP_SERVERS", &broker.url());
    site.set("SMS_TOPIC", TOPIC);
    let server = site.serve();
    load(&server, 0).await;
    wait_for(&broker, TOPIC, CALLERS * ROUNDS).await;
    let first = kib(&server, "VmRSS:");
    load(&server, 1).await;
    wait_for(&broker, TOPIC, 2 * CALLERS * ROUNDS).await;
    let (second, peak) = (kib(&server, "VmRSS:"), kib(&server, "VmHWM:"));
    let anonymous = kib(&server, "RssAnon:");
    println!(
        "resident: {first} KiB, then {second} KiB, of which {anonymous} KiB are no file's; at most {peak} KiB"
    );
    assert!(second < first + 8 * 1_024, "{first} KiB, then {second} KiB");
    server.stop();
}
