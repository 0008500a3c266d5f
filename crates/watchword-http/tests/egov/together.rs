//! Both services as egov-user and the portals use them, one after the other.

use serde_json::{Value, json};

use crate::harness::digit::{USERS, user, users};
use crate::harness::{App, Digit, SEND, SENT, VALIDATE, WRONG, asking};

/// What egov-user asks of egov-otp: the tenant of the state, the number as user name.
fn validating(number: &str, otp: &str) -> String {
    json!({ "RequestInfo": null, "otp": { "otp": otp, "identity": number, "tenantId": "pb", "userType": "CITIZEN" } })
        .to_string()
}

#[tokio::test]
async fn a_citizen_registers_and_logs_in() {
    let digit = Digit::start().await;
    let app = App::beside(&digit);
    app.ask("register", "9876543210").await.expect(201, SENT);
    let code = app.only_sms().await.passcode.expose().to_owned();
    app.post(VALIDATE, &validating("9876543210", "nonsense")).await.expect(400, WRONG);
    assert_eq!(app.post(VALIDATE, &validating("9876543210", &code)).await.status, 200);
    digit.says(USERS, &users(&[user("9876543210", json!(null))]));
    let again = app.ask("register", "9876543210").await;
    assert!(again.status == 400 && again.body.contains("OTP.MOBILENUMBER"), "{again:?}");
    app.ask("login", "9876543210").await.expect(201, SENT);
    let login = app.sms.wait_for_handed(2).await[1].message.passcode.expose().to_owned();
    app.post(VALIDATE, &validating("9876543210", &code)).await.expect(400, WRONG);
    assert_eq!(app.post(VALIDATE, &validating("9876543210", &login)).await.status, 200);
}

#[tokio::test]
async fn an_employee_resets_a_password_and_a_wrong_code_is_passed_on_as_it_is() {
    let digit = Digit::with_user(&user("9811111111", "e@example.com")).await;
    let app = App::beside(&digit);
    let mut body = asking("passwordreset", "9876543210");
    body["otp"]["userType"] = "EMPLOYEE".into();
    app.post(SEND, &body.to_string()).await.expect(201, SENT);
    let asked: Value = serde_json::from_str(&digit.asked(USERS)[0].body).unwrap();
    assert_eq!(asked["tenantId"], "pb.amritsar");
    let code = app.only_sms().await.passcode.expose().to_owned();
    // egov-user forwards this body to its own caller: it reads `error.fields`.
    let refused = app.post(VALIDATE, &validating("9876543210", "000")).await;
    refused.expect(400, WRONG);
    let told: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(told["error"]["fields"][0]["code"], "OTP.VALIDATION_UNSUCCESSFUL");
    assert_eq!(app.post(VALIDATE, &validating("9876543210", &code)).await.status, 200);
    app.post(VALIDATE, &validating("9876543210", &code)).await.expect(400, WRONG);
}

#[tokio::test]
async fn another_service_makes_its_own_tokens_beside_those_that_are_sent() {
    let digit = Digit::with_user(&user("9876543210", json!(null))).await;
    let app = App::beside(&digit);
    let (own, uuid) = app.create("9876543210", "pb.amritsar").await;
    app.ask("login", "9876543210").await.expect(201, SENT);
    let sent = app.only_sms().await.passcode.expose().to_owned();
    assert_eq!(app.validate("9876543210", "pb", &sent).await.status, 200);
    let found: Value = serde_json::from_str(&app.search(&uuid).await.body).unwrap();
    assert_eq!(found["otp"]["isValidationSuccessful"], false);
    assert_eq!(app.validate("9876543210", "pb", &own).await.status, 200);
}
