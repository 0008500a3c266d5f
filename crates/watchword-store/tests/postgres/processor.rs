//! How much of the server's processor an operation takes, beside the least that three calls can take, and beside itself in a store
//! that is full. User and system time are counted, so other programs hardly matter.

use tokio_postgres::NoTls;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;
use watchword_core::address::Channel;
use watchword_core::ports::{OnLive, Start};
use watchword_core::throttle::ThrottleRule;
use watchword_core::verification::OnRight;
use watchword_store::PostgresOptions;
use watchword_testkit::postgres::{Keeping, Server, database_of};
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::{ACCEPTED, Story, TTL, started};

use crate::server::{modest, store};

/// How many verifications of a kind are made in a row.
const ROW: u128 = 200;
/// How many rows of each kind are counted, by turns, so that what else the machine does weighs on all. One more goes before them, in
/// which connections make their plans.
const ROWS: u128 = 4;

/// A store in a database of its own, with rules that are never full.
async fn story(url: &str) -> Story {
    let story = Story::new(Fresh::new(store(url, PostgresOptions { connections: 1, ..modest() }).await));
    let rule = |rate| ThrottleRule { rate, window: TTL };
    let (by_ip, by_target) = (vec![rule(100), rule(200)], vec![rule(5)]);
    let put = story.store.put_rules(
        story.namespace.clone(),
        Channel::new("sms").unwrap(),
        Some(by_ip),
        Some(by_target),
    );
    put.await.unwrap();
    story
}

/// User and system time of a server and of all its connections so far, in ticks of ten milliseconds.
fn ticks(server: &Server) -> u64 {
    let of = |id: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        // Its own, and of its children that ended.
        after_name.split(' ').skip(12).take(4).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>()
    };
    let id = server.process.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    of(id) + children.split_whitespace().map(|child| of(child.parse().unwrap())).sum::<u64>()
}

/// Starts, sends and proves one, as a caller does who keeps to the rules.
async fn verify(story: &Story, to: &str, number: u128, limited: bool) {
    let ip = format!("::{}", number % 100);
    let start = Start {
        throttle: limited.then(|| story.throttle("sms", Some(&ip), Some(to))),
        on_live: OnLive::Add,
        on_right: OnRight::Close,
        ..story.by_target("sms", to, "111111")
    };
    let (_, claims) = started(story.start(start).await);
    story.settle(&claims[0], ACCEPTED).await;
    story.check(story.check_targets(&[("sms", to)], "111111")).await;
}

/// Makes so many rows of others, which are as many times sent to, proven, and told of.
fn fill(server: &Server, database: &str, count: usize) {
    let rows = format!("FROM generate_series(1, {count}) i");
    server.query(
        database,
        &format!(
            "INSERT INTO watchword_send_times
                 SELECT md5('subject' || i)::uuid, 'tenant', array_fill(i::bigint, ARRAY[5]), 4e12 + i, 4e12 + i {rows};
             INSERT INTO watchword_verification (number, name_key, vid, namespace, channel, address, route, guess_subject,
                 passcode_key, passcode_digest, lookup_digest, channel_description, address_description, state, attempts,
                 sends, on_right, created_at, expires_at, kept_after, garbage_at)
                 SELECT -i, md5('name' || i)::uuid, md5('vid' || i)::uuid, 'tenant', 'sms', '+7' || i, 'sms', md5(i::text)::uuid,
                     'key', 'digest', sha256(i::text::bytea), '', '', 1, 0, 1, 1, 0, 4e12 + i, 0, 4e12 + i {rows};
             INSERT INTO watchword_delivery_record
                 SELECT md5('id' || i)::uuid, md5('vid' || i)::uuid, 'tenant', 'sms', '+', 2, i, 0, NULL, '{{}}', 0, 0,
                     md5('message' || i)::uuid {rows}"
        ),
    );
    server.query(database, "VACUUM ANALYZE");
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}

/// Microseconds of one of those that were counted.
fn each(ticks: u64) -> u128 {
    u128::from(ticks) * 10_000 / (ROW * ROWS)
}

/// A start, a settlement and a check, each a call and a commit, beside three calls that store a row each.
#[tokio::test(flavor = "multi_thread")]
async fn a_verification_costs_few_times_what_storing_three_rows_does() {
    let server = Server::start(Keeping::OnDisk);
    let url = server.url();
    let story = story(&url).await;
    let database = database_of(&url);
    server.query(database, "CREATE TABLE bare (id uuid PRIMARY KEY, number bigint, text text)");
    server.query(
        database,
        "CREATE FUNCTION bare(id uuid, number bigint, text text) RETURNS bigint LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO bare VALUES (id, number, text); RETURN number; END $$",
    );
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let (mut bare, mut without_limits, mut with_limits) = (0, 0, 0);
    for row in 0..=ROWS {
        let mut before = ticks(&server);
        let mut since = |counted: &mut u64| {
            let now = ticks(&server);
            *counted += if row == 0 { 0 } else { now - before };
            before = now;
        };
        for number in 0..ROW * 3 {
            let id = Uuid::from_u128(number << 64 | row);
            let parameters: [(&(dyn ToSql + Sync), Type); 3] =
                [(&id, Type::UUID), (&4_711_i64, Type::INT8), (&"some text", Type::TEXT)];
            client.query_typed("SELECT bare($1, $2, $3)", &parameters).await.unwrap();
        }
        since(&mut bare);
        for number in 0..ROW {
            verify(&story, &format!("+{row}-{number}"), number, false).await;
        }
        since(&mut without_limits);
        for number in 0..ROW {
            verify(&story, &format!("+{row}-{number}-limited"), number, true).await;
        }
        since(&mut with_limits);
    }
    let (without, with) = (ratio(without_limits, bare), ratio(with_limits, bare));
    println!(
        "three rows {} µs; a verification {} µs, {without:.2} times that; with limits {} µs, {with:.2} times",
        each(bare),
        each(without_limits),
        each(with_limits)
    );
    assert!(without <= 2.5, "{without}");
    // Five more statements: the rules, and reading and writing the send times of an address and a target.
    assert!(with <= 3.0, "{with}");
}

/// However many were sent to before, and wait for the purge.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_before_makes_a_verification_hardly_dearer() {
    let server = Server::start(Keeping::InMemory);
    let urls = [server.url(), server.url()];
    let stories = [story(&urls[0]).await, story(&urls[1]).await];
    fill(&server, database_of(&urls[1]), 100_000);
    let mut spent = [0; 2];
    for row in 0..=ROWS {
        for (story, spent) in stories.iter().zip(&mut spent) {
            let before = ticks(&server);
            for number in 0..ROW {
                verify(story, &format!("+{row}-{number}"), number, true).await;
            }
            *spent += if row == 0 { 0 } else { ticks(&server) - before };
        }
    }
    let [first, later] = spent;
    println!(
        "the first {} µs, after 100 000 others {} µs, {:.2} times",
        each(first),
        each(later),
        ratio(later, first)
    );
    assert!(ratio(later, first) <= 1.3, "{first} and {later}");
}
