//! Taking over from Perfumer OTP: how much of a large table, through a pooler, at once. What the program makes of it is tried there.

use futures::future::join_all;
use watchword_core::address::Channel;
use watchword_core::keyring::{Keyring, Subject, SubjectKey};
use watchword_core::namespace::Namespace;
use watchword_core::throttle::ThrottleKind;
use watchword_core::time::Timestamp;
use watchword_core::verification::Verification;
use watchword_store::{OldPasscode, PostgresStore, Successor, TakenOver};
use watchword_testkit::deadline::within;
use watchword_testkit::perfumer::{leave_limits, leave_tables};
use watchword_testkit::postgres::{Server, database_of};

use crate::server::{modest, pooled, shared, store};

/// Takes sends and limits, no passcodes.
struct Counting {
    namespace: Namespace,
    keyring: Keyring,
}

impl Successor for Counting {
    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn verification(&self, _: &OldPasscode<'_>) -> Option<Verification> {
        None
    }

    fn counted_under(&self, kind: ThrottleKind, channel: &Channel, text: &str) -> SubjectKey {
        self.keyring.subject(&self.namespace, Subject::Sends(kind, channel, text))
    }
}

fn successor() -> Counting {
    Counting { namespace: Namespace::new("perfumer").unwrap(), keyring: Keyring::new([&[7; 32]]).unwrap() }
}

/// The server's time: the rows are by that.
fn now(server: &Server) -> Timestamp {
    let millis =
        server.query("postgres", "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint");
    Timestamp::from_millis(millis.parse().unwrap())
}

/// One phone gets `often` messages in as many seconds, others one each; all of them live no more.
fn leave_history(server: &Server, database: &str, often: u32, others: u32) {
    leave_tables(server, database, "public");
    for (targets, count) in [("'77010000000'", often), ("'7702' || n", others)] {
        let rows = format!(
            "INSERT INTO otp_password (channel, target, password, ip, expire_at, created_at)
             SELECT 0, {targets}, '1', NULL, t.at, t.at FROM generate_series(1, {count}) n,
                 LATERAL (SELECT (now() AT TIME ZONE 'UTC') - n * interval '1 second' AS at) t"
        );
        server.query(database, &rows);
    }
}

async fn take(store: &PostgresStore, now: Timestamp) -> Option<TakenOver> {
    within("the take-over", store.take_over(&successor(), now)).await.unwrap()
}

const TIMES: &str =
    "SELECT cardinality(times), count(*) FROM watchword_send_times GROUP BY 1 ORDER BY 1 DESC";

#[tokio::test(flavor = "multi_thread")]
async fn of_many_sends_the_newest_count_as_far_as_the_rules_look() {
    let server = shared();
    for (limits, expected, sends) in [
        (&[][..], "100|1\n1|1300", 1_400),
        (&[(0, 0, 120, 60)][..], "120|1\n1|1300", 1_420),
        // Those by IP address are for IP addresses.
        (&[(0, 1, 120, 60)][..], "100|1\n1|1300", 1_400),
    ] {
        let url = server.url();
        let database = database_of(&url);
        leave_history(&server, database, 3_000, 1_300);
        leave_limits(&server, database, "public", limits);
        let store = store(&url, modest()).await;
        let taken = take(&store, now(&server)).await.unwrap();
        let rules = limits.len() as u64;
        assert_eq!(taken, TakenOver { rules, passcodes: 0, sends, skipped: 0 });
        assert_eq!(server.query(database, TIMES), expected, "{limits:?}");
        let newest =
            "SELECT max(t) - min(t) FROM watchword_send_times, unnest(times) t WHERE cardinality(times) > 1";
        let seconds = (sends - 1_300 - 1) * 1_000;
        assert_eq!(server.query(database, newest), seconds.to_string(), "a second apart, none left out");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_through_a_pooler_with_and_without_the_server_behind_it() {
    let pooled = pooled();
    let (pooler, server) = &*pooled;
    let url = pooler.url();
    let database = database_of(&url);
    leave_history(server, database, 10, 700);
    leave_limits(server, database, "public", &[(1, 0, 5, 10)]);
    // PgBouncer has learned of the database by the time it is asked.
    let only_pooled = url.split('?').next().unwrap();
    let first = store(only_pooled, modest()).await;
    let expected = TakenOver { rules: 1, passcodes: 0, sends: 710, skipped: 0 };
    assert_eq!(take(&first, now(server)).await, Some(expected));
    let second = store(&url, modest()).await;
    assert_eq!(take(&second, now(server)).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_nodes_at_once_one_does_it() {
    let server = shared();
    let url = server.url();
    leave_history(&server, database_of(&url), 10, 700);
    let nodes = join_all((0..5).map(|_| store(&url, modest()))).await;
    let now = now(&server);
    let taken = join_all(nodes.iter().map(|node| take(node, now))).await;
    let taken: Vec<_> = taken.into_iter().flatten().collect();
    assert_eq!(taken, [TakenOver { rules: 0, passcodes: 0, sends: 710, skipped: 0 }]);
    assert_eq!(server.query(database_of(&url), TIMES), "10|1\n1|700");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_here_already_counts_beside_it() {
    let server = shared();
    let url = server.url();
    let database = database_of(&url);
    let store = store(&url, modest()).await;
    assert_eq!(
        take(&store, now(&server)).await,
        None,
        "the tables are not there, and that is not the end of it"
    );
    leave_history(&server, database, 3, 0);
    let subject =
        successor().counted_under(ThrottleKind::Target, &Channel::new("sms").unwrap(), "77010000000");
    let bytes = subject.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let ours = format!("INSERT INTO watchword_send_times VALUES ('{bytes}', 'perfumer', '{{1,2}}', 3, 0)");
    server.query(database, &ours);
    assert_eq!(take(&store, now(&server)).await.unwrap().sends, 3);
    let times = "SELECT cardinality(times), times[1:2], garbage_at > 3 FROM watchword_send_times";
    assert_eq!(server.query(database, times), "5|{1,2}|t");
}
