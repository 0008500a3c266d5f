//! A database that Perfumer OTP left: ours goes on where it stopped.

use serde_json::{Value, json};
use watchword_testkit::perfumer::{OldSend, leave_limits, leave_sends, leave_tables, what_is_left};

use crate::server::{Database, Server, ended};

const SCHEMA: &str = "otp";
const SMS: i16 = 0;
const EMAIL: i16 = 1;
const CALL: i16 = 2;
const BY_TARGET: i16 = 0;
const BY_IP: i16 = 1;

const TAKEN_OVER: &str = "Perfumer OTP's limits";

/// A code for this phone that is good for some minutes more.
const LIVE: OldSend<'_> = OldSend {
    channel: SMS,
    target: "77011111111",
    password: "1111",
    ip: Some("10.0.0.1"),
    seconds_ago: 60,
    lifetime: 600,
};

fn left(limits: &[(i16, i16, i32, i32)], sends: &[OldSend<'_>]) -> Database {
    let database = Database::new();
    leave_tables(&database.postgres, &database.name, SCHEMA);
    leave_limits(&database.postgres, &database.name, SCHEMA, limits);
    leave_sends(&database.postgres, &database.name, SCHEMA, sends);
    database
}

fn counts(line: &Value) -> [i64; 4] {
    ["rules", "passcodes", "sends", "skipped"].map(|name| line[name].as_i64().unwrap())
}

fn sms(phone: &str, ip: &str) -> Value {
    json!({ "phone": phone, "password": "2222", "message": "Your code: 2222", "lifetime": 300, "ip": ip })
}

fn refused(code: &str, message: &str) -> (u16, Value) {
    (400, json!({ "status": false, "status_code": code, "message": message }))
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_stay_good_and_limits_hold() {
    let expired = OldSend { password: "0000", seconds_ago: 900, ..LIVE };
    let database = left(
        &[
            (SMS, BY_TARGET, 3, 60),
            (SMS, BY_IP, 4, 60),
            (SMS, BY_IP, 1000, 2880),
            (EMAIL, BY_TARGET, 5, 1),
            (CALL, BY_IP, 0, 1),
        ],
        &[
            expired,
            // Too long ago for the rule of an hour.
            OldSend { password: "0001", seconds_ago: 4_000, ..expired },
            LIVE,
            OldSend { password: "1112", seconds_ago: 30, ..LIVE },
            OldSend { channel: CALL, password: "3333", ip: None, ..LIVE },
            OldSend { channel: EMAIL, target: "Jane@Example.com", password: "AbC-1", ip: Some(""), ..LIVE },
            OldSend { target: "77012222222", password: "4444", ..LIVE },
        ],
    );
    let before = what_is_left(&database.postgres, &database.name, SCHEMA);
    let server = Server::start(&database.environment());
    let told = server.told(TAKEN_OVER);
    assert_eq!(
        told.iter().map(counts).collect::<Vec<_>>(),
        [[4, 5, 7, 1]],
        "the rule without a rate is none"
    );

    for (path, is_right) in [
        ("/sms/check?phone=77011111111&password=1111", true),
        ("/sms/check?phone=77011111111&password=1112", true),
        ("/sms/check?phone=77011111111&password=3333", true),
        ("/call/check?phone=77011111111&password=3333", true),
        ("/email/check?email=Jane@Example.com&password=AbC-1", true),
        ("/sms/check?phone=77012222222&password=4444", true),
        ("/sms/check?phone=77011111111&password=0000", false),
        ("/call/check?phone=77011111111&password=1111", false),
        ("/email/check?email=Jane@Example.com&password=abc-1", false),
        ("/sms/check?phone=77012222222&password=1111", false),
    ] {
        assert_eq!(server.get(path).await, json!({ "status": is_right }), "{path}");
    }
    let found = |content: Value| json!({ "status": true, "content": content });
    assert_eq!(
        server.get("/target?channel=sms&password=4444").await,
        found(json!({ "target": "77012222222" }))
    );
    assert_eq!(server.get("/password?target=77011111111").await, found(json!({ "password": "3333" })));

    let shown = server.get("/limit/sms").await;
    assert_eq!(
        shown["content"],
        json!({ "ips": [{ "minutes": 60, "rate": 4 }, { "minutes": 2880, "rate": 1000 }],
                "phones": [{ "minutes": 60, "rate": 3 }] })
    );
    // Three within the hour: one of them has expired, and the fourth is older.
    assert_eq!(
        server.post("/sms", &sms("77011111111", "10.9.9.9")).await,
        refused("phone_limit", "Phone limit has been reached")
    );
    // Four within the hour, to two phones.
    assert_eq!(
        server.post("/sms", &sms("77013333333", "10.0.0.1")).await,
        refused("ip_limit", "IP limit has been reached")
    );
    assert_eq!(server.post("/sms", &sms("77012222222", "10.9.9.9")).await, (200, json!({ "status": true })));
    assert_eq!(what_is_left(&database.postgres, &database.name, SCHEMA), before);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_once_is_not_taken_again() {
    let database = left(&[(SMS, BY_TARGET, 1, 60)], &[LIVE]);
    let server = Server::start(&database.environment());
    assert_eq!(server.told(TAKEN_OVER).len(), 1);
    assert_eq!(server.post("/limit/sms", &json!({ "phones": [] })).await.0, 200);
    server.stop();
    leave_sends(&database.postgres, &database.name, SCHEMA, &[OldSend { password: "9999", ..LIVE }]);
    let again = Server::start(&database.environment());
    assert_eq!(again.told(TAKEN_OVER), Vec::<Value>::new());
    assert_eq!(
        again.get("/limit/sms").await["content"],
        json!({ "ips": [], "phones": [] }),
        "the limit that was cleared stays so"
    );
    assert_eq!(again.get("/sms/check?phone=77011111111&password=1111").await, json!({ "status": true }));
    assert_eq!(again.get("/sms/check?phone=77011111111&password=9999").await, json!({ "status": false }));
    again.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_nodes_that_start_together_one_takes_over_and_all_know() {
    let database = left(&[(SMS, BY_TARGET, 2, 60)], &[LIVE]);
    let environment = database.environment();
    let nodes: Vec<_> = (0..3).map(|_| Server::begin(&environment)).collect();
    let nodes: Vec<_> = nodes.into_iter().map(Server::once_it_listens).collect();
    let told: Vec<_> = nodes.iter().flat_map(|node| node.told(TAKEN_OVER)).collect();
    assert_eq!(told.iter().map(counts).collect::<Vec<_>>(), [[1, 1, 1, 0]]);
    for node in &nodes {
        let check = node.get("/sms/check?phone=77011111111&password=1111").await;
        assert_eq!(check, json!({ "status": true }));
    }
    // One was sent before: of two that come now one has room.
    assert_eq!(nodes[0].post("/sms", &sms("77011111111", "10.9.9.9")).await.0, 200);
    assert_eq!(
        nodes[1].post("/sms", &sms("77011111111", "10.9.9.9")).await,
        refused("phone_limit", "Phone limit has been reached")
    );
    assert_eq!(database.query("SELECT count(*) FROM otp.watchword_verification"), "2");
    nodes.into_iter().for_each(Server::stop);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_can_not_be_taken_is_counted_and_passed_over() {
    let long = "ё".repeat(200);
    let database = left(
        &[(7, BY_TARGET, 1, 1), (SMS, 5, 1, 1)],
        &[
            OldSend { target: "", ..LIVE },
            OldSend { password: "", ..LIVE },
            OldSend { target: &long, ..LIVE },
            OldSend { channel: 9, ..LIVE },
            LIVE,
        ],
    );
    database.query(
        "INSERT INTO otp.otp_password (channel, target, password, expire_at) VALUES
         (NULL, '77010000000', '1', 'infinity'), (0, NULL, '1', 'infinity'), (0, '77010000000', '55', 'infinity'),
         (0, '77010000000', '66', '-infinity'), (0, '77010000000', '77', NULL)",
    );
    let server = Server::start(&database.environment());
    let told = server.told(TAKEN_OVER);
    // Those of no address and of a long one were sent as well.
    assert_eq!(told.iter().map(counts).collect::<Vec<_>>(), [[0, 2, 3, 8]]);
    for (path, is_right) in [
        ("/sms/check?phone=77011111111&password=1111", true),
        ("/sms/check?phone=77010000000&password=55", true),
        ("/sms/check?phone=77010000000&password=66", false),
        ("/sms/check?phone=77010000000&password=77", false),
    ] {
        assert_eq!(server.get(path).await, json!({ "status": is_right }), "{path}");
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_may_not_be_read_stop_the_start_and_say_what_to_do() {
    let database = Database { user: "otp_reader", ..left(&[], &[LIVE]) };
    database.query(&format!(
        "CREATE ROLE otp_reader LOGIN; GRANT USAGE, CREATE ON SCHEMA otp TO otp_reader;
         GRANT CREATE ON DATABASE {} TO otp_reader; GRANT SELECT ON otp.otp_limit TO otp_reader",
        database.name
    ));
    let (code, _, told) = ended(&["serve", "--as", "perfumer"], &database.environment());
    let last = told.lines().last().unwrap();
    assert_eq!(code, Some(1), "{told}");
    assert!(
        last.ends_with(
            "Perfumer OTP's limits and passcodes in \"otp\".otp_password may not be read by \"otp_reader\"; run \
             `GRANT SELECT ON \"otp\".otp_password TO \"otp_reader\"` as the table's owner, or move the table to another schema to \
             begin without them"
        ),
        "{last}"
    );
    database.query("GRANT SELECT ON otp.otp_password TO otp_reader");
    let server = Server::start(&database.environment());
    assert_eq!(server.told(TAKEN_OVER).len(), 1);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_table_of_that_name_is_left_alone() {
    let database = Database::new();
    database.postgres.query("postgres", &format!("CREATE DATABASE {}", database.name));
    database.query("CREATE SCHEMA otp; CREATE TABLE otp.otp_password (id int, secret text)");
    let server = Server::start(&database.environment());
    assert_eq!(server.told(TAKEN_OVER), Vec::<Value>::new());
    let told = server.told("a table has the name of Perfumer OTP's");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["missing"], "channel, target, password, ip, expire_at, created_at");
    server.stop();
}
