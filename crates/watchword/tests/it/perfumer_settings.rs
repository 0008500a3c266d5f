//! Perfumer OTP's other variables, and what it did not have: no Queue, no PostgreSQL.

use reqwest::Method;
use serde_json::Value;

use crate::perfumer_examples::every_example;
use crate::support::{PerfumerSite, TRUE, logged, postgres, sms};

const PHONE_LIMIT: &str =
    r#"{"status":false,"status_code":"phone_limit","message":"Phone limit has been reached"}"#;

const DATABASE: [&str; 6] = ["PG_HOST", "PG_REAL_HOST", "PG_PORT", "PG_DATABASE", "PG_USER", "PG_PASSWORD"];

/// The lines of a start whose settings are wrong.
fn mistakes(site: &PerfumerSite) -> Vec<String> {
    let run = site.run(&["serve", "--as", "perfumer"]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    run.err.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dummy_sends_nothing_and_all_else_works() {
    let postgres = postgres();
    let mut site = PerfumerSite::new(postgres.port).await;
    site.set(&[("DUMMY", "true"), ("PHP_PM_MAX_CHILDREN", "10"), ("PHP_PM_MAX_REQUESTS", "500")]);
    site.set(&[("OTP_SMS_WORKERS", "sms")]);
    let server = site.serve(&[]);
    server.post("/limit/sms", r#"{"phones":[{"minutes":10,"rate":2}]}"#).await.expect(200, TRUE);
    for _ in 0..2 {
        assert!(server.sms("77011234567", "12345", 300).await.is_true());
    }
    server.sms("77011234567", "12345", 300).await.expect_limit(PHONE_LIMIT);
    assert!(server.checks("77011234567", "12345").await);
    let email = r#"{"email":"a@b.c","password":"1","lifetime":300,"subject":"1","text":"1"}"#;
    server.post("/email", email).await.expect(200, TRUE);
    server.sends_all().await;
    assert_eq!(site.deliveries().len(), 3);
    let log = server.terminate().await;
    assert!(site.queue.tasks().is_empty(), "{:?}", site.queue.tasks());
    let warnings: Vec<_> =
        log.iter().filter(|line| line.contains("\"WARN\"")).filter_map(|line| logged(line)).collect();
    let nobody = |channel| {
        format!("provider `{channel}`: takes every message and sends none; nobody gets a passcode by it")
    };
    let mut expected =
        vec!["OTP_SMS_WORKERS is not known, and not read; did you mean OTP_SMS_WORKER?".to_owned()];
    expected.extend(["call", "email", "sms", "telegram"].map(nobody));
    // What follows is about how the test's PostgreSQL is set up.
    assert_eq!(warnings[..expected.len()], expected);
    assert!(
        warnings[expected.len()..].iter().all(|warning| warning.starts_with("postgres: ")),
        "{warnings:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_user_name_and_a_password_nobody_else_is_let_in() {
    let postgres = postgres();
    let mut site = PerfumerSite::new(postgres.port).await;
    site.set(&[("HTTP_AUTH_USERNAME", "app")]);
    let alone = "watchword: HTTP_AUTH_USERNAME: is set without HTTP_AUTH_PASSWORD: set both, or neither";
    assert_eq!(mistakes(&site), [alone]);

    site.set(&[("HTTP_AUTH_PASSWORD", "s3cret")]);
    let server = site.serve(&[]);
    for path in ["/sms", "/nowhere"] {
        for (user, password) in [(None, ""), (Some("app"), "secret"), (Some("ap"), "s3cret")] {
            let request = server.request(Method::POST, path).body("{}");
            let request = match user {
                Some(user) => request.basic_auth(user, Some(password)),
                None => request,
            };
            let reply = request.send().await.unwrap();
            let challenge = reply.headers()["www-authenticate"].to_str().unwrap().to_owned();
            assert_eq!((reply.status().as_u16(), challenge.as_str()), (401, "Basic realm=\"OTP\""));
            let body: Value = reply.json().await.unwrap();
            assert_eq!(body["status"], false);
        }
    }
    let known = |path| server.request(Method::POST, path).basic_auth("app", Some("s3cret"));
    let sent = known("/sms").body(sms("77011234567", "12345", 300)).send().await.unwrap();
    assert_eq!((sent.status().as_u16(), sent.text().await.unwrap().as_str()), (200, TRUE));
    assert_eq!(known("/nowhere").send().await.unwrap().status(), 404);
}

/// In a file, on this machine, and with a key file beside it.
#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_a_file_will_do_once_it_is_named() {
    let mut site = PerfumerSite::without_key(1).await;
    DATABASE.iter().for_each(|name| site.unset(name));
    let told = mistakes(&site);
    let [line] = &told[..] else { panic!("{told:#?}") };
    for way in ["PG_HOST", "PG_DATABASE", "PG_USER", "PG_PASSWORD", "WATCHWORD_STORE=sqlite:"] {
        assert!(line.contains(way), "{line}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("otp.db").display().to_string();
    site.set(&[("WATCHWORD_STORE", &format!("sqlite:{file}"))]);
    let server = site.serve(&[]);
    every_example(&site, &server).await;
    let email = server.get("/limit/email", "").await;
    server.terminate().await;
    let server = site.serve(&[]);
    assert!(server.checks("77011234567", "12345").await, "it is still there after a restart");
    assert_eq!(server.get("/limit/email", "").await, email);
}
