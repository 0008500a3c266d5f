//! Redis is away: stopped, so that nothing is answered, or killed, so that nobody is there.

use futures::future::join_all;
use reqwest::Method;
use watchword_testkit::deadline::eventually;
use watchword_testkit::redis::Keeping;

use crate::nodes::{Node, Nodes};
use crate::receiver::Receiver;

/// How, what for, and with which form.
type Call = (Method, &'static str, &'static [(&'static str, &'static str)]);

const PAGES: [Call; 5] = [
    (Method::GET, "/otp/app/johns-id", &[]),
    (Method::POST, "/otp/app/johns-id", &[("otp", "123456")]),
    (Method::POST, "/otp/app/johns-id", &[("action", "resend")]),
    (Method::GET, "/otp/app/johns-id/address", &[]),
    (Method::POST, "/otp/app/johns-id/address", &[("to", "42")]),
];

const API: [Call; 7] = [
    (Method::PUT, "/api/otp/janes-id", &[("provider", "sms"), ("to", "42")]),
    (Method::PUT, "/api/otp", &[("provider", "sms")]),
    (Method::POST, "/api/otp/johns-id", &[("otp", "123456")]),
    (Method::POST, "/api/otp/johns-id/status", &[]),
    (Method::DELETE, "/api/otp/johns-id/status", &[]),
    (Method::GET, "/api/health", &[]),
    (Method::GET, "/otp/app/johns-id/status", &[]),
];

/// Everything says so, each in its own form.
async fn says_that_it_is_away(node: &Node) {
    // What a probe found holds for a second.
    let health = || node.call(Method::GET, "/api/health", &[]);
    eventually("the store to be missed", || async { (health().await.status == 503).then_some(()) }).await;
    // At once, for each waits for as long as a request may take.
    let pages = join_all(PAGES.map(|(method, path, form)| node.call(method, path, form)));
    let api = join_all(API.map(|(method, path, form)| node.call(method, path, form)));
    let (pages, api) = futures::future::join(pages, api).await;
    for ((method, path, _), reply) in PAGES.iter().zip(pages) {
        assert_eq!((reply.status, reply.retry_after), (503, true), "{method} {path}: {reply:?}");
        let heading = reply.heading();
        // What was written to a Redis that says nothing may have been done.
        let is_in_doubt = *method == Method::POST && heading == "Please look again";
        assert!(heading == "Please try again" || is_in_doubt, "{method} {path}: {heading}");
    }
    for ((method, path, _), reply) in API.iter().zip(api) {
        assert_eq!((reply.status, reply.retry_after), (503, true), "{method} {path}: {reply:?}");
        let body = r#"{"status":"error","message":"Unable to reach store."}"#;
        assert_eq!(reply.body, body, "{method} {path}");
    }
    // What needs no store goes on.
    assert_eq!(node.call(Method::GET, "/api/providers", &[]).await.status, 200);
}

async fn is_back(node: &Node) {
    let healthy = || node.call(Method::GET, "/api/health", &[]);
    eventually("the store to be back", || async { (healthy().await.status == 200).then_some(()) }).await;
    let code = node.put("jacks-id", &[]).await.code();
    assert_eq!(node.page("jacks-id").await.heading(), "Verify sms");
    assert_eq!(node.check("jacks-id", &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_api_say_that_redis_is_away_and_go_on_when_it_is_back() {
    let receiver = Receiver::start().await;
    let mut nodes = Nodes::new(Keeping::Everything, &receiver.url(), "");
    let node = nodes.start(&[("WATCHWORD_SERVER__TIMEOUT", "1s")]);
    node.put("johns-id", &[("otp", "654321"), ("max_attempts", "100")]).await.code();

    nodes.redis.process.signal("-STOP");
    says_that_it_is_away(&node).await;
    nodes.redis.process.signal("-CONT");
    is_back(&node).await;

    nodes.redis.process.kill();
    says_that_it_is_away(&node).await;
    nodes.redis.start_again();
    is_back(&node).await;
    assert_eq!(node.check("johns-id", "654321").await.status, 200);
}
