//! What listeners are told: of every counted check and of every resend, whole, in order, and of nothing else.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use watchword_core::announcement::{Announcements, Fact, Piece};
use watchword_core::ports::{Resend, Start};
use watchword_core::verification::{Attributes, Limits, OnRight, RouteName};
use watchword_store::{Announcing, RedisOptions};
use watchword_testkit::deadline::DEADLINE;
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::{Story, check_name, send_name, target};

use crate::server::{Cluster, Keeping, Server, store};

const CHANNEL: &str = "otp events";

/// Everything that can be told.
pub(crate) const WORDS: Announcements = {
    use Fact::*;
    const ALL: &[Piece] = &[
        Piece::Text("["),
        Piece::Fact(Namespace),
        Piece::Text(","),
        Piece::Fact(ExternalId),
        Piece::Text(","),
        Piece::Fact(Address),
        Piece::Text(","),
        Piece::Fact(ChannelDescription),
        Piece::Text(","),
        Piece::Fact(AddressDescription),
        Piece::Text(","),
        Piece::Fact(Extra),
        Piece::Text(","),
        Piece::Fact(Route),
        Piece::Text(",{\"attempts\":["),
        Piece::Fact(Attempts),
        Piece::Text(","),
        Piece::Fact(MaxAttempts),
        Piece::Text("],\"sends\":["),
        Piece::Fact(Sends),
        Piece::Text(","),
        Piece::Fact(MaxSends),
        Piece::Text("]},"),
        Piece::Fact(Closed),
        Piece::Text(","),
        Piece::Fact(SecondsLeft),
        Piece::Text("]"),
    ];
    Announcements {
        checked: ALL,
        resent: &[Piece::Text("[\"resent\","), Piece::Fact(Sends), Piece::Text("]")],
        closed: &[Piece::Text("{\"closed\":"), Piece::Fact(ExternalId), Piece::Text("}")],
    }
};

pub(crate) fn announcing() -> Option<Announcing> {
    Some(Announcing { channel: CHANNEL.to_owned(), words: WORDS })
}

fn story(url: &str) -> Story {
    Story::new(Fresh::new(store(url, RedisOptions { announcing: announcing(), ..RedisOptions::default() })))
}

/// Somebody who subscribed.
struct Listener(Receiver<String>);

impl Listener {
    fn of(server: &Server) -> Self {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
        let mut connection = client.get_connection().unwrap();
        let (subscribed, is_subscribed) = channel();
        let (heard, said) = channel();
        // It ends with its server.
        std::thread::spawn(move || {
            let mut listening = connection.as_pubsub();
            listening.subscribe(CHANNEL).unwrap();
            subscribed.send(()).unwrap();
            while let Ok(message) = listening.get_message() {
                if heard.send(message.get_payload().unwrap()).is_err() {
                    break;
                }
            }
        });
        is_subscribed.recv_timeout(DEADLINE).unwrap();
        Self(said)
    }

    fn next(&self) -> String {
        self.0.recv_timeout(DEADLINE).expect("a message comes")
    }

    /// What came until now.
    fn all(&self, server: &Server) -> Vec<String> {
        server.command(&["PUBLISH", CHANNEL, "the end"]);
        std::iter::from_fn(|| Some(self.next()).filter(|text| text != "the end")).collect()
    }
}

/// What [`WORDS`] say of a check.
fn checked(id: &str, attempts: u32, sends: u32, closed: bool, left: u32) -> String {
    format!(
        "[\"tenant\",\"{id}\",\"john@example.com\",\"\",\"\",{{}},\"main\",{{\"attempts\":[{attempts},5],\
         \"sends\":[{sends},3]}},{closed},{left}]"
    )
}

fn closed(id: &str) -> String {
    format!("{{\"closed\":\"{id}\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_counted_check_is_told_as_it_was_before_its_result_and_then_what_it_closed() {
    let server = Server::start(Keeping::Nothing);
    let mut story = story(&server.url());
    let listener = Listener::of(&server);
    story.begin(story.by_id("john-1", "111111")).await;
    story.pass(Duration::from_millis(1_001));
    assert_eq!(
        story.check_ids("john-1", &["999999", "111111", "111111"]).await,
        ["wrong", "approved", "gone"]
    );
    assert_eq!(
        listener.all(&server),
        [checked("john-1", 2, 1, false, 298), checked("john-1", 3, 1, false, 298), closed("john-1")]
    );

    // Kept, so right again, until it is locked.
    story.begin(Start { on_right: OnRight::Close, ..story.by_id("jane-1", "111111") }).await;
    let codes = ["111111", "111111", "999999", "111111", "111111", "999999"];
    let outcomes = ["approved", "approved", "wrong", "approved", "locked", "locked"];
    assert_eq!(story.check_ids("jane-1", &codes).await, outcomes);
    let told = |attempts, was_closed| checked("jane-1", attempts, 1, was_closed, 300);
    assert_eq!(
        listener.all(&server),
        [
            told(2, false),
            closed("jane-1"),
            told(3, true),
            closed("jane-1"),
            told(4, true),
            told(5, true),
            closed("jane-1"),
            told(6, true),
            told(7, true),
        ]
    );

    // What closes nothing is told as a check only.
    let keeps = Start { on_right: OnRight::Keep, ..story.by_id("jack-1", "111111") };
    story.begin(keeps).await;
    assert_eq!(story.check_ids("jack-1", &["111111"]).await, ["approved"]);
    assert_eq!(listener.all(&server), [checked("jack-1", 2, 1, false, 300)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_is_told_and_a_refused_one_is_not() {
    let server = Server::start(Keeping::Nothing);
    let mut story = story(&server.url());
    let listener = Listener::of(&server);
    let one = story.begin(story.by_id("john-1", "111111")).await;
    let mut outcomes = Vec::new();
    for cool_down in [10, 0, 0, 0] {
        let resend = Resend { cool_down: Duration::from_secs(cool_down), ..story.resend_of(&one) };
        outcomes.push(send_name(&story.resend(resend).await));
        story.pass(Duration::from_secs(1));
    }
    assert_eq!(outcomes, ["too soon", "sent", "sent", "locked"]);
    assert_eq!(listener.all(&server), ["[\"resent\",2]", "[\"resent\",3]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_counted_and_what_has_no_name_is_not_told() {
    let server = Server::start(Keeping::Nothing);
    let mut story = story(&server.url());
    let listener = Listener::of(&server);
    story.begin(story.by_id("john-1", "111111")).await;
    story.begin(story.by_id("john-1", "222222")).await;
    story.live("john-1").await;
    // Under a key that this node does not have, for another id, by target, and once the guess limits refuse.
    let mut unknown = story.check_id("john-1", "222222");
    unknown.guesses[0].digests.clear();
    assert_eq!(check_name(&story.check(unknown).await), "unknown key");
    assert_eq!(story.check_ids("nobody-1", &["111111"]).await, ["gone"]);
    story.begin(story.by_target("sms", "+1", "111111")).await;
    let by_target = story.check(story.check_targets(&[("sms", "+1")], "999999")).await;
    assert_eq!(check_name(&by_target), "wrong");
    assert_eq!(listener.all(&server), Vec::<String>::new());
    story.guess_rule.burst = 1;
    assert_eq!(story.check_ids("john-1", &["999999", "222222"]).await, ["wrong", "refused"]);
    assert_eq!(listener.all(&server), [checked("john-1", 3, 2, false, 300)]);
}

/// A value that may be anything, for the keys that hold it; those that are names hold no control characters.
const HOSTILE: &str = "\"\\/\u{8}\u{c}\n\r\t\0\u{1}extra\u{1}\u{1f}\u{7f}%1%%\u{2028}\u{2029}é中😀<&>'{}";
const HOSTILE_NAME: &str = "\"\\/%1%%\u{2028}é中😀<&>'{}";

/// The verification of hostile texts, and what is told of its check.
fn hostile(story: &Story) -> (Start, String) {
    let extra = "{\"z\":1.0,\"a\":1e5,\"a\":\"\\/\\u2028\u{2028}%1\",\"n\":[null,{}]}";
    let mut start = Start {
        route: RouteName::new(HOSTILE_NAME).unwrap(),
        target: Some(target("email", HOSTILE_NAME)),
        attributes: Attributes {
            channel_description: HOSTILE.to_owned(),
            address_description: format!("{HOSTILE}{HOSTILE}"),
            extra: Some(extra.into()),
        },
        limits: Limits { max_attempts: Some(1_000_000), max_sends: Some(u32::MAX) },
        ..story.by_id(HOSTILE_NAME, "111111")
    };
    start.candidates[0].deliveries.clear();
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let (name, text, twice) = (json(HOSTILE_NAME), json(HOSTILE), json(&format!("{HOSTILE}{HOSTILE}")));
    let told = format!(
        "[\"tenant\",{name},{name},{text},{twice},{extra},{name},{{\"attempts\":[2,1000000],\
         \"sends\":[1,4294967295]}},false,300]"
    );
    (start, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_escaped_as_in_replies_and_what_is_json_already_stays_to_the_byte() {
    let server = Server::start(Keeping::Nothing);
    let story = story(&server.url());
    let listener = Listener::of(&server);
    let (start, told) = hostile(&story);
    story.begin(start).await;
    assert_eq!(story.check_ids(HOSTILE_NAME, &["999999"]).await, ["wrong"]);
    assert_eq!(listener.all(&server), [told]);

    // Without address, texts and limits.
    let mut bare = story.by_id_without_address("john-1", "111111");
    bare.limits = Limits::default();
    story.begin(bare).await;
    assert_eq!(story.check_ids("john-1", &["999999"]).await, ["wrong"]);
    let told =
        "[\"tenant\",\"john-1\",\"\",\"\",\"\",{},\"main\",{\"attempts\":[1,0],\"sends\":[1,0]},false,300]";
    assert_eq!(listener.all(&server), [told]);
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_at_any_node_of_a_cluster_are_told() {
    let cluster = Cluster::start();
    cluster.is_up().await;
    let story = story(&cluster.url());
    let listeners: Vec<Listener> = cluster.nodes().iter().map(Listener::of).collect();
    let ids: Vec<String> = (0..8).map(|number| format!("john-{number}")).collect();
    for id in &ids {
        story.begin(story.by_id(id, "111111")).await;
        assert_eq!(story.check_ids(id, &["111111"]).await, ["approved"]);
    }
    let expected: Vec<String> =
        ids.iter().flat_map(|id| [checked(id, 2, 1, false, 300), closed(id)]).collect();
    for listener in &listeners {
        let told: Vec<String> = expected.iter().map(|_| listener.next()).collect();
        assert_eq!(told, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_go_on_where_redis_refuses_to_publish() {
    let server = Server::start(Keeping::Nothing);
    server.command(&["ACL", "SETUSER", "default", "resetchannels"]);
    let story = story(&server.url());
    let one = story.begin(story.by_id("john-1", "111111")).await;
    assert_eq!(send_name(&story.resend(story.resend_of(&one)).await), "sent");
    assert_eq!(
        story.check_ids("john-1", &["999999", "111111", "111111"]).await,
        ["wrong", "approved", "gone"]
    );
    let refused = server.command(&["ACL", "LOG"]);
    assert!(refused.contains("channel") && refused.contains(CHANNEL), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_unless_it_is_asked_for() {
    let server = Server::start(Keeping::Nothing);
    let quiet = Story::new(Fresh::new(store(&server.url(), RedisOptions::default())));
    let listener = Listener::of(&server);
    let one = quiet.begin(quiet.by_id("john-1", "111111")).await;
    quiet.resend(quiet.resend_of(&one)).await;
    assert_eq!(quiet.check_ids("john-1", &["999999", "111111"]).await, ["wrong", "approved"]);
    assert_eq!(listener.all(&server), Vec::<String>::new());
}
