//! egov-otp: tokens that are made, used once, and found.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Barrier;
use watchword_core::guess::GuessRule;

use crate::harness::{App, CREATE, NO_TOKEN, SEARCH, WRONG, Wishes, token};

/// What a code looks like in a reply.
fn quoted(code: &str) -> String {
    format!("\"{code}\"")
}

#[tokio::test]
async fn a_token_is_made_validated_once_and_found_all_the_while() {
    let app = App::new();
    let body = json!({ "otp": { "identity": "9876543210", "tenantId": "pb.amritsar" } }).to_string();
    let reply = app.post(CREATE, &body).await;
    let made: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    let (code, uuid) = (made["otp"]["otp"].as_str().unwrap(), made["otp"]["UUID"].as_str().unwrap());
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    reply.expect(201, &token(&quoted(code), "9876543210", "pb", uuid, false));
    app.search(uuid).await.expect(200, &token("null", "9876543210", "pb", uuid, false));
    // Another city of the state is the same tenant.
    let validated = token(&quoted(code), "9876543210", "pb", uuid, true);
    app.validate("9876543210", "pb.jalandhar", code).await.expect(200, &validated);
    app.validate("9876543210", "pb.jalandhar", code).await.expect(400, WRONG);
    app.search(uuid).await.expect(200, &token("null", "9876543210", "pb", uuid, true));
}

#[tokio::test]
async fn several_live_codes_are_each_good_once() {
    let app = App::new();
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(app.create("john", "pb").await);
    }
    for index in [2, 0, 3, 1] {
        let (code, uuid) = &made[index];
        app.validate("john", "pb", code).await.expect(200, &token(&quoted(code), "john", "pb", uuid, true));
        app.validate("john", "pb", code).await.expect(400, WRONG);
    }
}

#[tokio::test]
async fn a_code_is_good_for_its_own_identity_and_state_alone() {
    let app = App::new();
    let (code, uuid) = app.create("john", "pb").await;
    for (identity, tenant) in
        [("jane", "pb"), ("John", "pb"), ("john", "mh"), ("john", "PB"), (" john", "pb")]
    {
        app.validate(identity, tenant, &code).await.expect(400, WRONG);
    }
    app.validate("john", "pb", &code).await.expect(200, &token(&quoted(&code), "john", "pb", &uuid, true));
}

#[tokio::test]
async fn a_code_ends_with_its_time_and_its_token_is_found_for_a_day_more() {
    let app = App::new();
    let (code, expired) = app.create("john", "pb").await;
    let (last, used) = app.create("john", "pb").await;
    app.pass(899);
    app.validate("john", "pb", &last).await.expect(200, &token(&quoted(&last), "john", "pb", &used, true));
    app.pass(1);
    app.validate("john", "pb", &code).await.expect(400, WRONG);
    app.pass(24 * 3_600 - 1);
    app.search(&expired).await.expect(200, &token("null", "john", "pb", &expired, false));
    app.search(&used).await.expect(200, &token("null", "john", "pb", &used, true));
    app.pass(1);
    app.search(&expired).await.expect(200, NO_TOKEN);
}

#[tokio::test]
async fn a_search_that_names_no_token_finds_none() {
    let app = App::new();
    let (_, uuid) = app.create("john", "pb").await;
    for other in
        [uuid.to_uppercase(), uuid.replace('-', ""), format!("{{{uuid}}}"), "x".repeat(300), " ".to_owned()]
    {
        app.search(&other).await.expect(200, NO_TOKEN);
    }
    app.search("00000000-0000-0000-0000-000000000000").await.expect(200, NO_TOKEN);
    for body in ["{}", r#"{"otp":null}"#, r#"{"otp":{}}"#, r#"{"otp":{"uuid":""}}"#] {
        app.post(SEARCH, body).await.expect(200, NO_TOKEN);
    }
    // Nothing else is looked at.
    let body = json!({ "otp": { "uuid": uuid, "tenantId": "mh", "identity": "x".repeat(300) } }).to_string();
    app.post(SEARCH, &body).await.expect(200, &token("null", "john", "pb", &uuid, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_validations_of_one_code_at_once_one_wins() {
    for _ in 0..8 {
        let app = Arc::new(App::new());
        let (code, uuid) = app.create("john", "pb").await;
        let barrier = Arc::new(Barrier::new(16));
        let racing: Vec<_> = (0..16)
            .map(|_| {
                let (app, code, barrier) = (Arc::clone(&app), code.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    app.validate("john", "pb", &code).await
                })
            })
            .collect();
        let mut won = 0;
        for reply in racing {
            let reply = reply.await.unwrap();
            if reply.status == 200 {
                won += 1;
                reply.expect(200, &token(&quoted(&code), "john", "pb", &uuid, true));
            } else {
                reply.expect(400, WRONG);
            }
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn who_guesses_too_often_is_refused_for_a_while_and_not_told() {
    let guess = GuessRule { burst: 5, ..GuessRule::default() };
    let app = App::with(Wishes { guess, ..Wishes::default() });
    let (used, used_uuid) = app.create("john", "pb").await;
    let (code, uuid) = app.create("john", "pb").await;
    app.validate("john", "pb", &used)
        .await
        .expect(200, &token(&quoted(&used), "john", "pb", &used_uuid, true));
    // A code that was used already is refused, and is no guess.
    for _ in 0..20 {
        app.validate("john", "pb", &used).await.expect(400, WRONG);
        assert_eq!(app.answered.last(), Some(("egov", "validate", "used")));
    }
    for _ in 0..5 {
        app.validate("john", "pb.amritsar", "nonsense").await.expect(400, WRONG);
        assert_eq!(app.answered.last(), Some(("egov", "validate", "wrong")));
    }
    app.validate("john", "pb", &code).await.expect(400, WRONG);
    assert_eq!(app.answered.last(), Some(("egov", "validate", "refused")));
    // A new code refills nothing, and nobody else is refused.
    app.create("john", "pb").await;
    app.validate("john", "pb", &code).await.expect(400, WRONG);
    let (other, other_uuid) = app.create("jane", "pb").await;
    app.validate("jane", "pb", &other)
        .await
        .expect(200, &token(&quoted(&other), "jane", "pb", &other_uuid, true));
    app.pass(60);
    app.validate("john", "pb", &code).await.expect(200, &token(&quoted(&code), "john", "pb", &uuid, true));
}

#[tokio::test]
async fn identities_and_tenants_are_taken_as_they_come() {
    let app = App::new();
    let longest = "x".repeat(100);
    for (identity, tenant, cut) in [
        (" ", " ", " "),
        ("a \"quoted\" \\ जॉन", "pb-x.y", "pb-x"),
        (longest.as_str(), "9", "9"),
        ("a@example.com", "pb.", "pb"),
    ] {
        let (code, uuid) = app.create(identity, tenant).await;
        let reply = app.validate(identity, tenant, &code).await;
        let told: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let otp = json!({ "otp": code, "identity": identity, "tenantId": cut, "UUID": uuid, "isValidationSuccessful": true });
        assert_eq!(told, json!({ "responseInfo": null, "otp": otp }));
    }
    // A number is as good as a text.
    let reply = app.post(CREATE, r#"{"otp":{"identity":9876543210,"tenantId":true}}"#).await;
    assert!(reply.body.contains(r#""identity":"9876543210","tenantId":"true""#), "{reply:?}");
}

#[tokio::test]
async fn lengths_and_lifetimes_are_as_told() {
    let settings = watchword_http::dialects::egov::EgovSettings {
        passcode_length: 8,
        ttl: std::time::Duration::from_secs(60),
        ..crate::harness::alone()
    };
    let app = App::of(settings);
    let (code, _) = app.create("john", "pb").await;
    assert_eq!(code.len(), 8);
    app.pass(60);
    app.validate("john", "pb", &code).await.expect(400, WRONG);
    assert!(app.sms.handed().is_empty(), "a bare token is sent to nobody");
}
