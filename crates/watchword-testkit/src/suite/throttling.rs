//! Throttle rules: so many sends in any window, by IP address and by target.

use std::time::Duration;

use watchword_core::address::Channel;
use watchword_core::ports::{SendOutcome, SetAddress, Start, StartOutcome, Throttled};
use watchword_core::throttle::{ThrottleKind, ThrottleRule, ThrottleRules};
use watchword_core::verification::OnRight;

use super::Fresh;
use super::story::{Story, check_name, external_id, namespace, send_name, sent, start_name, target};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

const fn rule(rate: u32, window: Duration) -> ThrottleRule {
    ThrottleRule { rate, window }
}

fn channel(name: &str) -> Channel {
    Channel::new(name).unwrap()
}

async fn put(story: &Story, by_ip: Option<&[ThrottleRule]>, by_target: Option<&[ThrottleRule]>) {
    let (by_ip, by_target) = (by_ip.map(Vec::from), by_target.map(Vec::from));
    story.store.put_rules(story.namespace.clone(), channel("sms"), by_ip, by_target).await.unwrap();
}

async fn rules_of(story: &Story, name: &str) -> ThrottleRules {
    story.store.get_rules(story.namespace.clone(), channel(name)).await.unwrap()
}

fn from(story: &Story, ip: Option<&str>, to: &str) -> Start {
    Start { throttle: Some(story.throttle("sms", ip, Some(to))), ..story.by_target("sms", to, "111111") }
}

async fn send(story: &Story, ip: Option<&str>, to: &str) -> &'static str {
    start_name(&story.start(from(story, ip, to)).await)
}

/// Room comes back one send at a time, to the millisecond.
pub async fn a_window_slides(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let three = rule(3, MINUTE * 10);
    put(&story, None, Some(&[three])).await;
    let first = story.now;
    for _ in 0..3 {
        assert_eq!(send(&story, None, "+1").await, "started");
        story.pass(MINUTE);
    }
    let retry_at = first.after(MINUTE * 10);
    let refused = Throttled { kind: ThrottleKind::Target, rule: three, retry_at };
    assert_eq!(story.start(from(&story, None, "+1")).await, StartOutcome::Throttled(refused));
    assert_eq!(send(&story, None, "+2").await, "started", "another target has its own room");
    story.now = retry_at;
    story.now = story.now.before(Duration::from_millis(1));
    assert_eq!(send(&story, None, "+1").await, "throttled");
    story.pass(Duration::from_millis(1));
    assert_eq!(send(&story, None, "+1").await, "started");
    assert_eq!(send(&story, None, "+1").await, "throttled", "the second send is still in the window");
    story.pass(MINUTE);
    assert_eq!(send(&story, None, "+1").await, "started");
}

/// Where both have no room, the IP address is named.
pub async fn rules_by_ip_are_looked_at_first(fresh: Fresh) {
    let story = Story::new(fresh);
    let (by_ip, by_target) = (rule(2, MINUTE), rule(1, MINUTE * 10));
    put(&story, Some(&[by_ip]), Some(&[by_target])).await;
    let refused = |kind, rule: ThrottleRule| {
        StartOutcome::Throttled(Throttled { kind, rule, retry_at: story.now.after(rule.window) })
    };
    assert_eq!(send(&story, Some("::1"), "+1").await, "started");
    let outcome = story.start(from(&story, Some("::1"), "+1")).await;
    assert_eq!(outcome, refused(ThrottleKind::Target, by_target));
    assert_eq!(send(&story, Some("::1"), "+2").await, "started");
    for to in ["+1", "+3"] {
        let outcome = story.start(from(&story, Some("::1"), to)).await;
        assert_eq!(outcome, refused(ThrottleKind::Ip, by_ip));
    }
    assert_eq!(send(&story, Some("::2"), "+3").await, "started");
}

/// Where rules count by IP address, one must be given, before any rule is looked at; where none do, it need not be.
pub async fn a_rule_needs_to_know_whom_to_count(fresh: Fresh) {
    let story = Story::new(fresh);
    put(&story, None, Some(&[rule(1, MINUTE)])).await;
    assert_eq!(send(&story, None, "+1").await, "started");
    put(&story, Some(&[rule(9, MINUTE)]), None).await;
    for to in ["+1", "+2"] {
        let outcome = story.start(from(&story, None, to)).await;
        assert_eq!(outcome, StartOutcome::SubjectMissing(ThrottleKind::Ip));
    }
    assert_eq!(send(&story, Some("::1"), "+2").await, "started", "those refused were not counted");
    let nobody =
        Start { throttle: Some(story.throttle("sms", Some("::1"), None)), ..from(&story, None, "+3") };
    let outcome = story.start(nobody).await;
    assert_eq!(outcome, StartOutcome::SubjectMissing(ThrottleKind::Target));
    // Who asks for no throttling is not throttled.
    let free = Start { throttle: None, ..from(&story, None, "+1") };
    assert_eq!(start_name(&story.start(free).await), "started");
}

/// Sends are remembered for a day at least, whether or not a rule looks at them yet.
pub async fn sends_from_before_a_rule_count(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for to in ["+1", "+2", "+3"] {
        assert_eq!(send(&story, Some("::1"), to).await, "started");
        story.pass(MINUTE);
    }
    put(&story, Some(&[rule(3, MINUTE * 10)]), Some(&[rule(1, DAY)])).await;
    assert_eq!(send(&story, Some("::1"), "+4").await, "throttled", "three came from there");
    assert_eq!(send(&story, Some("::2"), "+1").await, "throttled", "one went there");
    story.pass(DAY - MINUTE * 3 - Duration::from_millis(1));
    assert_eq!(send(&story, Some("::2"), "+1").await, "throttled", "almost a day later it still counts");
    story.pass(Duration::from_millis(1));
    assert_eq!(send(&story, Some("::2"), "+1").await, "started");
}

/// Being refused does not push the time of the next send back.
pub async fn a_refused_send_is_not_counted(fresh: Fresh) {
    let mut story = Story::new(fresh);
    put(&story, Some(&[rule(1, MINUTE)]), Some(&[rule(1, MINUTE)])).await;
    assert_eq!(send(&story, Some("::1"), "+1").await, "started");
    for _ in 0..5 {
        story.pass(MINUTE / 6);
        assert_eq!(send(&story, Some("::1"), "+2").await, "throttled");
        assert_eq!(send(&story, Some("::2"), "+1").await, "throttled");
    }
    story.pass(MINUTE / 6);
    assert_eq!(send(&story, Some("::2"), "+2").await, "started");
    assert_eq!(send(&story, Some("::1"), "+1").await, "started");
}

/// A resend and an address that is set later are sends too, and are refused like them.
pub async fn every_kind_of_send_counts(fresh: Fresh) {
    let story = Story::new(fresh);
    put(&story, None, Some(&[rule(3, MINUTE)])).await;
    let to = || Some(story.throttle("sms", None, Some("+1")));
    let verification = story.begin(story.by_id_without_address("john-1", "111111")).await;
    let set = |id, expected| SetAddress {
        namespace: story.namespace.clone(),
        now: story.now,
        external_id: external_id(id),
        expected,
        target: target("sms", "+1"),
        guess_subject: story.guesses_of("+1"),
        throttle: to(),
        deliveries: vec![story.message()],
        claimant: None,
    };
    sent(story.store.set_address(set("john-1", verification.vid)).await.unwrap());
    let resend = || watchword_core::ports::Resend { throttle: to(), ..story.resend_of(&verification) };
    sent(story.resend(resend()).await);
    assert_eq!(send(&story, None, "+1").await, "started");
    let before = story.live("john-1").await;
    assert_eq!(send_name(&story.resend(resend()).await), "throttled");
    assert_eq!(story.live("john-1").await, before, "a refused resend counts no send");
    let other = story.begin(story.by_id_without_address("jane-1", "222222")).await;
    let outcome = story.store.set_address(set("jane-1", other.vid)).await.unwrap();
    assert!(matches!(outcome, SendOutcome::Throttled(_)), "{outcome:?}");
    assert_eq!(story.live("jane-1").await, Some(other));
}

/// What became of a passcode is nothing to the rules.
pub async fn what_was_checked_deleted_or_expired_counts_still(fresh: Fresh) {
    let mut story = Story::new(fresh);
    put(&story, None, Some(&[rule(3, MINUTE * 10)])).await;
    let deleting = Start { on_right: OnRight::Delete, ..from(&story, None, "+1") };
    story.begin(deleting).await;
    assert_eq!(check_name(&story.check(story.check_targets(&[("sms", "+1")], "111111")).await), "approved");
    for _ in 0..2 {
        story.begin(Start { expires_at: story.now.after(MINUTE), ..from(&story, None, "+1") }).await;
    }
    story.pass(MINUTE * 2);
    story.purge_all().await;
    assert_eq!(story.store.stats().await.unwrap().verifications, 0);
    assert_eq!(send(&story, None, "+1").await, "throttled");
}

/// The refusal says when every rule has room.
pub async fn of_several_rules_the_last_to_free_decides(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let (short, long) = (rule(1, MINUTE), rule(2, MINUTE * 60));
    put(&story, None, Some(&[short, long])).await;
    let refused =
        |rule, retry_at| StartOutcome::Throttled(Throttled { kind: ThrottleKind::Target, rule, retry_at });
    let first = story.now;
    assert_eq!(send(&story, None, "+1").await, "started");
    assert_eq!(story.start(from(&story, None, "+1")).await, refused(short, first.after(MINUTE)));
    story.pass(MINUTE);
    assert_eq!(send(&story, None, "+1").await, "started");
    assert_eq!(story.start(from(&story, None, "+1")).await, refused(long, first.after(MINUTE * 60)));
}

/// `None` leaves a kind alone, an empty list clears it.
pub async fn rules_are_replaced_one_kind_at_a_time(fresh: Fresh) {
    let story = Story::new(fresh);
    assert_eq!(rules_of(&story, "sms").await, ThrottleRules::default());
    let (one, two, odd) = (rule(1, MINUTE), rule(2, DAY), rule(3, Duration::from_millis(1_500)));
    put(&story, Some(&[one, two]), None).await;
    put(&story, None, Some(&[odd])).await;
    let both = ThrottleRules { by_ip: vec![one, two], by_target: vec![odd] };
    assert_eq!(rules_of(&story, "sms").await, both);
    put(&story, None, None).await;
    assert_eq!(rules_of(&story, "sms").await, both);
    put(&story, Some(&[]), None).await;
    assert_eq!(rules_of(&story, "sms").await, ThrottleRules { by_ip: vec![], ..both });
}

/// Rules and counts are a channel's and a tenant's own.
pub async fn channels_and_namespaces_have_their_own_rules(fresh: Fresh) {
    let mut story = Story::new(fresh);
    put(&story, None, Some(&[rule(1, MINUTE)])).await;
    assert_eq!(send(&story, None, "+1").await, "started");
    assert_eq!(send(&story, None, "+1").await, "throttled");
    assert_eq!(rules_of(&story, "call").await, ThrottleRules::default());
    let by_call = || Start {
        throttle: Some(story.throttle("call", None, Some("+1"))),
        ..story.by_target("call", "+1", "111111")
    };
    for _ in 0..2 {
        assert_eq!(start_name(&story.start(by_call()).await), "started");
    }
    story.namespace = namespace("other");
    assert_eq!(rules_of(&story, "sms").await, ThrottleRules::default());
    for _ in 0..2 {
        assert_eq!(send(&story, None, "+1").await, "started");
    }
}
