//! DIGIT's services as they are asked: what goes out, how often, and what comes of it when they don't answer.

use std::net::TcpListener;
use std::sync::Arc;

use axum::body::Body;
use serde_json::json;
use watchword_http::dialects::egov::EgovSettings;

use crate::harness::digit::{Does, LOCALIZATION, MDMS, USERS, patterns, user, users};
use crate::harness::{App, Digit, SEND, SENT, alone, asking, posting, refused};

const USERS_AWAY: &str = "The user service is not available";

#[tokio::test]
async fn what_is_asked_of_each_service() {
    let digit = Digit::with_user(&user("9876543210", json!(null))).await;
    let app = App::beside(&digit);
    let info = r#"{ "apiId":"Rainmaker", "ts":1.50,"msgId":"1|hi_IN" }"#;
    let body = format!(
        r#"{{"RequestInfo":{info},"otp":{{"tenantId":"pb.amritsar.x","mobileNumber":"9876543210","type":"login","userType":"CITIZEN"}}}}"#
    );
    let request = posting(SEND).header("x-correlation-id", "call-7").body(Body::from(body)).unwrap();
    app.send(request).await.expect(201, SENT);
    let [mdms] = &digit.asked(MDMS)[..] else { panic!("one call") };
    let [users] = &digit.asked(USERS)[..] else { panic!("one call") };
    let [texts] = &digit.asked(LOCALIZATION)[..] else { panic!("one call") };
    assert_eq!(
        mdms.body,
        format!(
            r#"{{"RequestInfo":{info},"MdmsCriteria":{{"tenantId":"pb.amritsar.x","moduleDetails":[{{"moduleName":"common-masters","masterDetails":[{{"name":"MobileNumberValidation"}}]}}]}}}}"#
        )
    );
    assert_eq!(
        users.body,
        r#"{"userName":null,"tenantId":"pb","userType":"CITIZEN","mobileNumber":"9876543210"}"#
    );
    assert_eq!(texts.body, format!(r#"{{"RequestInfo":{info}}}"#));
    assert_eq!(texts.query, "tenantId=pb.amritsar&module=egov-user&locale=hi_IN");
    for (asked, tenant) in [(mdms, "pb.amritsar.x"), (users, "pb"), (texts, "pb.amritsar.x")] {
        assert_eq!(asked.header("content-type"), "application/json");
        assert_eq!((asked.header("x-correlation-id"), asked.header("tenantId")), ("call-7", tenant));
        // One connection serves them all, one after the other.
        assert_eq!(asked.peer, mdms.peer);
    }
}

#[tokio::test]
async fn only_employees_are_searched_for_by_their_whole_tenant() {
    for (user_type, tenant, shown) in [
        (r#""EMPLOYEE""#, "pb.amritsar", r#""EMPLOYEE""#),
        (r#""employee""#, "pb", r#""employee""#),
        (r#""CITIZEN""#, "pb", r#""CITIZEN""#),
        ("null", "pb", "null"),
        (r#""""#, "pb", "null"),
    ] {
        let digit = Digit::start().await;
        let app = App::of(digit.users_only());
        let body = format!(
            r#"{{"otp":{{"tenantId":"pb.amritsar","mobileNumber":"9876543210","userType":{user_type}}}}}"#
        );
        app.post(SEND, &body).await.expect(201, SENT);
        let [asked] = &digit.asked(USERS)[..] else { panic!("one call") };
        assert_eq!(
            asked.body,
            format!(
                r#"{{"userName":null,"tenantId":"{tenant}","userType":{shown},"mobileNumber":"9876543210"}}"#
            )
        );
        assert_eq!(asked.header("tenantId"), tenant);
    }
}

#[tokio::test]
async fn a_call_is_found_again_under_one_id() {
    for (header, info, expected) in [
        (Some("from-header"), json!({ "correlationId": "from-info" }), Some("from-header")),
        (None, json!({ "correlationId": "from-info" }), Some("from-info")),
        (Some("not one word"), json!({ "correlationId": "from-info" }), Some("from-info")),
        (None, json!({ "correlationId": "not one\r\nword" }), None),
        (None, json!({ "correlationId": "x".repeat(129) }), None),
        (None, json!({}), None),
    ] {
        let digit = Digit::start().await;
        let app = App::beside(&digit);
        let mut body = asking("register", "9876543210");
        body["RequestInfo"] = info;
        let request =
            header.into_iter().fold(posting(SEND), |request, id| request.header("x-correlation-id", id));
        app.send(request.body(Body::from(body.to_string())).unwrap()).await.expect(201, SENT);
        let ids: Vec<_> = [MDMS, USERS, LOCALIZATION]
            .iter()
            .map(|service| digit.asked(service)[0].header("x-correlation-id").to_owned())
            .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        match expected {
            Some(expected) => assert_eq!(ids[0], expected),
            None => {
                assert_eq!((ids[0].len(), ids[0].as_bytes()[14]), (36, b'4'), "a random UUID: {}", ids[0]);
            }
        }
    }
}

#[tokio::test]
async fn once_answers_are_kept_a_send_asks_egov_user_alone() {
    let digit = Digit::with_user(&user("9876543210", json!(null))).await;
    digit.says(MDMS, &patterns(&[("+91", "[0-9]{10}", true)]));
    let app = App::beside(&digit);
    app.ask("login", "9876543210").await.expect(201, SENT);
    assert_eq!(digit.count(), 3);
    for sent in 1..=5 {
        app.ask("login", "9876543210").await.expect(201, SENT);
        assert_eq!((digit.count(), digit.asked(USERS).len()), (3 + sent, 1 + sent));
    }
}

#[tokio::test]
async fn a_user_service_that_gives_no_answer_is_never_nobody() {
    let garbage = ["", "<html>", "null", "[]", "{}", r#"{"user":null}"#, r#"{"user":[7]}"#, r#"{"user":{}}"#];
    let answers = garbage.map(|body| Does::Says(200, body.to_owned())).into_iter().chain([
        Does::Says(500, users(&[])),
        Does::Says(400, users(&[])),
        Does::Says(302, users(&[])),
        Does::Says(200, format!(r#"{{"user":[],"x":"{}"}}"#, "x".repeat(300_000))),
    ]);
    for answer in answers {
        let digit = Digit::start().await;
        digit.does(USERS, answer);
        let app = App::of(digit.users_only());
        for purpose in ["register", "login", "passwordreset"] {
            app.ask(purpose, "9876543210").await.expect_unavailable(USERS_AWAY);
        }
        assert_eq!(app.answered.last(), Some(("egov", "send", "user_service_unavailable")));
        assert_eq!((app.sms.handed().len(), app.store.count().await), (0, 0));
        // And once it answers again, all is well.
        digit.says(USERS, &users(&[]));
        app.ask("register", "9876543210").await.expect(201, SENT);
    }
}

#[tokio::test]
async fn a_user_service_that_is_down_or_hangs_is_told_so() {
    // Nobody listens there any more.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down =
        EgovSettings { user_url: Some(format!("http://{closed}/user/_search").parse().unwrap()), ..alone() };
    App::of(down).ask("login", "9876543210").await.expect_unavailable(USERS_AWAY);
    let digit = Digit::start().await;
    digit.does(USERS, Does::Hangs);
    let app = Arc::new(App::of(digit.users_only()));
    let began = app.clock.sleepers().len();
    assert_eq!(began, 0);
    let asking = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.ask("login", "9876543210").await }
    });
    digit.wait_for(USERS, 1).await;
    app.clock.set(app.clock.next_wake().await);
    asking.await.unwrap().expect_unavailable(USERS_AWAY);
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_once_more() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings =
        EgovSettings { user_url: Some(format!("http://{address}/user/_search").parse().unwrap()), ..alone() };
    let app = Arc::new(App::of(settings));
    let asking = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.ask("register", "9876543210").await }
    });
    // Taken and closed, twice: then it is told so.
    for _ in 0..2 {
        drop(listener.accept().await.unwrap());
    }
    asking.await.unwrap().expect_unavailable(USERS_AWAY);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_found_before_anybody_is_asked() {
    let digit = Digit::start().await;
    let app = App::beside(&digit);
    for body in [
        "{",
        "[]",
        "{}",
        r#"{"otp":{"mobileNumber":"9876543210"}}"#,
        r#"{"otp":{"tenantId":"pb-x","mobileNumber":"1"}}"#,
    ] {
        assert_eq!(app.post(SEND, body).await.status, 400);
    }
    assert_eq!(digit.count(), 0, "never without a tenant");
    // The number's pattern is of MDMS; whose number it is does not matter any more.
    let mut body = asking("fax", "1");
    body["otp"]["countryCode"] = "+7".into();
    digit.does(MDMS, Does::Says(500, String::new()));
    let field = (
        "OTP.REQUEST_TYPE_MANDATORY",
        "Request type (register, passwordreset,login) is mandatory",
        "otp.type",
    );
    app.post(SEND, &body.to_string()).await.expect(400, &refused("Invalid OTP request", &[field]));
    assert!(digit.asked(USERS).is_empty());
}
