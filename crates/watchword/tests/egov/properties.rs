//! Their configuration: a file of properties, the environment over it, and their database.

use serde_json::{Value, json};
use watchword_testkit::postgres::{Keeping, Server as Postgres, database_of};

use crate::digit::{Digit, GATEWAY, MDMS, USERS};
use crate::site::{SEARCH, Site, WRONG};

const NUMBER: &str = "9876543210";

/// As a chart writes it, with things that mean nothing here.
fn application(digit: &Digit) -> String {
    format!(
        "# egov-otp and user-otp\nserver.port=8089\nserver.servlet.context-path=/user-otp\n\
         services=${{HOST_OF_DIGIT:{}}}/\nuser.host=${{services}}\negov.mdms.host=${{services}}\n\
         search.user.url=user/_search\negov.otp.length=4\negov.otp.ttl=1\negov.otp.encrypt=true\n\
         spring.flyway.enabled=true\nspring.datasource.hikari.maximum-pool-size=10\n\
         spring.kafka.bootstrap-servers=kafka:9092\nexpiry.time.for.otp=3000\n",
        digit.origin
    )
}

/// The file's and the environment's properties are in force: 4 digits, good for longer than the file says, by our own gateway.
async fn expect_in_force(site: &Site, digit: &Digit) {
    let before = digit.asked(GATEWAY).len();
    let server = site.serve();
    let warnings = server.warnings();
    let obsolete = "these have no meaning any more: egov.otp.encrypt, spring.datasource.hikari.maximum-pool-size, spring.flyway.enabled";
    assert!(warnings.iter().any(|line| line == obsolete), "{warnings:#?}");
    server.sends("register", NUMBER).await;
    let sent = &digit.wait_for(GATEWAY, before + 1).await[before].body;
    let code = sent["otp"]["otp"].as_str().unwrap();
    assert_eq!((code.len(), &sent["otp"]["ttl"]), (4, &json!(600)));
    assert!(!digit.asked(USERS).is_empty() && !digit.asked(MDMS).is_empty());
    assert_eq!(server.validate(NUMBER, code).await.0, 200);
    assert_eq!(server.validate(NUMBER, code).await, (400, WRONG.to_owned()));
    server.stop();
}

fn with_file(digit: &Digit) -> Site {
    let mut site = Site::alone();
    site.properties(&application(digit));
    site.own_providers(&format!(
        "[providers.sms]\nkind = \"webhook\"\nurl = \"{}{GATEWAY}\"\n",
        digit.origin
    ));
    // The environment goes over the file, by any of the names that Spring takes.
    site.unset("SPRING_KAFKA_BOOTSTRAP_SERVERS");
    site.set("SPRING_KAFKA_BOOTSTRAPSERVERS", "");
    site.set("egov.otp-ttl", "600");
    site.set("SPRING_DATASOURCE_HIKARI_MAXIMUM-POOL-SIZE", "5");
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_properties_and_relaxed_names_are_in_force_on_sqlite() {
    let digit = Digit::start().await;
    let mut site = with_file(&digit);
    expect_in_force(&site, &digit).await;

    site.unset("WATCHWORD_LISTEN");
    let (code, out, _) = site.ended(&["config", "check"]);
    assert_eq!(code, Some(0));
    assert!(out.contains(":8089, store sqlite:") && out.contains("providers sms (webhook)"), "{out}");
    site.set("SERVER_PORT", "8090");
    assert!(site.ended(&["config", "check"]).1.contains(":8090, store sqlite:"));
}

/// A database of PostgreSQL, named as Spring's properties name it.
fn on_postgres(site: &mut Site, postgres: &Postgres, password: &str) -> String {
    let database = database_of(&postgres.url()).to_owned();
    site.unset("WATCHWORD_STORE");
    let url = format!("jdbc:postgresql://127.0.0.1:{}/{database}?currentSchema=otp", postgres.port);
    site.set("SPRING_DATASOURCE_URL", &url);
    site.set("SPRING_DATASOURCE_USERNAME", "postgres");
    site.set("SPRING_DATASOURCE_PASSWORD", password);
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn their_database_is_the_store_and_its_password_keeps_the_data_key() {
    const NO_KEY: &str = "WATCHWORD_KEY";
    let digit = Digit::start().await;
    let postgres = tokio::task::block_in_place(|| Postgres::start(Keeping::InMemory));
    let mut site = with_file(&digit);
    let database = on_postgres(&mut site, &postgres, "p@ss word/1");
    expect_in_force(&site, &digit).await;
    let rows = postgres.query(&database, "SELECT count(*) FROM otp.watchword_verification");
    assert_eq!(rows, "1");

    // A start without WATCHWORD_KEY says so each time, and finds the key again.
    let server = site.serve();
    assert!(server.warnings().iter().any(|line| line.contains(NO_KEY)), "{:#?}", server.warnings());
    let (code, uuid) = server.create(NUMBER).await;
    server.stop();
    let server = site.serve();
    assert_eq!(server.validate(NUMBER, &code).await.0, 200);
    let found: Value =
        serde_json::from_str(&server.post(SEARCH, &json!({ "otp": { "uuid": uuid } })).await.1).unwrap();
    assert_eq!(found["otp"]["isValidationSuccessful"], true);
    server.stop();
    let dump = postgres.query(&database, "SELECT string_agg(v::text, ' ') FROM otp.watchword_verification v");
    assert!(!dump.contains(&format!("\"{code}\"")) && !dump.contains("p@ss"), "no code is in the clear");

    // With another password nothing opens: the server believes the database's word, not its own luck.
    site.set("SPRING_DATASOURCE_PASSWORD", "another");
    let (status, _, told) = site.ended(&["serve"]);
    let last = told.lines().last().unwrap_or_default();
    assert_eq!(status, Some(1), "{told}");
    assert!(last.contains(NO_KEY), "{last}");

    // A key of one's own from the start: no warning.
    on_postgres(&mut site, &postgres, "another");
    site.set(NO_KEY, &"5a".repeat(32));
    let server = site.serve();
    assert!(!server.warnings().iter().any(|line| line.contains(NO_KEY)), "{:#?}", server.warnings());
    server.stop();
}

#[test]
fn without_a_database_the_start_names_both_ways_to_have_one() {
    let mut site = Site::alone();
    site.unset("WATCHWORD_STORE");
    site.own_providers("[providers.sms]\nkind = \"discard\"\n");
    let (code, out, told) = site.ended(&["serve"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(told.contains("spring.datasource.url") && told.contains("WATCHWORD_STORE=sqlite:"), "{told}");
}
