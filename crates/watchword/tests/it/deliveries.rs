//! `watchword deliveries`: what happened to messages, beside a running server and after it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use watchword::clock::SystemClock;
use watchword_core::delivery::{Claimant, NodeId, Verdict};
use watchword_core::namespace::Partition;
use watchword_core::ports::{ClaimDue, Clock as _, Settlement, Store as _};
use watchword_store::{SqliteOptions, SqliteStore};
use watchword_testkit::deadline::within;

use crate::support::{Receiver, Site};

/// A webhook that answers every message so.
async fn answers(status: u16, body: &'static str) -> (String, mpsc::UnboundedReceiver<Value>) {
    let (sender, came) = mpsc::unbounded_channel();
    let take = move |message: Bytes| async move {
        sender.send(serde_json::from_slice(&message).unwrap()).unwrap();
        (StatusCode::from_u16(status).unwrap(), body)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/hook", post(take))).await.unwrap() },
    );
    (url, came)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_failed_route_names_each_provider_and_what_it_said() {
    let (first, mut at_first) = answers(500, "out of order").await;
    let (second, mut at_second) = answers(422, "what number is that?").await;
    let site = Site::with(&format!(
        "[providers.first]\nkind = \"webhook\"\nurl = \"{first}\"\nmax_otp_len = 8\n\
         [providers.second]\nkind = \"webhook\"\nurl = \"{second}\"\nmax_otp_len = 8\n\
         [routes.phone]\nproviders = [\"first\", \"second\"]\n"
    ));
    let server = site.serve(&[]);
    let reply = server.put("johns-id", &[("provider", "phone"), ("to", "+77011234567")]).await;
    assert_eq!(reply.status(), 500);
    let code = at_first.recv().await.unwrap()["otp"]["otp"].as_str().unwrap().to_owned();
    assert_eq!(at_second.recv().await.unwrap()["otp"]["otp"], code.as_str());
    // What came of it is recorded when it has gone.
    server.terminate().await;

    let list = site.json(&["deliveries", "list", "--json"]);
    let [delivery] = &list.as_array().unwrap()[..] else { panic!("{list:#}") };
    let told: Vec<_> = delivery["attempts"].as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 2, "{delivery:#}");
    assert_eq!((&told[0]["provider"], &told[0]["outcome"]), (&json!("first"), &json!("transient")));
    assert_eq!(told[1]["provider"], "second");
    for (key, expected) in [
        ("state", json!("failed")),
        ("namespace", json!("app")),
        ("route", json!("phone")),
        ("to", json!("+7…67")),
        ("due_at", Value::Null),
        ("leased_until", Value::Null),
        ("claims", json!(1)),
    ] {
        assert_eq!(delivery[key], expected, "{key} of {delivery:#}");
    }
    assert!(delivery["ended_at"].as_str().unwrap().ends_with('Z'));

    let id = delivery["id"].as_str().unwrap();
    let story = site.says(&["deliveries", "show", id]);
    let lines: Vec<&str> = story.lines().collect();
    assert_eq!(lines[0], format!("Message {id}"));
    for (line, start) in
        lines[2..8].iter().zip(["Namespace     app", "To            +7…67", "Route         phone"])
    {
        assert_eq!(*line, start);
    }
    assert!(lines[6].starts_with("Created       20") && lines[6].ends_with(')'), "{story}");
    assert!(lines[7].starts_with("Expires       20") && lines[7].contains("(in "), "{story}");
    let words = |line: &str| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    assert_eq!(words(lines[9]), "PROVIDER ANSWER DETAIL", "{story}");
    assert!(words(lines[10]).starts_with("first failed for now ") && lines[10].contains("500"), "{story}");
    assert!(words(lines[11]).starts_with("second refused ") && lines[11].contains("422"), "{story}");
    assert!(lines[13].starts_with("Failed 20"), "{story}");
    assert!(
        lines[13].ends_with("no provider would take it. The application has to ask for a new code."),
        "{story}"
    );

    let table = site.says(&["deliveries", "list"]);
    assert!(table.starts_with("ID ") && table.contains(id) && table.contains(" failed "), "{table}");
    let record = site.says(&["deliveries", "show", id, "--json"]);
    assert_eq!(&serde_json::from_str::<Value>(&record).unwrap(), delivery);
    for output in [&story, &table, &record, &list.to_string()] {
        assert!(!output.contains(&code) && !output.contains("77011234567"), "{output}");
    }
    let line = site.refuses(1, &["deliveries", "retry", id]);
    assert_eq!(
        line,
        format!(
            "message {id} ended (failed) and was erased then, so it can't be sent again: the application has to ask for a new code"
        )
    );
}

/// As a process leaves it that was killed: one message, that waits for an hour by now.
async fn one_that_waits(site: &Site, receiver: &Receiver) -> (String, String) {
    let mut server = site.serve(&[]);
    let put = server.put("johns-id", &[("provider", "sms"), ("to", "+77011234567"), ("ttl", "7200")]);
    let code = tokio::select! {
        reply = put => panic!("nobody has answered the server: {reply:?}"),
        (_, message) = receiver.next() => message["otp"]["otp"].as_str().unwrap().to_owned(),
    };
    server.process.kill();
    let now = SystemClock::new().now();
    let store = SqliteStore::open(site.store(), SqliteOptions::default()).unwrap();
    let node = NodeId::new("test").unwrap();
    let claimant = Claimant { node, lease_until: now.after(Duration::from_secs(60)) };
    let claim = ClaimDue { partition: Partition::new(0), now, claimant, max: 1 };
    let delivery = store.claim(claim).await.unwrap().claims.remove(0).delivery;
    let settlement = Settlement {
        namespace: delivery.namespace,
        id: delivery.id,
        fence: delivery.fence,
        verdict: Verdict::Retry { at: now.after(Duration::from_secs(3_600)) },
        attempts: Vec::new(),
    };
    store.settle(now, vec![settlement]).await.unwrap();
    store.close().await;
    (delivery.id.to_string(), code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_goes_out_when_it_is_told_to() {
    let receiver = Receiver::holding().await;
    let site = Site::with_webhook(&receiver.url(), "");
    let (id, code) = one_that_waits(&site, &receiver).await;
    let story = site.says(&["deliveries", "show", &id]);
    let waits = story.lines().last().unwrap();
    assert!(waits.starts_with("It waits: next try 20"), "{story}");
    assert!(waits.ends_with(&format!("`watchword deliveries retry {id}` sends it now.")), "{story}");
    assert_eq!(site.json(&["deliveries", "list", "--state", "due", "--json"])[0]["id"], id.as_str());

    let server = site.serve(&[]);
    // The whole id, or as much as there is no other of.
    let said = site.says(&["deliveries", "retry", &id[..13]]);
    assert!(said.starts_with(&format!("Message {id} is due now: ")), "{said}");
    let (headers, message) = receiver.next().await;
    assert_eq!(message["otp"]["otp"], code.as_str());
    assert_eq!(headers["idempotency-key"], id.as_str());
    let line = site.refuses(1, &["deliveries", "retry", &id]);
    assert!(line.starts_with(&format!("message {id} is being sent right now")), "{line}");
    let story = site.says(&["deliveries", "show", &id]);
    assert!(story.contains(" is sending it, and has it until 20"), "{story}");

    receiver.answer(1);
    let taken = async {
        loop {
            let delivery = site.json(&["deliveries", "show", &id, "--json"]);
            if delivery["state"] != "claimed" {
                return delivery;
            }
        }
    };
    let delivery = within("the record of what came of it", taken).await;
    assert_eq!((&delivery["state"], &delivery["claims"]), (&json!("accepted"), &json!(3)), "{delivery:#}");
    assert_eq!(delivery["attempts"][0]["outcome"], "accepted");
    assert_eq!(server.check("johns-id", &code).await.0, 200);
    let line = site.refuses(1, &["deliveries", "retry", &id]);
    assert!(line.contains(" ended (accepted) and was erased then"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_as_long_and_as_narrow_as_asked_for() {
    let receiver = Arc::new(Receiver::answering().await);
    let site = Site::with_webhook(&receiver.url(), "[namespaces.other]\nsecret = \"other-secret\"");
    let server = site.serve(&[]);
    assert_eq!(site.says(&["deliveries", "list"]), "There are no such messages.\n");
    for id in ["john-1", "john-2", "john-3"] {
        let reply = server.put(id, &[("provider", "sms"), ("to", "+77011234567")]).await;
        assert_eq!(reply.status(), 200);
    }
    let ids = |arguments: &[&str]| {
        let list = site.json(&[&["deliveries", "list", "--json"], arguments].concat());
        let ids = list.as_array().unwrap().iter().map(|delivery| delivery["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let all = ids(&[]);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 3);
    assert!(all.is_sorted_by(|one, other| one > other), "the newest first: {all:?}");
    assert_eq!(ids(&["--limit", "2"]), all[..2]);
    assert_eq!(ids(&["--before", &all[1]]), all[2..]);
    assert_eq!(ids(&["--namespace", "app", "--since", "1h"]), all);
    assert_eq!(ids(&["--namespace", "other"]), [""; 0]);
    assert_eq!(ids(&["--since", "0s"]), [""; 0]);
    assert_eq!(ids(&["--state", "failed"]), [""; 0]);
    let table = site.says(&["deliveries", "list", "--limit", "1"]);
    assert!(table.ends_with(&format!("\n\nThere may be older ones: --before {}\n", all[0])), "{table}");

    let common = all[0].bytes().zip(all[2].bytes()).take_while(|(one, other)| one == other).count();
    let common = &all[0][..common];
    let line = site.refuses(1, &["deliveries", "show", common]);
    assert_eq!(line, format!("more than one message's id begins with {common}: give more of it"));
    let line = site.refuses(1, &["deliveries", "show", "00000000"]);
    assert_eq!(line, "there is no message 00000000: it never was, or its record is not kept any more");
    let run = site.run(&["deliveries", "show", "johns-id"]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("an id is 32 digits from 0 to f"), "{}", run.err);
}

#[test]
fn without_a_store_there_is_nothing_to_tell() {
    let site = Site::with_webhook("http://127.0.0.1:1/hook", "");
    let line = site.refuses(1, &["deliveries", "list"]);
    assert_eq!(
        line,
        format!(
            "there is no store at {}: name the server's configuration with --config, or start the server once",
            site.store().display()
        )
    );
    assert!(!site.folder.path().join("data").exists(), "nothing was made");
}
