//! What mobile numbers look like, as MDMS has it.

use std::sync::Arc;
use std::time::Duration;

use watchword_http::dialects::egov::{EgovSettings, MdmsSettings};
use watchword_testkit::deadline::eventually;

use crate::harness::digit::{Does, MDMS, patterns, user};
use crate::harness::{App, Digit, Reply, SEND, SENT, asking, given, refused};

const AWAY: &str = "The MDMS service is not available";

/// Registers a number, with a country code or none.
async fn register(app: &App, number: &str, country_code: Option<&str>) -> Reply {
    let mut body = asking("register", number);
    if let Some(code) = country_code {
        body["otp"]["countryCode"] = code.into();
    }
    app.post(SEND, &body.to_string()).await
}

fn failed(message: &str) -> String {
    refused("Invalid OTP request", &[("OTP.MOBILE_NUMBER_VALIDATION_FAILED", message, "otp.mobileNumber")])
}

fn mismatch(pattern: &str) -> String {
    failed(&format!("Mobile number must match the configured pattern: {pattern}"))
}

fn not_found(code: &str) -> String {
    failed(&format!("Mobile number validation configuration not found for country code: {code}"))
}

#[tokio::test]
async fn the_country_code_chooses_the_pattern_and_goes_along_with_the_message() {
    let entries = [
        ("+1", "[2-9][0-9]{9}", false),
        ("+91", "[6-9][0-9]{9}", true),
        ("+7", " ", false),
        ("", "x", false),
    ];
    // Country code, number, and what comes of it: the country code of the message, or a refusal.
    for (code, number, expected) in [
        (Some("+1"), "2345678901", Ok(r#""+1""#)),
        (Some("+91"), "9876543210", Ok(r#""+91""#)),
        (None, "9876543210", Ok(r#""+91""#)),
        (Some(""), "9876543210", Ok(r#""+91""#)),
        (Some("  "), "9876543210", Ok(r#""+91""#)),
        // No entry of its own, or one without a pattern: the default one, and the code as given.
        (Some("+44"), "9876543210", Ok(r#""+44""#)),
        (Some("+7"), "9876543210", Ok(r#""+7""#)),
        (Some("+1"), "1345678901", Err(mismatch("[2-9][0-9]{9}"))),
        (None, "2345678901", Err(mismatch("[6-9][0-9]{9}"))),
        (Some("+44"), "2345678901", Err(mismatch("[6-9][0-9]{9}"))),
    ] {
        let digit = Digit::start().await;
        digit.says(MDMS, &patterns(&entries));
        let app = App::beside(&digit);
        let reply = register(&app, number, code).await;
        match expected {
            Ok(code) => {
                reply.expect(201, SENT);
                let message = app.only_sms().await;
                assert_eq!(given(&message), format!(r#"{{"tenantId":"pb.amritsar","countryCode":{code}}}"#));
                assert_eq!(message.to, number);
            }
            Err(body) => reply.expect(400, &body),
        }
    }
}

#[tokio::test]
async fn without_entries_there_is_the_default_pattern_but_none_for_a_country_code() {
    for answer in
        [r#"{"MdmsRes":{}}"#.to_owned(), "{}".to_owned(), patterns(&[]), patterns(&[("+1", "", true)])]
    {
        let digit = Digit::start().await;
        digit.says(MDMS, &answer);
        let app = App::beside(&digit);
        register(&app, "9876543210", None).await.expect(201, SENT);
        assert_eq!(given(&app.only_sms().await), r#"{"tenantId":"pb.amritsar","countryCode":"+91"}"#);
        register(&app, "1876543210", None).await.expect(400, &mismatch("^[6-9][0-9]{9}$"));
        register(&app, "9876543210", Some("+91")).await.expect(400, &not_found("+91"));
    }
    // Nor where MDMS is not configured at all.
    let app = App::new();
    register(&app, "9876543210", Some("+91")).await.expect(400, &not_found("+91"));
    let mdms = MdmsSettings {
        default_pattern: "[0-9]{10,13}".to_owned(),
        default_country_code: None,
        ..MdmsSettings::default()
    };
    let app = App::of(EgovSettings { mdms, ..crate::harness::alone() });
    register(&app, "1234567890123", None).await.expect(201, SENT);
    assert_eq!(given(&app.only_sms().await), r#"{"tenantId":"pb.amritsar","countryCode":null}"#);
}

#[tokio::test]
async fn providers_that_know_nothing_of_digit_get_the_whole_number() {
    let entries = [("+1", "[0-9]{10}", false), ("+91", "[+]?[0-9]+", true), ("+\u{7}", "[0-9]+", false)];
    for (code, number, to) in [
        (None, "9876543210", "+919876543210"),
        (Some("+1"), "2345678901", "+12345678901"),
        (None, "+919876543210", "+919876543210"),
        // No address has that in it.
        (Some("+\u{7}"), "9876543210", "9876543210"),
    ] {
        let digit = Digit::start().await;
        digit.says(MDMS, &patterns(&entries));
        let app = App::of(EgovSettings { sms_to_whole_number: true, ..digit.settings() });
        register(&app, number, code).await.expect(201, SENT);
        let message = app.only_sms().await;
        assert_eq!(message.to, to);
        // It is the number asked for that is proven.
        assert_eq!(app.validate(number, "pb", message.passcode.expose()).await.status, 200);
    }
}

#[tokio::test]
async fn a_default_entry_without_a_code_leaves_it_unknown() {
    let digit = Digit::start().await;
    digit.says(
        MDMS,
        r#"{"MdmsRes":{"common-masters":{"MobileNumberValidation":[{"mobileNumberRegex":"[0-9]+","default":true}]}}}"#,
    );
    let app = App::beside(&digit);
    register(&app, "123", None).await.expect(201, SENT);
    assert_eq!(given(&app.only_sms().await), r#"{"tenantId":"pb.amritsar","countryCode":null}"#);
}

#[tokio::test]
async fn a_password_reset_asks_for_the_country_code_alone() {
    let digit = Digit::with_user(&user("9811111111", "")).await;
    digit.says(MDMS, &patterns(&[("+91", "[6-9][0-9]{9}", true)]));
    let app = App::beside(&digit);
    app.ask("passwordreset", "12").await.expect(201, SENT);
    assert_eq!(given(&app.only_sms().await), r#"{"tenantId":"pb.amritsar","countryCode":"+91"}"#);
    // And goes without it where MDMS is down.
    digit.does(MDMS, Does::Says(500, String::new()));
    let app = App::beside(&digit);
    let mut body = asking("passwordreset", "12");
    body["otp"]["countryCode"] = "+91".into();
    app.post(SEND, &body.to_string()).await.expect(201, SENT);
}

#[tokio::test]
async fn patterns_are_javas() {
    for (pattern, number, is_good) in [
        (r"^(?!0+$)(?=\d{10}$)[6-9]\d+$", "9876543210", true),
        (r"^(?!0+$)(?=\d{10}$)[6-9]\d+$", "987654321", false),
        (r"^(?!(\d)\1{9}$)\d{10}$", "9999999999", false),
        (r"^(?!(\d)\1{9}$)\d{10}$", "9999999998", true),
        (r"(?<first>[6-9])\d{8}(?!\k<first>)\d", "9876543210", true),
        (r"\d{10}", "९८७६५४३२१०", false),
        ("[0-9]{3}", "12345", false),
    ] {
        let digit = Digit::start().await;
        digit.says(MDMS, &patterns(&[("+91", pattern, true)]));
        let app = App::beside(&digit);
        let reply = register(&app, number, None).await;
        if is_good { reply.expect(201, SENT) } else { reply.expect(400, &mismatch(pattern)) }
    }
}

#[tokio::test]
async fn a_broken_pattern_is_told_so() {
    for pattern in ["[6-9", "(", "*", "a)(b"] {
        let digit = Digit::start().await;
        digit.says(MDMS, &patterns(&[("+91", pattern, true)]));
        let app = App::beside(&digit);
        let message = failed("Invalid mobile number validation pattern configured.");
        register(&app, "9876543210", None).await.expect(400, &message);
        register(&app, "9876543210", Some("+91")).await.expect(400, &message);
    }
}

#[tokio::test]
async fn a_hostile_pattern_hangs_nobody() {
    let number = format!("{}!", "a".repeat(90));
    for pattern in ["(a+)+$", "^(?=(a+)+$)a+$", r"^(?!b)((a|a)*)*\2$"] {
        let digit = Digit::start().await;
        digit.says(MDMS, &patterns(&[("+91", pattern, true)]));
        let app = App::beside(&digit);
        for _ in 0..10 {
            register(&app, &number, None).await.expect(400, &mismatch(pattern));
        }
    }
}

#[tokio::test]
async fn cities_of_a_state_share_an_answer() {
    let digit = Digit::start().await;
    digit.says(MDMS, &patterns(&[("+91", "[0-9]{10}", true)]));
    for (parts, tenants, asked) in [
        (1, ["pb.amritsar", "pb.jalandhar", "pb"], 1),
        (2, ["in.pb.amritsar", "in.pb.jalandhar", "in.mh"], 2),
    ] {
        let before = digit.asked(MDMS).len();
        let settings = digit.settings();
        let mdms = MdmsSettings { state_tenant_parts: parts, ..settings.mdms.clone() };
        let app = App::of(EgovSettings { mdms, ..settings });
        for tenant in tenants {
            let body = asking("register", "9876543210").to_string().replace("pb.amritsar", tenant);
            app.post(SEND, &body).await.expect(201, SENT);
        }
        assert_eq!(digit.asked(MDMS).len() - before, asked);
    }
}

#[tokio::test]
async fn an_answer_that_is_too_old_is_used_while_a_new_one_is_asked_for() {
    let digit = Digit::start().await;
    digit.says(MDMS, &patterns(&[("+91", "1+", true)]));
    let app = App::beside(&digit);
    register(&app, "11", None).await.expect(201, SENT);
    digit.says(MDMS, &patterns(&[("+91", "2+", true)]));
    app.pass(3_599);
    register(&app, "22", None).await.expect(400, &mismatch("1+"));
    assert_eq!(digit.asked(MDMS).len(), 1);
    app.pass(1);
    register(&app, "11", None).await.expect(201, SENT);
    eventually("the new pattern", || async {
        (register(&app, "22", None).await.status == 201).then_some(())
    })
    .await;
    assert_eq!(digit.asked(MDMS).len(), 2);
    // Down, or hanging: the last answer still holds, with a country code too.
    for does in [Does::Says(500, String::new()), Does::Hangs] {
        digit.does(MDMS, does);
        app.pass(100_000);
        register(&app, "22", Some("+91")).await.expect(201, SENT);
        register(&app, "11", None).await.expect(400, &mismatch("2+"));
    }
}

#[tokio::test]
async fn an_answer_can_be_good_for_ever_but_an_empty_one_never_is() {
    let digit = Digit::start().await;
    let settings = digit.settings();
    let mdms = MdmsSettings { cache_ttl: Duration::ZERO, ..settings.mdms.clone() };
    let app = App::of(EgovSettings { mdms, ..settings });
    for asked in 1..=3 {
        register(&app, "9876543210", None).await.expect(201, SENT);
        assert_eq!(digit.asked(MDMS).len(), asked);
    }
    digit.says(MDMS, &patterns(&[("+91", "[0-9]{10}", false)]));
    register(&app, "9876543210", Some("+91")).await.expect(201, SENT);
    app.pass(1_000_000);
    register(&app, "9876543210", Some("+91")).await.expect(201, SENT);
    assert_eq!(digit.asked(MDMS).len(), 4);
    // What it has nothing for, it is asked for again.
    register(&app, "9876543210", Some("+1")).await.expect(400, &not_found("+1"));
    digit.says(MDMS, &patterns(&[("+91", "[0-9]{10}", false), ("+1", "[0-9]{10}", false)]));
    register(&app, "9876543210", Some("+1")).await.expect(201, SENT);
    assert_eq!(digit.asked(MDMS).len(), 6);
}

#[tokio::test]
async fn where_it_never_answered_only_a_country_code_can_not_be_done_without() {
    for does in [
        Does::Says(500, String::new()),
        Does::Says(200, "<html>".to_owned()),
        Does::Says(200, "[]".to_owned()),
    ] {
        let digit = Digit::start().await;
        digit.does(MDMS, does);
        let app = App::beside(&digit);
        register(&app, "9876543210", Some("+91")).await.expect_unavailable(AWAY);
        register(&app, "9876543210", None).await.expect(201, SENT);
        register(&app, "1876543210", None).await.expect(400, &mismatch("^[6-9][0-9]{9}$"));
    }
    let digit = Digit::start().await;
    digit.does(MDMS, Does::Hangs);
    let app = Arc::new(App::beside(&digit));
    let waiting = tokio::spawn({
        let app = Arc::clone(&app);
        async move { register(&app, "9876543210", Some("+91")).await }
    });
    digit.wait_for(MDMS, 1).await;
    app.clock.set(app.clock.next_wake().await);
    waiting.await.unwrap().expect_unavailable(AWAY);
    // Who comes next does not wait for it again.
    register(&app, "9876543210", None).await.expect(201, SENT);
}
