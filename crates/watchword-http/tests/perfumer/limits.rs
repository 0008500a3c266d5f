//! Limits: how they are set and shown, what they count, and that many at once never pass them.

use std::sync::Arc;

use tokio::sync::Barrier;
use watchword_core::ports::Store;
use watchword_store::{SqliteOptions, SqliteStore};

use crate::harness::{App, Reply, TRUE, Wishes, sending};

const CHANNELS: [&str; 4] = ["sms", "call", "email", "telegram"];

async fn rules(app: &App, channel: &str) -> String {
    let reply = app.get(&format!("/limit/{channel}"), "").await;
    reply.expect(200, &reply.body);
    reply.body
}

#[tokio::test]
async fn rules_are_shown_as_they_were_set() {
    let app = App::new();
    for (channel, name) in CHANNELS.into_iter().zip(["phones", "phones", "emails", "chat_ids"]) {
        let empty = format!(r#"{{"status":true,"content":{{"ips":[],"{name}":[]}}}}"#);
        assert_eq!(rules(&app, channel).await, empty);
        let set = format!(
            r#"{{"ips":[{{"minutes":10,"rate":3}},{{"minutes":60,"rate":10}}],"{name}":[{{"minutes":10,"rate":3}}]}}"#
        );
        app.post(&format!("/limit/{channel}"), &set).await.expect(200, TRUE);
        assert_eq!(rules(&app, channel).await, format!(r#"{{"status":true,"content":{set}}}"#));
    }
}

#[tokio::test]
async fn only_an_array_replaces_and_only_rules_are_taken_from_it() {
    let (kept, none) = (r#"[{"minutes":10,"rate":3}]"#, "[]");
    for (given, ips) in [
        ("null", kept),
        ("{}", kept),
        (r#"{"a":{"minutes":1,"rate":1}}"#, kept),
        ("1", kept),
        ("true", kept),
        (r#""""#, kept),
        (r#""[]""#, kept),
        ("[]", none),
        ("[ ]", none),
        (r#"[1,"x",null,true,[],{},[10,3],{"minutes":10},{"rate":3}]"#, none),
        (r#"[{"minutes":0,"rate":3},{"minutes":10,"rate":0}]"#, none),
        (r#"[{"minutes":-1,"rate":3},{"minutes":10,"rate":-3}]"#, none),
        (r#"[{"minutes":1.5,"rate":3},{"minutes":10,"rate":3.0},{"minutes":1e1,"rate":3}]"#, none),
        (r#"[{"minutes":null,"rate":3},{"minutes":[10],"rate":3},{"minutes":true,"rate":3}]"#, none),
        (r#"[{"minutes":"ten","rate":3},{"minutes":"","rate":3},{"minutes":"+1","rate":3}]"#, none),
        (r#"[{"minutes":"5","rate":" 7 "}]"#, r#"[{"minutes":5,"rate":7}]"#),
        (
            r#"[{"rate":7,"x":[[]],"minutes":5}, 1, {"minutes":6,"rate":8}]"#,
            r#"[{"minutes":5,"rate":7},{"minutes":6,"rate":8}]"#,
        ),
        (
            r#"[{"minutes":99999999999999999999999,"rate":99999999999999999999999}]"#,
            r#"[{"minutes":5256000,"rate":4294967295}]"#,
        ),
    ] {
        let app = App::new();
        let before = format!(r#"{{"ips":{kept},"phones":{kept}}}"#);
        app.post("/limit/sms", &before).await.expect(200, TRUE);
        app.post("/limit/sms", &format!(r#"{{"ips":{given}}}"#)).await.expect(200, TRUE);
        let shown = format!(r#"{{"status":true,"content":{{"ips":{ips},"phones":{kept}}}}}"#);
        assert_eq!(rules(&app, "sms").await, shown, "{given}");
    }
}

#[tokio::test]
async fn other_channels_and_names_are_left_alone() {
    let app = App::new();
    let set = r#"{"emails":[{"minutes":10,"rate":3}],"chat_ids":[{"minutes":10,"rate":3}],"sms":[{"minutes":1,"rate":1}]}"#;
    app.post("/limit/sms", set).await.expect(200, TRUE);
    app.post("/limit/sms?ips=5&phones=[]", "").await.expect(200, TRUE);
    for channel in ["sms", "call"] {
        assert_eq!(rules(&app, channel).await, r#"{"status":true,"content":{"ips":[],"phones":[]}}"#);
    }
    assert_eq!(rules(&app, "email").await, r#"{"status":true,"content":{"ips":[],"emails":[]}}"#);
}

#[tokio::test]
async fn a_list_has_at_most_a_hundred_rules() {
    let app = App::new();
    let list =
        |rules: usize| format!(r#"{{"phones":[{}]}}"#, vec![r#"{"minutes":10,"rate":3}"#; rules].join(","));
    app.post("/limit/sms", &list(100)).await.expect(200, TRUE);
    let reply = app.post("/limit/sms", &list(101)).await;
    reply.expect_refused(400, "\"phones\" parameter must have at most 100 rules");
}

fn ip_limit() -> &'static str {
    r#"{"status":false,"status_code":"ip_limit","message":"IP limit has been reached"}"#
}

fn target_limit(channel: &str) -> &'static str {
    match channel {
        "sms" | "call" => {
            r#"{"status":false,"status_code":"phone_limit","message":"Phone limit has been reached"}"#
        }
        _ => r#"{"status":false,"status_code":"email_limit","message":"Email limit has been reached"}"#,
    }
}

fn target_rules(channel: &str, rule: &str) -> String {
    let name = match channel {
        "email" => "emails",
        "telegram" => "chat_ids",
        _ => "phones",
    };
    format!(r#"{{"{name}":[{rule}]}}"#)
}

#[tokio::test]
async fn sends_from_before_a_rule_count_with_the_ip_address_that_came_then() {
    let app = App::new();
    for target in ["7701", "7702", "7703"] {
        app.post("/sms", &sending("sms", target, "1", Some("1.2.3.4"))).await.expect(200, TRUE);
    }
    app.post("/limit/sms", r#"{"ips":[{"minutes":10,"rate":3}]}"#).await.expect(200, TRUE);
    app.post("/sms", &sending("sms", "7704", "1", Some("1.2.3.4"))).await.expect_limit(ip_limit(), 600);
    // Any text, compared exactly.
    app.post("/sms", &sending("sms", "7704", "1", Some("1.2.3.04"))).await.expect(200, TRUE);
    // Calls are counted apart, and have rules of their own.
    app.post("/call", &sending("call", "7704", "1", Some("1.2.3.4"))).await.expect(200, TRUE);
}

#[tokio::test]
async fn what_was_refused_does_not_count_and_what_is_over_does() {
    for channel in CHANNELS {
        let app = App::new();
        app.post(&format!("/limit/{channel}"), &target_rules(channel, r#"{"minutes":10,"rate":2}"#))
            .await
            .expect(200, TRUE);
        app.pass_on(channel, "5", "1").await.expect(200, TRUE);
        app.pass(299);
        app.check(channel, "5", "1").await.expect(200, TRUE);
        app.pass(1);
        app.pass_on(channel, "5", "2").await.expect(200, TRUE);
        for _ in 0..10 {
            app.pass_on(channel, "5", "3").await.expect_limit(target_limit(channel), 300);
        }
        app.pass_on(channel, "6", "3").await.expect(200, TRUE);
        app.pass(300);
        app.pass_on(channel, "5", "4").await.expect(200, TRUE);
        app.pass_on(channel, "5", "5").await.expect_limit(target_limit(channel), 300);
    }
}

#[tokio::test]
async fn of_several_rules_each_one_holds() {
    let app = App::new();
    let rules = r#"{"phones":[{"minutes":1,"rate":1},{"minutes":60,"rate":2}]}"#;
    app.post("/limit/sms", rules).await.expect(200, TRUE);
    app.pass_on("sms", "7701", "1").await.expect(200, TRUE);
    app.pass_on("sms", "7701", "2").await.expect_limit(target_limit("sms"), 60);
    app.pass(60);
    app.pass_on("sms", "7701", "2").await.expect(200, TRUE);
    app.pass_on("sms", "7701", "3").await.expect_limit(target_limit("sms"), 3_540);
    app.post("/limit/sms", r#"{"phones":[]}"#).await.expect(200, TRUE);
    app.pass_on("sms", "7701", "3").await.expect(200, TRUE);
}

/// All at once, on threads of their own.
async fn at_once(app: &Arc<App>, path: &'static str, bodies: Vec<String>) -> Vec<Reply> {
    let barrier = Arc::new(Barrier::new(bodies.len()));
    let calls = bodies.into_iter().map(|body| {
        let (app, barrier) = (Arc::clone(app), Arc::clone(&barrier));
        tokio::spawn(async move {
            barrier.wait().await;
            app.post(path, &body).await
        })
    });
    let mut replies = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        replies.push(call.await.unwrap());
    }
    replies
}

/// 32 senders at once, against a rule that has room for `rate`. Rules by IP address see many targets, rules by target many IP
/// addresses.
async fn race(store: impl Fn() -> Option<Arc<dyn Store>>) {
    for rate in [1, 2, 31, 32, 33] {
        for (by_ip, limit) in [(true, ip_limit()), (false, target_limit("sms"))] {
            let app = Arc::new(App::with(Wishes { store: store(), ..Wishes::default() }));
            let name = if by_ip { "ips" } else { "phones" };
            let rule = format!(r#"{{"{name}":[{{"minutes":10,"rate":{rate}}}]}}"#);
            app.post("/limit/sms", &rule).await.expect(200, TRUE);
            let body = |sender: usize| {
                let other = format!("78{sender}");
                let (to, ip) = if by_ip { (other.as_str(), "1.2.3.4") } else { ("77", other.as_str()) };
                sending("sms", to, &other, Some(ip))
            };
            let replies = at_once(&app, "/sms", (0..32).map(body).collect()).await;
            let (accepted, refused): (Vec<_>, Vec<_>) =
                replies.into_iter().partition(|reply| reply.status == 200);
            assert_eq!(accepted.len(), 32.min(rate), "never one over, never one under");
            refused.iter().for_each(|reply| reply.expect_limit(limit, 600));
            assert_eq!(app.sms.wait_for_handed(accepted.len()).await.len(), accepted.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_senders_at_once_as_many_get_through_as_a_rule_has_room_for() {
    race(|| None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_senders_at_once_as_many_get_through_on_sqlite_too() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicUsize::new(0);
    race(|| {
        let count = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("{count}.db"));
        Some(Arc::new(SqliteStore::open(path, SqliteOptions::default()).unwrap()))
    })
    .await;
}
