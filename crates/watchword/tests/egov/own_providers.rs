//! A small town without a broker: our own providers carry SMS and mail.

use serde_json::json;

use crate::digit::{Digit, GATEWAY};
use crate::site::{SEND, Site, asking};

#[tokio::test(flavor = "multi_thread")]
async fn with_no_broker_sms_and_mail_go_by_the_providers_of_watchword_toml() {
    let digit = Digit::start().await;
    digit.knows("9876543210", "9876543210", Some("asha@example.com"));
    let mut site = Site::beside(&digit);
    let provider = |name: &str| {
        format!("[providers.{name}]\nkind = \"webhook\"\nurl = \"{}{GATEWAY}?{name}\"\n", digit.origin)
    };
    site.own_providers(&(provider("sms") + &provider("email")));
    let server = site.serve();
    assert_eq!(server.warnings(), Vec::<String>::new());
    server.sends("login", "9876543210").await;
    let mut posted = digit.wait_for(GATEWAY, 2).await;
    posted.sort_by(|one, other| one.query.cmp(&other.query));
    let code = posted[1].body["otp"]["otp"].as_str().unwrap().to_owned();
    let expected = [
        ("email", "asha@example.com", "Login OTP", format!("Dear Citizen, Your Login OTP is {code}.")),
        ("sms", "9876543210", "", format!("Dear Citizen, Your Login OTP is {code}.")),
    ];
    for (asked, (provider, to, subject, text)) in posted.iter().zip(&expected) {
        let body = &asked.body;
        assert_eq!(
            (asked.query.as_str(), &body["otp"]["to"], &body["otp"]["namespace"], &body["otp"]["otp"]),
            (*provider, &json!(to), &json!("pb"), &json!(code))
        );
        assert_eq!((&body["subject"], &body["body"]), (&json!(subject), &json!(text)));
    }
    assert_eq!(server.validate("9876543210", &code).await.0, 200);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_for_mail_there_is_no_mail_and_without_one_for_sms_no_otp() {
    let digit = Digit::start().await;
    digit.knows("9876543210", "9876543210", Some("asha@example.com"));
    let mut site = Site::beside(&digit);
    let webhook = format!("kind = \"webhook\"\nurl = \"{}{GATEWAY}\"\n", digit.origin);
    site.own_providers(&format!("[providers.sms]\n{webhook}"));
    let server = site.serve();
    server.sends("login", "9876543210").await;
    assert_eq!(digit.wait_for(GATEWAY, 1).await[0].body["otp"]["to"], "9876543210");
    server.stop();

    site.own_providers(&format!("[providers.email]\n{webhook}"));
    let server = site.serve();
    let (status, refusal) = server.post(SEND, &asking("login", "9876543210")).await;
    assert_eq!(status, 503, "{refusal}");
    assert!(refusal.contains(r#""code":"SERVICE_UNAVAILABLE""#), "{refusal}");
    assert_eq!(digit.asked(GATEWAY).len(), 1, "nothing was sent");
    server.stop();
}
