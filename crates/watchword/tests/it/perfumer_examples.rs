//! The examples of Perfumer OTP's documentation, as they stand there, with its environment: what its clients are answered, what
//! Queue is handed, and what the services behind it are.

use watchword_testkit::queue::{Served, Task};

use crate::support::{APP_TOKEN, Perfumer, PerfumerSite, TRUE, postgres};

const SMS: &str = r#"{
    "ip": "123.123.123.123",
    "phone": "77011234567",
    "password": "12345",
    "lifetime": 300,
    "message": "Your OTP is 12345"
}"#;

const CALL: &str = r#"{
    "ip": "123.123.123.123",
    "phone": "77011234567",
    "password": "12345",
    "lifetime": 300
}"#;

const EMAIL: &str = r#"{
    "ip": "123.123.123.123",
    "email": "foobar@example.com",
    "password": "12345",
    "lifetime": 300,
    "subject": "Hello",
    "text": "Your OTP is 12345"
}"#;

const TELEGRAM: &str = r#"{
    "ip": "123.123.123.123",
    "chat_id": "1234567890",
    "password": "12345",
    "lifetime": 300,
    "message": "Your OTP is 12345"
}"#;

const CHECK_PHONE: &str = r#"{
    "phone": "77011234567",
    "password": "12345"
}"#;

const CHECK_EMAIL: &str = r#"{
    "email": "foobar@example.com",
    "password": "12345"
}"#;

const CHECK_TELEGRAM: &str = r#"{
    "chat_id": "1234567890",
    "password": "12345"
}"#;

const RULES: &str = r#"{
    "ips": [
        {
            "minutes": 10,
            "rate": 3
        },
        {
            "minutes": 60,
            "rate": 10
        }
    ],
    "phones": [
        {
            "minutes": 10,
            "rate": 3
        }
    ]
}"#;

const IP_LIMIT: &str = r#"{"status":false,"status_code":"ip_limit","message":"IP limit has been reached"}"#;
const PHONE_LIMIT: &str =
    r#"{"status":false,"status_code":"phone_limit","message":"Phone limit has been reached"}"#;
const EMAIL_LIMIT: &str =
    r#"{"status":false,"status_code":"email_limit","message":"Email limit has been reached"}"#;

/// A channel of the documentation.
struct Channel {
    name: &'static str,
    send: &'static str,
    check: &'static str,
    /// What its rules by target are called.
    by_target: &'static str,
    target_limit: &'static str,
    /// Where the service has it, and what Queue's worker is called unless told otherwise.
    endpoint: &'static str,
    worker: &'static str,
    /// What the service is given.
    json: &'static str,
}

const CHANNELS: [Channel; 4] = [
    Channel {
        name: "sms",
        send: SMS,
        check: CHECK_PHONE,
        by_target: "phones",
        target_limit: PHONE_LIMIT,
        endpoint: "/sms",
        worker: "sms",
        json: r#"{"phones":"77011234567","message":"Your OTP is 12345","force":true}"#,
    },
    Channel {
        name: "call",
        send: CALL,
        check: CHECK_PHONE,
        by_target: "phones",
        target_limit: PHONE_LIMIT,
        endpoint: "/call",
        worker: "sms",
        json: r#"{"phones":"77011234567","message":"1 2 3 4 5","force":true}"#,
    },
    Channel {
        name: "email",
        send: EMAIL,
        check: CHECK_EMAIL,
        by_target: "emails",
        target_limit: EMAIL_LIMIT,
        endpoint: "/smtp",
        worker: "email",
        json: r#"{"to":"foobar@example.com","subject":"Hello","text":"Your OTP is 12345","html":null,"force":true}"#,
    },
    Channel {
        name: "telegram",
        send: TELEGRAM,
        check: CHECK_TELEGRAM,
        by_target: "chat_ids",
        target_limit: EMAIL_LIMIT,
        endpoint: "/msg",
        worker: "telegram",
        json: r#"{"to":1234567890,"message":"Your OTP is 12345","silent":false}"#,
    },
];

impl Channel {
    /// Queue's task, to the byte.
    fn task(&self, services: &str) -> String {
        let Self { name, endpoint, worker, json, .. } = self;
        let headers = match *name {
            "telegram" => format!(r#""headers":{{"X-Auth-Token":"{APP_TOKEN}"}},"#),
            _ => String::new(),
        };
        format!(
            r#"{{"url":"{services}{endpoint}","method":"post","worker":"{worker}",{headers}"json":{json}}}"#
        )
    }
}

/// Sends every example, checks it, looks it up, and reaches the limits; nothing of it was sent to this site before.
pub(crate) async fn every_example(site: &PerfumerSite, server: &Perfumer) {
    for channel in &CHANNELS {
        server.post(&format!("/{}", channel.name), channel.send).await.expect(200, TRUE);
        server.get(&format!("/{}/check", channel.name), channel.check).await.expect(200, TRUE);
    }
    every_look_up(server).await;
    for channel in &CHANNELS {
        let (path, limit) = (format!("/{}", channel.name), format!("/limit/{}", channel.name));
        server.post(&limit, &RULES.replace("phones", channel.by_target)).await.expect(200, TRUE);
        // What was sent before there were rules counts.
        let sent = if ["sms", "telegram"].contains(&channel.name) { 2 } else { 1 };
        for _ in sent..3 {
            server.post(&path, channel.send).await.expect(200, TRUE);
        }
        server.post(&path, channel.send).await.expect_limit(IP_LIMIT);
        let elsewhere = channel.send.replace("123.123.123.123", "123.123.123.124");
        server.post(&path, &elsewhere).await.expect_limit(channel.target_limit);
        server.get(&format!("/{}/check", channel.name), channel.check).await.expect(200, TRUE);
    }
    everything_arrived(site).await;
}

/// The documentation has other passwords there, which the messages do not tell.
async fn every_look_up(server: &Perfumer) {
    let by_bot = TELEGRAM.replace("12345\",", "1234567\",");
    server.post("/telegram", &by_bot).await.expect(200, TRUE);
    let asked = r#"{
    "password": "1234567",
    "channel": "telegram"
}"#;
    let target = r#"{"status":true,"content":{"target":"1234567890"}}"#;
    server.get("/target", asked).await.expect(200, target);
    server.post("/sms", &SMS.replace("\"12345\"", "\"123456\"")).await.expect(200, TRUE);
    let asked = r#"{
    "target": "77011234567"
}"#;
    let password = r#"{"status":true,"content":{"password":"123456"}}"#;
    server.get("/password", asked).await.expect(200, password);
}

/// Three of each channel, and nothing of what was refused.
async fn everything_arrived(site: &PerfumerSite) {
    let tasks = site.queue.wait_for_executed(3 * CHANNELS.len()).await;
    let mut tasks: Vec<_> =
        tasks.into_iter().map(|Task { body, executed }| (body, executed.unwrap())).collect();
    tasks.sort_unstable();
    let mut served = site.services.served();
    served.sort_unstable_by(|one, other| (&one.path, &one.body).cmp(&(&other.path, &other.body)));
    let (mut expected_tasks, mut expected_served) = (Vec::new(), Vec::new());
    for channel in &CHANNELS {
        // That of Telegram says so whatever Telegram said.
        let status = if channel.name == "telegram" { 500 } else { 200 };
        for _ in 0..3 {
            expected_tasks.push((channel.task(site.services.url()), Some(status)));
            expected_served.push(Served { path: channel.endpoint.to_owned(), body: channel.json.to_owned() });
        }
    }
    expected_tasks.sort_unstable();
    expected_served.sort_unstable_by(|one, other| (&one.path, &one.body).cmp(&(&other.path, &other.body)));
    assert_eq!(tasks, expected_tasks);
    assert_eq!(served, expected_served);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_documented_environment_every_documented_example_is_as_documented() {
    let postgres = postgres();
    let site = PerfumerSite::without_key(postgres.port).await;
    let server = site.serve(&[]);
    every_example(&site, &server).await;
    let tables =
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'watchword\\_%'";
    assert_eq!(postgres.query(&site.database, tables), "0", "nobody else's names are taken");
    let log = server.terminate().await;
    for secret in ["77011234567", "foobar@", "\"12345", "is 12345", "1 2 3 4 5", "1234567", APP_TOKEN] {
        assert!(!log.iter().any(|line| line.contains(secret)), "{secret}: {log:#?}");
    }
}

/// The shorter page of the documentation has no IP addresses, and a call is "exactly the same" as an SMS.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_shorter_page_work_in_a_schema_of_its_own_with_workers_of_its_own() {
    let postgres = postgres();
    let mut site = PerfumerSite::new(postgres.port).await;
    site.set(&[("PG_SCHEMA", "otp"), ("OTP_SMS_WORKER", "email"), ("OTP_CALL_WORKER", "telegram")]);
    site.set(&[("OTP_EMAIL_WORKER", "sms"), ("OTP_TELEGRAM_WORKER", "email")]);
    let server = site.serve(&[]);
    let without_ip = |send: &str| send.replace("    \"ip\": \"123.123.123.123\",\n", "");
    for Channel { name, send, check, .. } in &CHANNELS {
        let send = if *name == "call" { SMS } else { send };
        server.post(&format!("/{name}"), &without_ip(send)).await.expect(200, TRUE);
        server.get(&format!("/{name}/check"), check).await.expect(200, TRUE);
    }
    let tasks = site.queue.wait_for_executed(CHANNELS.len()).await;
    let mut tasks: Vec<String> = tasks.into_iter().map(|task| task.body).collect();
    let workers = ["email", "telegram", "sms", "email"];
    let mut expected: Vec<String> = CHANNELS
        .into_iter()
        .zip(workers)
        .map(|(channel, worker)| {
            let channel = Channel { worker, ..channel };
            channel.task(site.services.url())
        })
        .collect();
    tasks.sort_unstable();
    expected.sort_unstable();
    assert_eq!(tasks, expected);
    let schemas = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'watchword\\_%'";
    assert_eq!(postgres.query(&site.database, schemas), "otp");
}
