//! user-otp: who gets which message, and that its code is good.

use serde_json::json;
use watchword_core::delivery::BodyFormat;
use watchword_testkit::provider::Step;

use crate::harness::digit::{USERS, user, users};
use crate::harness::{App, Digit, SEND, SENT, WRONG, asking, given, only};

#[tokio::test]
async fn each_purpose_has_its_sms_and_those_with_a_user_a_mail() {
    for (purpose, sms, mail) in [
        ("register", "Dear Citizen, Your OTP to complete your DIGIT Registration is", None),
        ("login", "Dear Citizen, Your Login OTP is", Some(("Login OTP", "Dear Citizen, Your Login OTP is"))),
        (
            "passwordreset",
            "Dear Citizen, Your OTP for recovering password is",
            Some(("Password Reset", "Your OTP for recovering password is")),
        ),
    ] {
        let digit = Digit::start().await;
        if purpose != "register" {
            digit.says(USERS, &users(&[user("9876543210", "a@example.com")]));
        }
        let app = App::of(digit.users_only());
        // Names of purposes are as good in capitals.
        app.ask(&purpose.to_uppercase(), "9876543210").await.expect(201, SENT);
        let message = app.only_sms().await;
        let code = message.passcode.expose().to_owned();
        assert_eq!((message.to.as_str(), message.subject.as_str()), ("9876543210", ""));
        assert_eq!(message.body, format!("{sms} {code}."));
        assert_eq!(
            (message.format, message.ttl_seconds, message.plain.is_none()),
            (BodyFormat::Text, 900, true)
        );
        match mail {
            None => assert!(app.email.handed().is_empty()),
            Some((subject, body)) => {
                let letter = only(&app.email).await;
                assert_eq!((letter.to.as_str(), letter.subject.as_str()), ("a@example.com", subject));
                assert_eq!(letter.body, format!("{body} {code}."));
                assert_eq!(letter.format, BodyFormat::Text);
                assert_eq!(given(&letter), given(&message));
            }
        }
        // Kept by the first part of the tenant.
        assert_eq!(app.validate("9876543210", "pb", &code).await.status, 200);
        app.validate("9876543210", "pb.amritsar", &code).await.expect(400, WRONG);
    }
}

#[tokio::test]
async fn a_password_reset_goes_to_the_number_on_record_for_the_number_asked_for() {
    let digit = Digit::with_user(&user(9_811_111_111_u64, json!(null))).await;
    let app = App::of(digit.users_only());
    // No pattern holds: numbers of long ago may look otherwise.
    app.ask("passwordreset", "old-number").await.expect(201, SENT);
    let message = app.only_sms().await;
    assert_eq!(message.to, "9811111111");
    let code = message.passcode.expose();
    app.validate("9811111111", "pb", code).await.expect(400, WRONG);
    assert_eq!(app.validate("old-number", "pb", code).await.status, 200);
    assert!(app.email.handed().is_empty(), "there is no address");
}

#[tokio::test]
async fn a_login_goes_to_the_number_asked_for() {
    let digit = Digit::with_user(&user("9811111111", "")).await;
    let app = App::of(digit.users_only());
    app.ask("login", "9876543210").await.expect(201, SENT);
    assert_eq!(app.only_sms().await.to, "9876543210");
    assert!(app.email.handed().is_empty());
}

#[tokio::test]
async fn a_mail_that_can_not_be_sent_never_fails_the_request() {
    for address in ["a@b.c\r\nBcc: x".to_owned(), format!("{}@b.c", "x".repeat(400))] {
        let digit = Digit::with_user(&user("9876543210", address)).await;
        let app = App::of(digit.users_only());
        app.ask("login", "9876543210").await.expect(201, SENT);
        app.only_sms().await;
        assert!(app.email.handed().is_empty());
    }
    let digit = Digit::with_user(&user("9876543210", "a@example.com")).await;
    let unrouted =
        App::of(watchword_http::dialects::egov::EgovSettings { email_route: None, ..digit.users_only() });
    unrouted.ask("login", "9876543210").await.expect(201, SENT);
    unrouted.only_sms().await;
    let refused = App::of(digit.users_only());
    refused.email.always(Step::refuse_address());
    refused.ask("login", "9876543210").await.expect(201, SENT);
    only(&refused.email).await;
    assert_eq!(
        refused.validate("9876543210", "pb", refused.only_sms().await.passcode.expose()).await.status,
        200
    );
}

#[tokio::test]
async fn a_type_that_is_left_out_is_a_registration() {
    for body in [
        r#"{"otp":{"tenantId":"pb","mobileNumber":"9876543210"}}"#,
        r#"{"otp":{"tenantId":"pb","mobileNumber":"9876543210","type":""}}"#,
        r#"{"otp":{"tenantId":"pb","mobileNumber":"9876543210","type":null}}"#,
    ] {
        let app = App::new();
        app.post(SEND, body).await.expect(201, SENT);
        let message = app.only_sms().await;
        assert!(message.body.contains("DIGIT Registration"));
        assert_eq!(given(&message), r#"{"tenantId":"pb","countryCode":"+91"}"#);
    }
}

#[tokio::test]
async fn the_reply_does_not_wait_for_the_message() {
    let app = App::new();
    app.sms.always(Step::Hang);
    app.ask("register", "9876543210").await.expect(201, SENT);
    let code = app.only_sms().await.passcode.expose().to_owned();
    // Sent again, both are good.
    app.ask("register", "9876543210").await.expect(201, SENT);
    let handed = app.sms.wait_for_handed(2).await;
    let newer = handed[1].message.passcode.expose().to_owned();
    for code in [code, newer] {
        assert_eq!(app.validate("9876543210", "pb", &code).await.status, 200);
    }
}

#[tokio::test]
async fn a_code_that_could_not_be_kept_fails_the_request_and_sends_nothing() {
    let digit = Digit::with_user(&user("9876543210", "a@example.com")).await;
    let app = App::of(digit.users_only());
    let error = watchword_core::ports::StoreError::unavailable("disk I/O error");
    app.store.set(crate::harness::gate::State::Fails(error));
    for purpose in ["login", "passwordreset"] {
        app.ask(purpose, "9876543210").await.expect_unavailable("The store of OTPs is not available");
    }
    assert!(app.sms.handed().is_empty() && app.email.handed().is_empty());
}

#[tokio::test]
async fn a_number_that_no_token_can_be_of_is_refused_as_egov_otp_refuses_it() {
    let digit = Digit::with_user(&user("9876543210", json!(null))).await;
    let app = App::of(digit.users_only());
    let long = asking("passwordreset", &"9".repeat(101)).to_string();
    let size = crate::harness::platform("Size.otpRequest.otp.identity", "size must be between 0 and 100");
    app.post(SEND, &long).await.expect(400, &size);
    let control = asking("passwordreset", "98\u{7}").to_string();
    let field = ("OTP.IDENTITY_INVALID", "Identity field is not valid", "otp.identity");
    app.post(SEND, &control).await.expect(400, &crate::harness::refused("Invalid OTP request", &[field]));
}
