//! The words of messages, as egov-localization has them.

use std::sync::Arc;

use serde_json::json;
use watchword_http::dialects::egov::{EgovSettings, LocalizationSettings};
use watchword_testkit::deadline::eventually;

use crate::harness::digit::{Does, LOCALIZATION, messages, user};
use crate::harness::{App, Digit, SENT, asking, only};

const HINDI: &str = "प्रिय नागरिक, आपका लॉगिन OTP %s है।";
const BUILT_IN: &str = "Dear Citizen, Your Login OTP is ";

async fn citizen() -> Digit {
    Digit::with_user(&user("9876543210", "a@example.com")).await
}

/// A login's SMS, the passcode put back to its place.
async fn words(app: &App, message_id: &str) -> String {
    let before = app.sms.handed().len();
    let mut body = asking("login", "9876543210");
    body["RequestInfo"]["msgId"] = message_id.into();
    app.post(crate::harness::SEND, &body.to_string()).await.expect(201, SENT);
    let handed = app.sms.wait_for_handed(before + 1).await;
    let message = &handed[before].message;
    assert!(message.body.contains(message.passcode.expose()), "{}", message.body);
    message.body.replacen(message.passcode.expose(), "%s", 1)
}

#[tokio::test]
async fn messages_are_in_the_words_of_the_service() {
    let digit = citizen().await;
    digit.says(
        LOCALIZATION,
        &messages(&[
            ("other.code", "x %s"),
            ("sms.login.otp.msg", HINDI),
            ("email.login.otp.sub", "लॉगिन"),
            ("email.login.otp.body", "<p>%s, 100% %s</p>"),
        ]),
    );
    let app = App::beside(&digit);
    assert_eq!(words(&app, "1|hi_IN").await, HINDI);
    let letter = only(&app.email).await;
    assert_eq!(letter.subject, "लॉगिन");
    assert_eq!(letter.body, format!("<p>{}, 100% %s</p>", letter.passcode.expose()));
    assert!(digit.asked(LOCALIZATION)[0].query.ends_with("locale=hi_IN"));
}

#[tokio::test]
async fn a_text_without_a_place_for_the_code_is_no_text() {
    for text in ["Your OTP", "Your OTP is %d", "Your OTP is %S", ""] {
        let digit = citizen().await;
        digit.says(LOCALIZATION, &messages(&[("sms.login.otp.msg", text)]));
        assert_eq!(words(&App::beside(&digit), "").await, format!("{BUILT_IN}%s."));
    }
}

#[tokio::test]
async fn a_stray_percent_sign_stays() {
    for text in ["100% sure: %s", "%d %% %s %", "%s and %s"] {
        let digit = citizen().await;
        digit.says(LOCALIZATION, &messages(&[("sms.login.otp.msg", text)]));
        assert_eq!(words(&App::beside(&digit), "").await, text);
    }
}

#[tokio::test]
async fn the_locale_is_the_second_part_of_the_message_id() {
    let digit = citizen().await;
    let app = App::beside(&digit);
    for (message_id, locale) in [
        ("20170310130900|hi_IN", "hi_IN"),
        ("20170310130900", "en_IN"),
        ("20170310130900|", "en_IN"),
        ("|pn_IN|x", "pn_IN"),
        ("1|a b&c", "en_IN"),
        ("1|../x", "en_IN"),
    ] {
        words(&app, message_id).await;
        let asked = digit.asked(LOCALIZATION);
        let last = asked.iter().filter(|asked| asked.query.ends_with(&format!("locale={locale}"))).count();
        assert_eq!(last, 1, "{message_id}: {asked:?}");
    }
    let settings = digit.settings();
    let localization =
        LocalizationSettings { default_locale: "mr_IN".into(), ..settings.localization.clone() };
    words(&App::of(EgovSettings { localization, ..settings }), "x").await;
    assert!(digit.asked(LOCALIZATION).last().unwrap().query.ends_with("locale=mr_IN"));
}

#[tokio::test]
async fn the_tenant_loses_its_last_parts_and_keeps_its_first() {
    for (count, tenant, asked) in [
        (0, "pb.amritsar.x", "pb.amritsar.x"),
        (1, "pb.amritsar.x", "pb.amritsar"),
        (1, "pb", "pb"),
        (2, "pb.amritsar.x", "pb"),
        (9, "pb.amritsar.x", "pb"),
    ] {
        let digit = citizen().await;
        let settings = digit.settings();
        let localization = LocalizationSettings {
            strip_suffix_count: count,
            module: "my module".to_owned(),
            ..settings.localization.clone()
        };
        let app = App::of(EgovSettings { localization, ..settings });
        let body = asking("login", "9876543210").to_string().replace("pb.amritsar", tenant);
        app.post(crate::harness::SEND, &body).await.expect(201, SENT);
        assert_eq!(
            digit.asked(LOCALIZATION)[0].query,
            format!("tenantId={asked}&module=my+module&locale=en_IN")
        );
    }
}

#[tokio::test]
async fn texts_that_are_a_little_old_are_used_while_new_ones_are_asked_for() {
    let digit = citizen().await;
    digit.says(LOCALIZATION, &messages(&[("sms.login.otp.msg", "old %s")]));
    let app = App::beside(&digit);
    assert_eq!(words(&app, "").await, "old %s");
    digit.says(LOCALIZATION, &messages(&[("sms.login.otp.msg", "new %s")]));
    app.pass(59);
    assert_eq!(words(&app, "").await, "old %s");
    assert_eq!(digit.asked(LOCALIZATION).len(), 1);
    app.pass(1);
    assert_eq!(words(&app, "").await, "old %s");
    eventually("new words", || async { (words(&app, "").await == "new %s").then_some(()) }).await;
    assert_eq!(digit.asked(LOCALIZATION).len(), 2);
    // Down for days, the last words are still good.
    digit.does(LOCALIZATION, Does::Says(500, String::new()));
    app.pass(200_000);
    assert_eq!(words(&app, "").await, "new %s");
}

#[tokio::test]
async fn a_service_that_hangs_delays_nobody_who_has_old_words() {
    let digit = citizen().await;
    digit.says(LOCALIZATION, &messages(&[("sms.login.otp.msg", "old %s")]));
    let app = App::beside(&digit);
    words(&app, "").await;
    digit.does(LOCALIZATION, Does::Hangs);
    app.pass(3_600);
    for _ in 0..5 {
        assert_eq!(words(&app, "").await, "old %s");
    }
    digit.wait_for(LOCALIZATION, 2).await;
    assert_eq!(digit.asked(LOCALIZATION).len(), 2, "it is asked once, not by everybody");
}

#[tokio::test]
async fn without_any_words_a_login_waits_a_moment_and_takes_the_built_in_ones() {
    let digit = citizen().await;
    digit.does(LOCALIZATION, Does::Hangs);
    let app = Arc::new(App::beside(&digit));
    let began = watchword_core::ports::Clock::now(&*app.clock);
    let waiting = tokio::spawn({
        let app = Arc::clone(&app);
        async move { words(&app, "").await }
    });
    digit.wait_for(LOCALIZATION, 1).await;
    let patience = app.clock.next_wake().await;
    assert_eq!(patience, began.after(std::time::Duration::from_millis(500)));
    app.clock.set(patience);
    assert_eq!(waiting.await.unwrap(), format!("{BUILT_IN}%s."));
    // Who comes next does not wait for it at all.
    assert_eq!(words(&app, "").await, format!("{BUILT_IN}%s."));
    assert_eq!(digit.asked(LOCALIZATION).len(), 1);
}

#[tokio::test]
async fn a_service_that_is_down_or_answers_garbage_leaves_the_built_in_words() {
    for does in [
        Does::Says(500, String::new()),
        Does::Says(200, "<html>".to_owned()),
        Does::Says(200, "[]".to_owned()),
        Does::Says(200, r#"{"messages":{}}"#.to_owned()),
        Does::Says(200, r#"{"messages":null}"#.to_owned()),
        Does::Says(
            200,
            r#"{"messages":[null,{"code":{},"message":"x %s"},{"code":"sms.login.otp.msg","message":[]}]}"#
                .to_owned(),
        ),
    ] {
        let digit = citizen().await;
        digit.does(LOCALIZATION, does);
        let app = App::beside(&digit);
        assert_eq!(words(&app, "").await, format!("{BUILT_IN}%s."));
        let letter = only(&app.email).await;
        assert_eq!(letter.subject, "Login OTP");
    }
}

#[tokio::test]
async fn a_password_reset_has_its_own_texts() {
    let digit = Digit::with_user(&user("9811111111", "a@example.com")).await;
    digit.says(
        LOCALIZATION,
        &messages(&[
            ("sms.pwd.reset.otp.msg", "reset %s"),
            ("email.pwd.reset.otp.sub", "Reset"),
            ("email.pwd.reset.otp.body", "mail %s"),
            ("sms.register.otp.msg", "register %s"),
        ]),
    );
    let app = App::beside(&digit);
    app.ask("passwordreset", "9876543210").await.expect(201, SENT);
    let (sms, letter) = (app.only_sms().await, only(&app.email).await);
    let code = sms.passcode.expose();
    assert_eq!(
        (sms.body, letter.subject, letter.body),
        (format!("reset {code}"), "Reset".into(), format!("mail {code}"))
    );
    let fresh = Digit::start().await;
    fresh.says(LOCALIZATION, &messages(&[("sms.register.otp.msg", "register %s")]));
    let app = App::beside(&fresh);
    app.ask("register", "9876543210").await.expect(201, SENT);
    let sms = app.only_sms().await;
    assert_eq!(sms.body, format!("register {}", sms.passcode.expose()));
    assert_eq!(json!(sms.to), json!("9876543210"));
}
