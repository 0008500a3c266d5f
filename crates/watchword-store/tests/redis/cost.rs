//! What an operation sends, what it leaves behind, and how much memory it takes.

use std::collections::BTreeSet;
use std::time::Duration;

use watchword_core::guess::LookupRule;
use watchword_core::keyring::KeyId;
use watchword_core::passcode::Sealed;
use watchword_core::ports::{Dedupe, Enqueue, Extend, NewestTarget, Select, Selector, SetAddress, Start};
use watchword_core::throttle::ThrottleRule;
use watchword_core::verification::{Attributes, OnRight};
use watchword_store::RedisOptions;
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::{
    ACCEPTED, Story, TTL, external_id, look_up_digest, started, subject, target,
};

use crate::server::{Keeping, Server, store};

const MARGIN: Duration = Duration::from_secs(60);
/// What a key that many share may live longer, so that not each of them sets its TTL anew.
const SLACK: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn story(server: &Server) -> Story {
    Story::new(Fresh::new(store(&server.url(), RedisOptions::default())))
}

/// Every operation of a request's path, once; what comes of each does not matter here.
async fn tour(story: &Story) -> usize {
    let store = &story.store;
    let sms = || watchword_core::address::Channel::new("sms").unwrap();
    let rule = || vec![ThrottleRule { rate: 100, window: DAY }];
    store.put_rules(story.namespace.clone(), sms(), Some(rule()), Some(rule())).await.unwrap();
    store.get_rules(story.namespace.clone(), sms()).await.unwrap();
    let throttled = Start {
        throttle: Some(story.throttle("sms", Some("::1"), Some("+1"))),
        dedupe: Some(Dedupe { key: subject(&["request"]), until: story.now.after(TTL) }),
        ..story.by_target("sms", "+1", "111111")
    };
    story.start(throttled).await;
    let (one, claims) = started(story.start(story.by_id("john-1", "111111")).await);
    story.resend(story.resend_of(&one)).await;
    story.check_ids("john-1", &["999999"]).await;
    let extend = Extend {
        namespace: story.namespace.clone(),
        now: story.now,
        id: claims[0].delivery.id,
        fence: claims[0].delivery.fence,
        lease_until: story.now.after(TTL),
    };
    store.extend(extend).await.unwrap();
    story.settle(&claims[0], ACCEPTED).await;
    let waits = story.begin(story.by_id_without_address("jane-1", "111111")).await;
    let set = SetAddress {
        namespace: story.namespace.clone(),
        now: story.now,
        external_id: external_id("jane-1"),
        expected: waits.vid,
        target: target("sms", "+2"),
        guess_subject: story.guesses_of("+2"),
        throttle: None,
        deliveries: vec![story.message()],
        claimant: None,
    };
    store.set_address(set).await.unwrap();
    let enqueue = Enqueue {
        namespace: story.namespace.clone(),
        now: story.now,
        vid: waits.vid,
        deliveries: vec![story.message()],
        claimant: None,
    };
    store.enqueue(enqueue).await.unwrap();
    story.live("jane-1").await;
    store.find(waits.vid, story.now).await.unwrap();
    let look_up = NewestTarget {
        namespace: story.namespace.clone(),
        now: story.now,
        channel: sms(),
        digests: vec![look_up_digest("sms", "111111")],
        subject: subject(&["look-ups"]),
        lookup_rule: LookupRule::default(),
    };
    store.newest_target(look_up).await.unwrap();
    store.newest_passcode(story.namespace.clone(), story.now, vec![target("sms", "+1")]).await.unwrap();
    let select =
        |id: &str| Select { selector: Selector::Id(external_id(id)), ..story.select(Selector::Vid(one.vid)) };
    store.delete_if_approved(select("john-1")).await.unwrap();
    store.cancel(select("jane-1")).await.unwrap();
    story.check_ids("john-1", &["111111"]).await;
    store.unlock(story.namespace.clone(), vec![story.guesses_of("+1")]).await.unwrap();
    store.register_keys(vec![KeyId::from_bytes([1; 8])]).await.unwrap();
    store.keys().await.unwrap();
    store.stats().await.unwrap();
    store.ready().await.unwrap();
    23
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_one_script_on_the_wire_and_nothing_else() {
    let server = Server::start(Keeping::Nothing);
    let story = story(&server);
    // The first time the server learns the scripts.
    tour(&story).await;
    let monitor = server.monitor();
    let operations = tour(&story).await;
    let sent: Vec<_> = monitor.end().iter().map(|line| line.split('"').nth(1).unwrap().to_owned()).collect();
    assert_eq!(sent, vec!["EVALSHA"; operations]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_outbox_of_all_partitions_is_looked_at_by_one_call() {
    let server = Server::start(Keeping::Nothing);
    let mut story = story(&server);
    let calls = || {
        let stats = server.command(&["INFO", "commandstats"]);
        let of = |command: &str| {
            let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:")));
            line.and_then(|line| line.split(['=', ',']).nth(1)?.parse::<u32>().ok()).unwrap_or(0)
        };
        of("evalsha") + of("eval")
    };
    story.claim("a", 100).await;
    let before = calls();
    for _ in 0..5 {
        story.pass(Duration::from_secs(1));
        assert_eq!(story.claim("a", 100).await.claims, []);
    }
    assert_eq!(calls() - before, 5);
}

/// As otpgateway's users start them: an address, a description, a sealed message of usual length.
fn usual(story: &Story, number: usize) -> Start {
    let mut start = Start {
        attributes: Attributes {
            channel_description: "We sent a code to your e-mail address.".to_owned(),
            address_description: String::new(),
            extra: Some("{\"order\":\"2026-11-000123\",\"user\":4711}".into()),
        },
        throttle: Some(story.throttle("email", None, Some(&format!("john{number}@example.com")))),
        ..story.by_id(&format!("9f86d081884c7d659a2feaa0c55ad015-{number}"), "111111")
    };
    start.target = Some(target("email", &format!("john{number}@example.com")));
    start.candidates[0].passcode.sealed = Some(Sealed::from_bytes(vec![7; 54]));
    start.candidates[0].deliveries[0].message = Sealed::from_bytes(vec![7; 400]);
    start
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_passcode_takes_less_than_two_kibibytes() {
    const COUNT: usize = 2_000;
    let server = Server::start(Keeping::Nothing);
    let story = story(&server);
    // What is there once: scripts, connections, the first page of each size.
    story.begin(usual(&story, COUNT)).await;
    let used = || {
        let info = server.command(&["INFO", "memory"]);
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory_dataset:"));
        line.and_then(|bytes| bytes.trim().parse::<usize>().ok()).expect("the server tells")
    };
    let before = used();
    for number in 0..COUNT {
        story.begin(usual(&story, number)).await;
    }
    let each = (used() - before) / COUNT;
    println!("{each} bytes for a live passcode, its message still to be sent");
    assert!(each <= 2_048, "{each}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_for_ever_but_rules_and_keys() {
    let server = Server::start(Keeping::Nothing);
    let mut story = story(&server);
    tour(&story).await;
    let keep = Start { on_right: OnRight::Close, ..story.by_id("jack-1", "111111") };
    story.begin(keep).await;
    let longest = |kind: &str| match kind {
        "rules" | "keys" => None,
        "g" | "s" => Some(DAY + TTL + MARGIN),
        "guesses" => Some(DAY + TTL + MARGIN + SLACK),
        "due" | "live" | "n" | "t" | "l" => Some(TTL + MARGIN + SLACK),
        _ => Some(TTL + MARGIN),
    };
    for (kind, left) in kinds_and_ttls(&server) {
        match longest(&kind) {
            None => assert_eq!(left, -1, "{kind}"),
            Some(longest) => {
                let left = Duration::from_millis(left.try_into().expect("it has a TTL"));
                assert!(left <= longest, "{kind}: {left:?}");
            }
        }
    }
    story.pass(TTL);
    story.claim("a", 100).await;
    story.purge_all().await;
    let kinds: BTreeSet<_> = kinds_and_ttls(&server).into_iter().map(|(kind, _)| kind).collect();
    // `h` remembers a request and `n` counts: both go by their TTL, for no operation is about them.
    let expected = ["g", "guesses", "h", "keys", "n", "rules", "s"].map(str::to_owned);
    assert!(kinds.is_subset(&BTreeSet::from(expected)), "{kinds:?}");
}

/// What kind each key is of, and the milliseconds that are left to it. Names may hold any bytes, so a script looks at them.
fn kinds_and_ttls(server: &Server) -> Vec<(String, i64)> {
    let script = "local told = {} \
        for _, key in ipairs(redis.call('KEYS', '*')) do \
            told[#told + 1] = key:match('^[^:]+:[^:]+:(%a+)') .. ' ' .. redis.call('PTTL', key) \
        end \
        return told";
    let told = server.command(&["EVAL", script, "0"]);
    let pair = |line: &str| {
        let (kind, left) = line.split_once(' ')?;
        Some((kind.to_owned(), left.parse().ok()?))
    };
    told.lines().map(|line| pair(line).unwrap_or_else(|| panic!("{line}"))).collect()
}
