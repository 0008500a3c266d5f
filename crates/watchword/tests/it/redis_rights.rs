//! What the user of otpgateway's Redis must be allowed, and no more.

use serde_json::Value;

use crate::support::{Receiver, RedisSite};

const APP: (&str, &str) = ("app", "app-secret");

/// As on the page about moving over from otpgateway.
const RIGHTS: [&str; 8] =
    ["~OTP:*", "+@connection", "+@read", "+@write", "+eval", "+evalsha", "+time", "+info"];

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_the_handbook_names_are_enough() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migrate/otpgateway.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(&RIGHTS.join(" ")), "the page names other rights");
    let receiver = Receiver::answering().await;
    let site = RedisSite::new(&receiver.url(), &[APP]);
    let only = [&["ACL", "SETUSER", "default", "reset", "on", "nopass"][..], &RIGHTS].concat();
    assert_eq!(site.redis.command(&only).trim(), "OK");
    for _ in 0..2 {
        let server = site.serve(APP);
        let reply = server.put("code-one", &[("provider", "sms"), ("to", "42")]).await;
        assert_eq!(reply.status(), 200);
        let reply: Value = reply.json().await.unwrap();
        let code = reply["data"]["otp"].as_str().unwrap();
        assert_eq!(server.check("code-one", "wrong!").await.0, 400);
        assert_eq!(server.check("code-one", code).await.0, 200);
        let (status, log) = server.terminate().await;
        assert_eq!(status.code(), Some(0), "{log:#?}");
        assert!(!log.iter().any(|line| line.contains("NOPERM")), "{log:#?}");
    }
}
