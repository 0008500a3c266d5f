//! What an operation costs the server: one statement, no walk through a table, and a share of a sync of its log.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use watchword_core::address::Channel;
use watchword_core::delivery::ProviderId;
use watchword_core::guess::LookupRule;
use watchword_core::ports::{
    Dedupe, Enqueue, Extend, NewestTarget, Receipt, Select, Selector, SetAddress, Start,
};
use watchword_core::throttle::ThrottleRule;
use watchword_store::PostgresOptions;
use watchword_testkit::deadline::eventually;
use watchword_testkit::observer::{Event, Recording};
use watchword_testkit::postgres::{Keeping, Server, database_of};
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::{
    ACCEPTED, Story, TTL, external_id, look_up_digest, started, subject, target,
};

use crate::server::{modest, shared, store};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn sms() -> Channel {
    Channel::new("sms").unwrap()
}

/// Every operation of a request's path and of the dispatcher's, once; what comes of each does not matter here.
async fn tour(story: &Story, number: u32) {
    let store = &story.store;
    let id = |name: &str| format!("{name}-{number}");
    let phone = format!("+{number}");
    let throttled = Start {
        throttle: Some(story.throttle("sms", Some("::1"), Some(&phone))),
        dedupe: Some(Dedupe { key: subject(&["request", &phone]), until: story.now.after(TTL) }),
        unique_in: Some(sms()),
        ..story.by_target("sms", &phone, "111111")
    };
    story.start(throttled).await;
    story.check(story.check_targets(&[("sms", &phone), ("call", &phone)], "999999")).await;
    let (one, claims) = started(story.start(story.by_id(&id("john"), "111111")).await);
    story.resend(story.resend_of(&one)).await;
    story.check_ids(&id("john"), &["999999"]).await;
    let extend = Extend {
        namespace: story.namespace.clone(),
        now: story.now,
        id: claims[0].delivery.id,
        fence: claims[0].delivery.fence,
        lease_until: story.now.after(TTL),
    };
    store.extend(extend).await.unwrap();
    story.settle(&claims[0], ACCEPTED).await;
    let waits = story.begin(story.by_id_without_address(&id("jane"), "111111")).await;
    let set = SetAddress {
        namespace: story.namespace.clone(),
        now: story.now,
        external_id: external_id(&id("jane")),
        expected: waits.vid,
        target: target("sms", &phone),
        guess_subject: story.guesses_of(&phone),
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
    story.claim("a", 64).await;
    story.live(&id("jane")).await;
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
    store.newest_passcode(story.namespace.clone(), story.now, vec![target("sms", &phone)]).await.unwrap();
    let receipt = Receipt {
        now: story.now,
        provider: ProviderId::new("p").unwrap(),
        message_id: id("m"),
        status: "delivered".to_owned(),
    };
    store.receipt(receipt).await.unwrap();
    store.delivery(claims[0].delivery.id).await.unwrap();
    story.hasten(claims[0].delivery.id).await;
    let select = |name: &str| Select {
        selector: Selector::Id(external_id(&id(name))),
        ..story.select(Selector::Vid(one.vid))
    };
    store.delete_if_approved(select("john")).await.unwrap();
    store.cancel(select("jane")).await.unwrap();
    story.check_ids(&id("john"), &["111111"]).await;
    store.unlock(story.namespace.clone(), vec![story.guesses_of(&phone)]).await.unwrap();
    store.get_rules(story.namespace.clone(), sms()).await.unwrap();
}

async fn rules(story: &Story) {
    let rule = || vec![ThrottleRule { rate: 100_000, window: DAY }];
    story.store.put_rules(story.namespace.clone(), sms(), Some(rule()), Some(rule())).await.unwrap();
}

/// Statements of this database, without those of the test itself, and how often each came.
fn statements(server: &Server, database: &str) -> Vec<String> {
    let told = server.query(
        database,
        "SELECT calls || ' ' || query FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
            WHERE datname = current_database() AND toplevel AND query NOT LIKE '%pg_stat_statements%'",
    );
    told.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_one_statement_and_nothing_else() {
    let server = shared();
    let url = server.url();
    let database = database_of(&url);
    let observer = Arc::new(Recording::new());
    let options = PostgresOptions { observer: Arc::clone(&observer) as _, ..modest() };
    let story = Story::new(Fresh::new(store(&url, options).await));
    rules(&story).await;
    server.query(database, "CREATE EXTENSION pg_stat_statements");
    server.query(
        database,
        "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()",
    );
    let operations = || observer.events().iter().filter(|event| **event == Event::Committed(1)).count();
    let before = operations();
    tour(&story, 1).await;
    let made = operations() - before;
    assert!(made > 20, "{made}");
    let statements = statements(&server, database);
    let calls = |line: &String| line.split(' ').next().and_then(|calls| calls.parse::<usize>().ok());
    let total: usize = statements.iter().map(|line| calls(line).expect("a count comes first")).sum();
    assert_eq!(total, made, "{statements:#?}");
    for line in &statements {
        assert!(line.contains(" SELECT ") && line.contains("watchword_"), "{line}");
    }
}

/// So many rows of everything that was kept, from the few that are there, and statistics about them.
const FILL: [&str; 7] = [
    "INSERT INTO watchword_verification
        SELECT made.* FROM watchword_verification v, generate_series(1, 100000) n,
            jsonb_populate_record(v, jsonb_build_object(
            'number', nextval('watchword_number'), 'vid', md5(n::text)::uuid, 'name_key', md5(n::text)::uuid)) made
        WHERE v.ctid = (SELECT min(ctid) FROM watchword_verification)",
    "INSERT INTO watchword_delivery_record
        SELECT made.* FROM watchword_delivery_record r, generate_series(1, 100000) n,
            jsonb_populate_record(r, jsonb_build_object('id', md5(n::text)::uuid, 'vid', md5(n::text)::uuid)) made
        WHERE r.ctid = (SELECT min(ctid) FROM watchword_delivery_record)",
    "INSERT INTO watchword_outbox
        SELECT made.* FROM watchword_outbox o, generate_series(1, 100000) n,
            jsonb_populate_record(o, jsonb_build_object(
            'id', md5(n::text)::uuid, 'vid', md5(n::text)::uuid, 'due_at', 9000000000000, 'expires_at', 9100000000000)) made
        WHERE o.ctid = (SELECT min(ctid) FROM watchword_outbox)",
    "INSERT INTO watchword_guess_count
        SELECT made.* FROM watchword_guess_count c, generate_series(1, 100000) n,
            jsonb_populate_record(c, jsonb_build_object('subject', md5(n::text)::uuid)) made
        WHERE c.ctid = (SELECT min(ctid) FROM watchword_guess_count)",
    "INSERT INTO watchword_send_times
        SELECT made.* FROM watchword_send_times s, generate_series(1, 100000) n,
            jsonb_populate_record(s, jsonb_build_object('subject', md5(n::text)::uuid)) made
        WHERE s.ctid = (SELECT min(ctid) FROM watchword_send_times)",
    "INSERT INTO watchword_handled_request
        SELECT made.* FROM watchword_handled_request h, generate_series(1, 100000) n,
            jsonb_populate_record(h, jsonb_build_object('key', md5(n::text)::uuid)) made
        WHERE h.ctid = (SELECT min(ctid) FROM watchword_handled_request)",
    "ANALYZE",
];

/// Waits until these connections ended: only then have they told all that they counted.
async fn ended(server: &Server, database: &str, application: &str) {
    let connections = format!(
        "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = '{application}' AND datname = '{database}' AND pid <> pg_backend_pid()"
    );
    eventually("the connections to end", async || {
        (server.query("postgres", &connections) == "0").then_some(())
    })
    .await;
}

/// The tables that were walked through since the numbers were reset, and how often. Only migrations look at their history.
async fn walks(server: &Server, database: &str) -> String {
    ended(server, database, "watchword").await;
    let walks = "SELECT relname || ' ' || seq_scan FROM pg_stat_user_tables
        WHERE seq_scan > 0 AND relname <> 'watchword_schema_history'";
    server.query(database, walks)
}

/// Begins to count anew.
async fn reset(server: &Server, database: &str) {
    ended(server, database, "psql").await;
    server.query(database, "SELECT pg_stat_reset()");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_walks_through_a_table_whether_plans_were_made_over_full_tables_or_empty_ones() {
    let server = shared();
    let url = server.url();
    let database = database_of(&url);
    let story = async || Story::new(Fresh::new(store(&url, modest()).await));
    let first = story().await;
    rules(&first).await;
    drop(first);
    ended(&server, database, "watchword").await;
    // Plans over nearly nothing; the same connections go on when the tables are full.
    let mut early = story().await;
    reset(&server, database).await;
    tour(&early, 0).await;
    early.begin(early.by_target("sms", "+0", "222222")).await;
    early.check(early.check_targets(&[("sms", "+0")], "999999")).await;
    for statement in FILL {
        server.query(database, statement);
    }
    assert_eq!(server.query(database, "SELECT count(*) > 100000 FROM watchword_verification"), "t");
    let mut late = story().await;
    // Ids are made of the time.
    late.pass(Duration::from_secs(1));
    reset(&server, database).await;
    for number in 1..10 {
        tour(&early, number).await;
        tour(&late, number + 100).await;
    }
    early.pass(DAY * 3);
    early.purge(100).await;
    drop((early, late));
    assert_eq!(walks(&server, database).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_many_connections_share_a_sync_of_the_log() {
    const WORKERS: usize = 64;
    const EACH: usize = 20;
    let server = Server::start(Keeping::OnDisk);
    let url = server.url();
    let options = PostgresOptions { connections: WORKERS, ..PostgresOptions::default() };
    let story = Arc::new(Story::new(Fresh::new(store(&url, options).await)));
    let syncs = || server.query("postgres", "SELECT wal_sync FROM pg_stat_wal").parse::<usize>().unwrap();
    let work = async |from: usize| {
        let workers = (0..WORKERS).map(|worker| {
            let story = Arc::clone(&story);
            tokio::spawn(async move {
                for number in from..from + EACH {
                    let id = format!("john-{worker}-{number}");
                    // Everybody at an address of their own, or they would wait for each other.
                    let guess_subject = story.guesses_of(&id);
                    story.begin(Start { guess_subject, ..story.by_id(&id, "111111") }).await;
                    story.check_ids(&id, &["111111"]).await;
                }
            })
        });
        for worker in join_all(workers).await {
            worker.unwrap();
        }
    };
    // Before the first row, all connections are made. The best of three: what else the machine does only keeps commits apart.
    work(0).await;
    let mut least = f64::INFINITY;
    for row in 1..=3 {
        let before = syncs();
        work(row * EACH).await;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let each = (syncs() - before) as f64 / (2 * WORKERS * EACH) as f64;
        println!("{each:.3} syncs of the log a call");
        least = least.min(each);
    }
    assert!(least < 0.3, "{least}");
}
