//! Otpgateway's whole HTTP flow with its own configuration, on a real Redis; what goes over the wire for it, and what is left.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Receiver, RedisSite, Server, client};

const SHOP: (&str, &str) = ("shop", "shop-secret");

async fn read(reply: Response) -> (u16, Value) {
    (reply.status().as_u16(), reply.json().await.unwrap())
}

async fn status(server: &Server, method: Method, id: &str) -> (u16, Value) {
    read(server.call(method, &format!("/api/otp/{id}/status")).send().await.unwrap()).await
}

/// A person's browser: no credentials.
async fn page(server: &Server, path: &str, form: Option<&[(&str, &str)]>) -> String {
    let url = format!("{}{path}", server.origin);
    let request = form.map_or_else(|| client().get(&url), |form| client().post(&url).form(form));
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), 200, "{path}");
    reply.text().await.unwrap()
}

fn error(message: &str) -> Value {
    json!({ "status": "error", "message": message })
}

/// The OTP, as replies give it.
fn otp(attempts: u32, closed: bool, code: &str, ttl: &Value) -> Value {
    json!({
        "namespace": "shop", "id": "johns-id", "to": "9845012345", "channel_description": "", "address_description": "",
        "extra": { "order": 1.0 }, "provider": "sms", "otp": code, "max_attempts": 5, "attempts": attempts, "generate": 1,
        "max_generate": 3, "closed": closed, "ttl": ttl,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_for_entered_on_the_page_asked_about_and_deleted() {
    let receiver = Receiver::answering().await;
    let site = RedisSite::new(&receiver.url(), &[SHOP]);
    let server = site.serve(SHOP);
    let ask = [("provider", "sms"), ("to", "9845012345"), ("extra", "{\"order\": 1.0}")];
    let (put, reply) = read(server.put("johns-id", &ask).await).await;
    let code = reply["data"]["otp"].as_str().unwrap().to_owned();
    let mut expected = otp(1, false, &code, &json!(300));
    expected["url"] = json!("http://otp.example/otp/shop/johns-id");
    assert_eq!((put, reply), (200, json!({ "status": "success", "data": expected })));
    let (headers, message) = receiver.next().await;
    assert_eq!(headers["user-agent"], "otpgateway");
    assert_eq!(message["otp"]["otp"], code);

    // The link of the message opens the page, and does no more.
    let path = "/otp/shop/johns-id";
    let opened = page(&server, &format!("{path}?otp={code}&action=check"), None).await;
    assert!(
        opened.contains("<h1>Verify SMS</h1>") && opened.contains(&format!("value=\"{code}\"")),
        "{opened}"
    );
    assert_eq!(
        page(&server, &format!("{path}/status"), None).await,
        r#"{"status":"success","data":{"closed":false}}"#
    );
    assert_eq!(status(&server, Method::POST, "johns-id").await, (400, error("OTP not verified.")));
    let wrong = page(&server, path, Some(&[("otp", "nope"), ("action", "check")])).await;
    assert!(wrong.contains("Incorrect OTP") && wrong.contains("2 / 5 attempts"), "{wrong}");
    let right = page(&server, path, Some(&[("otp", &code), ("action", "check")])).await;
    assert!(right.contains("<h1>SMS verified</h1>"), "{right}");
    assert_eq!(
        page(&server, &format!("{path}/status"), None).await,
        r#"{"status":"success","data":{"closed":true}}"#
    );

    for method in [Method::POST, Method::DELETE] {
        let (answer, reply) = status(&server, method, "johns-id").await;
        let ttl = reply["data"]["ttl"].clone();
        assert!((290..=300).contains(&ttl.as_u64().unwrap()), "{ttl}");
        let expected = json!({ "status": "success", "data": otp(3, true, &code, &ttl) });
        assert_eq!((answer, reply), (200, expected));
    }
    assert_eq!(status(&server, Method::POST, "johns-id").await, (400, error("the OTP does not exist")));
    assert!(page(&server, path, None).await.contains("<h1>Session expired</h1>"));

    // Over the API alone: a right check closes and deletes.
    let (_, reply) = read(server.put("johns-id", &ask).await).await;
    let code = reply["data"]["otp"].as_str().unwrap().to_owned();
    let (answer, reply) = server.check("johns-id", "nope").await;
    let mut refused = error("Incorrect OTP");
    refused["data"] = otp(2, false, "", &reply["data"]["ttl"]);
    assert_eq!((answer, &reply), (400, &refused));
    let (answer, reply) = server.check("johns-id", &code).await;
    let expected = json!({ "status": "success", "data": otp(3, true, &code, &reply["data"]["ttl"]) });
    assert_eq!((answer, &reply), (200, &expected));
    assert_eq!(server.check("johns-id", &code).await, (400, error("the OTP does not exist")));

    only_keys_outlive_their_time(&site);
}

/// Each key of ours begins as configured, and has a time to live but for the keys' own records.
fn only_keys_outlive_their_time(site: &RedisSite) {
    let script = "local told = {} \
        for _, key in ipairs(redis.call('KEYS', '*')) do \
            told[#told + 1] = redis.call('PTTL', key) .. ' ' .. (key:match('^OTP:{p%d+}:%a+') or 'foreign ' .. key) \
        end \
        return told";
    for line in site.redis.command(&["EVAL", script, "0"]).lines().filter(|line| !line.is_empty()) {
        let (ttl, name) = line.split_once(' ').unwrap();
        assert!(name.starts_with("OTP:{p"), "{line}");
        assert!(name.ends_with(":keys") || ttl.parse::<i64>().unwrap() > 0, "{line}");
    }
}

/// Asks for a code and checks it.
async fn verify(server: &Server, id: &str) {
    let (answer, reply) = read(server.put(id, &[("provider", "sms"), ("to", id)]).await).await;
    assert_eq!(answer, 200, "{reply}");
    assert_eq!(server.check(id, reply["data"]["otp"].as_str().unwrap()).await.0, 200);
}

/// The script that a command runs: nothing else is sent.
fn script(command: &str) -> &str {
    let mut words = command.split('"').skip(1).step_by(2);
    assert_eq!(words.next(), Some("EVALSHA"), "{command}");
    words.next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_is_one_script_to_start_and_one_to_check_and_nothing_but_scripts_is_sent() {
    const COUNT: usize = 20;
    let receiver = Receiver::answering().await;
    let site = RedisSite::new(&receiver.url(), &[SHOP]);
    let server = site.serve(SHOP);
    // The first time the server learns the scripts.
    verify(&server, "warm-up").await;
    let monitor = site.redis.monitor();
    for number in 0..COUNT {
        verify(&server, &format!("person-{number}")).await;
    }
    server.terminate().await;
    let commands = monitor.end();
    let mut counts = BTreeMap::<_, usize>::new();
    commands.iter().for_each(|command| *counts.entry(script(command)).or_default() += 1);
    let named: Vec<_> = commands.iter().filter(|command| command.contains("person-")).collect();
    let scripts: BTreeSet<_> = named.iter().map(|command| script(command)).collect();
    assert_eq!((named.len(), scripts.len()), (2 * COUNT, 2), "a start and a check each: {counts:#?}");
    assert!(scripts.iter().all(|script| counts[script] == COUNT), "{counts:#?}");
    // The rest names nobody: settlements, and once a second a look-out for work.
    assert!(commands.len() > 2 * COUNT, "{counts:#?}");
}
