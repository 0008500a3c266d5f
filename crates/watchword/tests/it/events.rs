//! What Redis publishes of checks, where the configuration has a `publish_key`.

use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use watchword_testkit::process::Process;
use watchword_testkit::redis::{Keeping, Server as Redis};

use crate::support::{Receiver, Server};

const SHIPPED: &str = include_str!("fixtures/otpgateway.toml");

const CHANNEL: &str = "otp events";

/// `joh"n/é\ 1` with a line separator, in a path.
const PATH: &str = "joh%22n%2F%C3%A9%5C%E2%80%A81";
const ID: &str = "joh\"n/é\\\u{2028}1";

/// The wire contract compacts it, and keeps it otherwise.
const EXTRA: &str = "{ \"z\": 1.0, \"a\": 1e5,\n\"a\": \"\\/ \\u2028 \u{2028} \\\" %1\" }";
const COMPACT: &str = "{\"z\":1.0,\"a\":1e5,\"a\":\"\\/ \\u2028 \u{2028} \\\" %1\"}";

/// Somebody who subscribed.
struct Listener {
    process: Process,
    redis: Redis,
    heard: usize,
}

impl Listener {
    fn of(redis: Redis) -> Self {
        let port = redis.port.to_string();
        let mut process = Process::start(Path::new("redis-cli"), ["-p", &port, "SUBSCRIBE", CHANNEL], &[]);
        process.wait_for_line("the word that it is subscribed", |line| (line == CHANNEL).then_some(()));
        Self { process, redis, heard: 0 }
    }

    /// What came since it was last asked.
    fn new_ones(&mut self) -> Vec<String> {
        let end = format!("that is all up to {}", self.heard);
        self.redis.command(&["PUBLISH", CHANNEL, &end]);
        self.process.wait_for_line("the end", |line| (line == end).then_some(()));
        let lines = self.process.output();
        let said = lines.windows(3).filter(|lines| lines[..2] == ["message", CHANNEL]);
        let all: Vec<String> = said.map(|lines| lines[2].clone()).collect();
        let new = all[self.heard..all.len() - 1].to_vec();
        self.heard = all.len();
        new
    }
}

/// `data` of a reply as it stands there, and as an event has it: without the code, and as `closed` as it was before.
fn told(reply: &str) -> String {
    let (_, data) = reply.split_once("\"data\":").unwrap();
    let value: Value = serde_json::from_str(reply).unwrap();
    let code = format!("\"otp\":{}", value["data"]["otp"]);
    let data = data.replace(&code, "\"otp\":\"\"").replace("\"closed\":true", "\"closed\":false");
    let id = serde_json::to_string(ID).unwrap();
    let data = data.strip_suffix('}').unwrap();
    format!("{{\"type\":\"check\",\"namespace\":\"Shop\",\"id\":{id},\"data\":{data}}}")
}

/// A second may pass between a reply and its event.
fn without_ttl(text: &str) -> String {
    let Some((before, ttl)) = text.rsplit_once("\"ttl\":") else { return text.to_owned() };
    let left: u32 = ttl.trim_end_matches('}').parse().unwrap();
    assert!((200..=300).contains(&left), "{text}");
    format!("{before}\"ttl\":…}}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_are_told_of_every_check_and_resend_in_the_words_of_the_replies() {
    let redis = Redis::start(Keeping::Nothing);
    let port = redis.port.to_string();
    let mut listener = Listener::of(redis);
    let receiver = Receiver::answering().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, SHIPPED.replace("publish_key = \"\"", &format!("publish_key = \"{CHANNEL}\"")))
        .unwrap();
    let environment = [
        ("WATCHWORD_KEY", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0"),
        ("WATCHWORD_PAGES__RESEND_COOL_DOWN", "0s"),
        ("OTP_GATEWAY_APP__ADDRESS", "127.0.0.1:0"),
        ("OTP_GATEWAY_STORE__REDIS__HOST", "127.0.0.1"),
        ("OTP_GATEWAY_STORE__REDIS__PORT", &port),
        ("OTP_GATEWAY_WEBHOOKS__TELEPHONE__ENABLED", "true"),
        ("OTP_GATEWAY_WEBHOOKS__TELEPHONE__URL", &receiver.url()),
    ];
    let server = Server::as_otpgateway(&config, ("Shop", "shop-secret"), &environment);
    let put = [
        ("provider", "telephone"),
        ("to", "<\"98450\"/\u{2028}12345>"),
        ("otp", "123456"),
        ("channel_description", "It's \"on\" its way \\ & soon/now"),
        ("address_description", "电话 😀"),
        ("extra", EXTRA),
    ];
    let reply = server.put(PATH, &put).await;
    assert_eq!(reply.status(), 200);
    assert!(reply.text().await.unwrap().contains(&format!("\"extra\":{COMPACT},")));
    let check = async |form: &[(&str, &str)]| {
        let call = server.call(Method::POST, &format!("/api/otp/{PATH}")).form(form);
        let reply = call.send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    let page = async |form: &[(&str, &str)]| {
        let call = server.call(Method::POST, &format!("/otp/Shop/{PATH}")).form(form);
        let reply = call.send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    assert_eq!(
        server.call(Method::POST, &format!("/api/otp/{PATH}/status")).send().await.unwrap().status(),
        400
    );
    assert_eq!(listener.new_ones(), Vec::<String>::new(), "neither a PUT nor a status is told");

    let (status, wrong) = check(&[("otp", "654321")]).await;
    assert_eq!(status, 400);
    let told_of_wrong = told(&wrong);
    assert!(told_of_wrong.contains(COMPACT) && told_of_wrong.contains("\"attempts\":2,\"generate\":1,"));
    let [event] = &listener.new_ones()[..] else { panic!() };
    assert_eq!(without_ttl(event), without_ttl(&told_of_wrong));

    let counted = |attempts: u32, generate: u32, closed: bool| {
        without_ttl(&told_of_wrong)
            .replace(
                "\"attempts\":2,\"generate\":1,",
                &format!("\"attempts\":{attempts},\"generate\":{generate},"),
            )
            .replace("\"closed\":false", &format!("\"closed\":{closed}"))
    };
    let close = format!(
        "{{\"type\":\"close\",\"namespace\":\"Shop\",\"id\":{},\"data\":null}}",
        serde_json::to_string(ID).unwrap()
    );
    let heard = |listener: &mut Listener| -> Vec<String> {
        listener.new_ones().iter().map(|event| without_ttl(event)).collect()
    };
    assert!(page(&[("action", "resend")]).await.1.contains("OTP resent"));
    assert!(page(&[("otp", "654321"), ("action", "check")]).await.1.contains("Incorrect OTP"));
    assert_eq!(heard(&mut listener), [counted(2, 2, false), counted(3, 2, false)]);

    let (status, right) = check(&[("otp", "123456"), ("skip_delete", "true")]).await;
    assert_eq!(
        (status, json!(true)),
        (200, serde_json::from_str::<Value>(&right).unwrap()["data"]["closed"].clone())
    );
    assert_eq!(without_ttl(&told(&right)), counted(4, 2, false));
    assert_eq!(heard(&mut listener), [counted(4, 2, false), close.clone()]);

    // Closed is not gone: on the page it is right again, and then it is locked.
    assert!(page(&[("otp", "123456"), ("action", "check")]).await.1.contains("verified"));
    assert_eq!(check(&[("otp", "123456")]).await.0, 429);
    assert_eq!(heard(&mut listener), [counted(5, 2, true), close, counted(6, 2, true)]);

    let missing = server.check("nobody-here", "123456").await;
    assert_eq!(missing.0, 400);
    assert_eq!(listener.new_ones(), Vec::<String>::new());
    let (_, log) = server.terminate().await;
    assert!(!log.iter().any(|line| line.contains("123456")), "no passcode is logged");
}
