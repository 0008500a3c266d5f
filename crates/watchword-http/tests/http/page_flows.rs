//! What a person does on the pages of otpgateway, from the message to the end.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::ACCEPT_LANGUAGE;
use watchword_core::guess::GuessRule;
use watchword_testkit::deadline::within;
use watchword_testkit::provider::Step;

use crate::harness::page::PAGE;
use crate::harness::{App, Otp, Wishes, all_runs, bare_request, settings};

#[tokio::test]
async fn the_form_says_what_it_is_for_and_what_is_left() {
    let app = App::new();
    app.put("uniqueID", "").await;
    app.pass(10);
    let page = app.look().await;
    page.expect_form(&[
        "<title>Verify E-mail</title>",
        "Enter the code that was sent to j…@d….com.",
        "<form method=\"post\" action=\"/otp/app/uniqueID\">",
        "<input type=\"hidden\" name=\"namespace\" value=\"app\">",
        "<input type=\"hidden\" name=\"id\" value=\"uniqueID\">",
        "<input type=\"hidden\" name=\"action\" value=\"check\">",
        "<label for=\"otp\">Code</label>",
        "name=\"otp\" type=\"text\" value=\"\" maxlength=\"6\" required autocomplete=\"one-time-code\"",
        "inputmode=\"numeric\"",
        "1 / 5 attempts",
        "role=\"timer\" aria-live=\"off\" data-seconds=\"290\"",
        "data-status=\"/otp/app/uniqueID/status\"",
        "<input type=\"hidden\" name=\"action\" value=\"resend\">",
        "The code can be sent again in 20 s.",
    ]);
    assert!(!page.body.contains("123456"), "the code is on nobody's page");
    app.polls(false).await;
}

#[tokio::test]
async fn the_caller_s_descriptions_go_before_the_provider_s_and_those_before_ours() {
    let mut settings = settings();
    settings.providers[1].channel_description = "We text you.".to_owned();
    settings.providers[1].address_description = "Your own number.".to_owned();
    let app = App::with(Wishes { settings, ..Wishes::default() });
    for (form, code, address) in [
        ("provider=smtp&to=john@doe.com", "Enter the code that was sent to j…@d….com.", ""),
        ("provider=sms&to=12345678", "We text you.", ""),
        ("provider=sms&to=12345678&channel_description=Look%20there", "Look there", ""),
        ("provider=smtp", "", "A code will be sent there"),
        ("provider=sms", "", "Your own number."),
        ("provider=sms&address_description=Which%20phone", "", "Which phone"),
    ] {
        app.call("DELETE", "/api/otp/uniqueID/status", "").await;
        app.pass(300);
        assert_eq!(app.call("PUT", "/api/otp/uniqueID", form).await.status, 200);
        let (path, text) =
            if code.is_empty() { (format!("{PAGE}/address"), address) } else { (PAGE.into(), code) };
        let page = app.visit("GET", &path, "").await;
        assert!(page.body.contains(&format!("<p id=\"description\">{text}")), "{form}: {}", page.body);
    }
}

#[tokio::test]
async fn a_right_code_closes_and_the_application_asks_afterwards() {
    let app = App::new();
    app.put("uniqueID", "").await;
    let page = app.enter("123456").await;
    assert_eq!(page.heading(), "E-mail verified");
    assert!(page.body.contains("This page can be closed."));
    assert!(page.body.contains("data-namespace=\"app\" data-id=\"uniqueID\""), "what its opener is told");
    assert_eq!(app.look().await.heading(), "E-mail verified");
    app.polls(true).await;
    // It is kept, whatever the PUT said, and its code is good again.
    let closed = Otp { attempts: 2, closed: true, ..Otp::default() };
    app.status("uniqueID").await.expect(200, &closed.success());
    assert_eq!(app.enter("123456").await.heading(), "E-mail verified");
    assert_eq!(app.status("uniqueID").await.counts(), (3, 1));
    assert_eq!(app.call("DELETE", "/api/otp/uniqueID/status", "").await.status, 200);
    assert_eq!(app.look().await.heading(), "Session expired");
    app.visit("GET", &format!("{PAGE}/status"), "").await.expect_error(400, "Session expired.");
}

#[tokio::test]
async fn wrong_codes_are_counted_until_no_code_is_right() {
    let app = App::new();
    app.put("uniqueID", "").await;
    for attempts in 2..=5 {
        let page = app.enter("000000").await;
        page.expect_form(&[
            "Incorrect OTP",
            "aria-invalid=\"true\"",
            "role=\"alert\"",
            &format!("{attempts} / 5 attempts"),
        ]);
        assert!(!page.body.contains("123456") && !page.body.contains("000000"));
    }
    app.pass(10);
    for otp in ["000000", "123456"] {
        let page = app.enter(otp).await;
        assert_eq!(page.heading(), "Too many attempts");
        assert!(page.body.contains("Please retry after 290 seconds."), "{}", page.body);
    }
    assert_eq!(app.look().await.heading(), "Too many attempts");
    assert_eq!(app.resend().await.heading(), "Too many attempts");
    assert_eq!(app.give_address("a@b.example").await.heading(), "Too many attempts");
    app.polls(false).await;
    app.pass(290);
    assert_eq!(app.look().await.heading(), "Session expired");
}

#[tokio::test]
async fn what_can_t_be_a_code_is_told_and_not_counted() {
    let app = App::new();
    app.put("uniqueID", "").await;
    let long = "1".repeat(129);
    for (otp, says) in
        [("", "Enter the code."), (long.as_str(), "Incorrect OTP"), ("12%0034", "Incorrect OTP")]
    {
        app.enter(otp).await.expect_form(&[says, "1 / 5 attempts"]);
    }
    assert_eq!(app.enter("%ff").await.heading(), "Something went wrong");
}

#[tokio::test]
async fn any_action_but_a_resend_is_a_check() {
    let app = App::new();
    app.put("uniqueID", "&max_attempts=50").await;
    for form in
        ["otp=000000", "otp=000000&action=", "otp=000000&action=RESEND", "otp=000000&action=set_address"]
    {
        app.visit("POST", PAGE, form).await.expect_form(&["Incorrect OTP"]);
    }
    app.visit("POST", &format!("{PAGE}?otp=000000&action=check"), "").await.expect_form(&["6 / 50 attempts"]);
    assert_eq!(app.smtp.handed().len(), 1);
}

#[tokio::test]
async fn the_same_code_is_sent_again_after_a_wait() {
    let app = App::new();
    app.put("uniqueID", "").await;
    app.enter("000000").await;
    app.pass(10);
    let page = app.resend().await;
    page.expect_form(&["It can be sent again in 20 s.", "2 / 5 attempts", "role=\"alert\""]);
    assert!(!page.body.contains("aria-invalid"), "nothing that was entered is wrong: {}", page.body);
    assert_eq!(app.smtp.handed().len(), 1, "too soon: nothing is sent, and nothing counted");
    app.pass(20);
    app.look().await.expect_form(&["id=\"resend\" data-seconds=\"0\"", "<p id=\"wait\"></p>"]);
    let page = app.resend().await;
    page.expect_form(&[
        "<p class=\"notice good\" role=\"status\">OTP resent</p>",
        "2 / 5 attempts",
        "data-seconds=\"30\"",
    ]);
    let mail = app.smtp.handed();
    assert_eq!(
        (mail.len(), mail[1].message.passcode.expose(), mail[1].message.ttl_seconds),
        (2, "123456", 270)
    );
    assert!(mail[1].message.body.contains("270 seconds"), "{}", mail[1].message.body);
    assert_eq!(app.enter("123456").await.heading(), "E-mail verified");
    assert_eq!(app.status("uniqueID").await.counts(), (3, 2));
    // Also when it is closed; its code is good again, so why not.
    app.pass(30);
    let page = app.resend().await;
    assert_eq!(page.heading(), "E-mail verified");
    assert!(page.body.contains("OTP resent"));
    assert_eq!(app.status("uniqueID").await.counts(), (3, 3));
}

#[tokio::test]
async fn a_resend_that_would_lock_is_refused_and_the_code_stays_good() {
    let app = App::new();
    app.put("uniqueID", "&max_generate=1").await;
    app.pass(30);
    let form = app.look().await;
    form.expect_form(&["1 / 5 attempts"]);
    assert!(!form.body.contains("value=\"resend\""), "what can't be is not offered");
    let page = app.resend().await;
    assert_eq!(page.heading(), "Too many attempts");
    assert!(page.body.contains("Please retry after 270 seconds."));
    assert_eq!(app.smtp.handed().len(), 1);
    assert_eq!(app.enter("123456").await.heading(), "E-mail verified");
}

#[tokio::test]
async fn the_wait_is_as_configured() {
    let mut settings = settings();
    settings.pages.resend_cool_down = Duration::ZERO;
    let app = App::with(Wishes { settings, ..Wishes::default() });
    app.put("uniqueID", "").await;
    app.resend().await.expect_form(&["OTP resent"]);
}

#[tokio::test]
async fn the_address_is_asked_for_where_there_is_none() {
    let app = App::new();
    app.call("PUT", "/api/otp/uniqueID", "provider=smtp&otp=123456").await;
    let ask = format!("{PAGE}/address");
    app.look().await.expect_redirect(&ask);
    app.resend().await.expect_redirect(&ask);
    let page = app.visit("GET", &ask, "").await;
    page.expect_form(&[
        "<title>Verify E-mail</title>",
        "action=\"/otp/app/uniqueID/address\"",
        "name=\"action\" value=\"set_address\"",
        "<label for=\"to\">Address</label>",
        "name=\"to\" type=\"email\"",
        "autocomplete=\"email\"",
    ]);
    for bad in ["", "john", "john%0a@doe.com", "%3Cb%3E"] {
        let page = app.give_address(bad).await;
        page.expect_form(&["This is not a valid address.", "aria-invalid=\"true\""]);
    }
    assert_eq!(app.smtp.handed().len(), 0);
    app.give_address("+john@doe.com%20").await.expect_redirect(PAGE);
    let mail = app.smtp.handed().remove(0).message;
    assert_eq!((mail.to.as_str(), mail.passcode.expose()), ("john@doe.com", "123456"));
    app.visit("GET", &ask, "").await.expect_redirect(PAGE);
    app.give_address("eve@doe.com").await.expect_redirect(PAGE);
    assert_eq!(app.smtp.handed().len(), 1, "it is set once");
    app.look().await.expect_form(&["j…@d….com", "1 / 5 attempts", "in 30 s."]);
    assert_eq!(app.enter("123456").await.heading(), "E-mail verified");
    let verified = Otp { attempts: 2, closed: true, ..Otp::default() };
    app.status("uniqueID").await.expect(200, &verified.success());
}

#[tokio::test]
async fn a_right_code_without_an_address_is_verified() {
    let app = App::new();
    app.call("PUT", "/api/otp/uniqueID", "provider=smtp&otp=123456").await;
    app.enter("000000").await.expect_redirect(&format!("{PAGE}/address"));
    assert_eq!(app.enter("123456").await.heading(), "E-mail verified");
    assert_eq!(app.visit("GET", &format!("{PAGE}/address"), "").await.heading(), "E-mail verified");
    assert_eq!(app.give_address("john@doe.com").await.heading(), "E-mail verified");
    assert_eq!((app.smtp.handed().len(), app.status("uniqueID").await.counts()), (0, (3, 1)));
}

#[tokio::test]
async fn a_message_that_does_not_go_out_is_told_and_what_was_done_stays() {
    let app = App::new();
    app.call("PUT", "/api/otp/uniqueID", "provider=smtp&otp=123456").await;
    app.smtp.then([Step::refuse_us(), Step::fail()]);
    app.give_address("john@doe.com").await.expect_form(&["The code could not be sent.", "role=\"alert\""]);
    app.pass(30);
    let page = app.resend().await;
    page.expect_form(&["The code could not be sent.", "in 30 s."]);
    assert!(!page.body.contains("aria-invalid"), "nothing that was entered is wrong: {}", page.body);
    assert_eq!(*app.answered.all().last().unwrap(), ("otpgateway", "page_submit", "not_sent"));
    assert_eq!(app.enter("123456").await.heading(), "E-mail verified");
    assert_eq!(app.status("uniqueID").await.counts(), (2, 2));
}

#[tokio::test]
async fn a_provider_that_hangs_is_waited_for_as_with_a_put() {
    let app = Arc::new(App::new());
    app.put("uniqueID", "").await;
    app.pass(30);
    app.smtp.then([Step::Hang]);
    let begin = app.now();
    let resending = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.resend().await }
    });
    app.smtp.wait_for_handed(2).await;
    app.clock.set(begin.after(Duration::from_millis(4_499)));
    all_runs().await;
    assert!(!resending.is_finished());
    app.clock.set(begin.after(Duration::from_millis(4_500)));
    within("the page", resending).await.unwrap().expect_form(&["The code could not be sent."]);
}

#[tokio::test]
async fn a_provider_that_is_gone_is_told_before_all_but_expiry_and_lock() {
    let old = App::new();
    old.put("uniqueID", "&max_attempts=3").await;
    let mut settings = settings();
    settings.providers.remove(0);
    let app = App::with(Wishes {
        settings,
        store: Arc::clone(&old.store),
        clock: Arc::clone(&old.clock),
        ..Wishes::default()
    });
    app.pass(30);
    assert_eq!(app.look().await.heading(), "No longer available");
    assert_eq!(app.resend().await.heading(), "No longer available");
    assert_eq!(app.visit("GET", &format!("{PAGE}/address"), "").await.heading(), "No longer available");
    assert_eq!(app.smtp.handed().len() + old.smtp.handed().len(), 1);
    assert_eq!(app.enter("123456").await.heading(), "No longer available");
    app.polls(true).await;
    assert_eq!(app.enter("000000").await.heading(), "No longer available");
    assert_eq!(app.enter("000000").await.heading(), "Too many attempts");
    app.pass(270);
    assert_eq!(app.look().await.heading(), "Session expired");
}

#[tokio::test]
async fn too_many_wrong_codes_for_an_address_are_refused_in_the_locked_page_s_words() {
    let guess = GuessRule { burst: 2, ..GuessRule::default() };
    let app = App::with(Wishes { guess, ..Wishes::default() });
    app.put("uniqueID", "").await;
    app.enter("000000").await;
    app.enter("000000").await;
    let page = app.enter("123456").await;
    assert_eq!(page.heading(), "Too many attempts");
    assert!(page.body.contains("Please retry after 60 seconds."), "{}", page.body);
    // Nothing was counted, and only checks are refused.
    app.look().await.expect_form(&["3 / 5 attempts"]);
    app.pass(60);
    assert_eq!(app.enter("123456").await.heading(), "E-mail verified");
}

#[tokio::test]
async fn a_page_that_nobody_made_has_expired() {
    let app = App::new();
    app.put("uniqueID", "").await;
    let long = format!("/otp/app/{}", "x".repeat(257));
    for path in [
        "/otp/app/uniqueIX",
        "/otp/other/uniqueID",
        "/otp/nobody/uniqueID",
        "/otp/app/short",
        "/otp/app/%ff%ff%ff",
        "/otp/%ff/uniqueID",
        &long,
    ] {
        for (method, below) in [("GET", ""), ("GET", "/address"), ("POST", ""), ("POST", "/address")] {
            let page = app.visit(method, &format!("{path}{below}"), "").await;
            assert_eq!(page.heading(), "Session expired", "{method} {path}{below}");
        }
        app.visit("GET", &format!("{path}/status"), "").await.expect_error(400, "Session expired.");
    }
}

#[tokio::test]
async fn where_people_look_they_are_answered_with_a_page() {
    let app = App::new();
    app.put("uniqueID", "").await;
    let trailing = format!("{PAGE}/");
    let below = format!("{PAGE}/x");
    for (path, leads_to) in [
        ("/otp/", None),
        ("/otp/app", None),
        ("/otp/app/", None),
        ("/otp/nobody/uniqueID/x", None),
        ("/otp/%ff/%ff/x", None),
        (trailing.as_str(), Some(PAGE)),
        (below.as_str(), Some(PAGE)),
    ] {
        for method in ["GET", "POST", "BREW"] {
            let page = app.visit(method, path, "").await;
            page.expect_page(404);
            assert!(page.body.contains("<h1>No such page</h1>"), "{method} {path}: {}", page.body);
            let link = leads_to.map(|to| format!("<a href=\"{to}\">Open the page</a>"));
            assert_eq!(page.body.contains("Open the page"), link.is_some(), "{path}");
            assert!(link.is_none_or(|link| page.body.contains(&link)), "{path}: {}", page.body);
        }
    }
    let (address, status) = (format!("{PAGE}/address"), format!("{PAGE}/status"));
    for (path, allow) in
        [(PAGE, "GET,HEAD,POST"), (address.as_str(), "GET,HEAD,POST"), (status.as_str(), "GET,HEAD")]
    {
        let page = app.visit("PUT", path, "").await;
        page.expect_page(405);
        assert_eq!(page.header("allow"), allow, "{path}");
        assert!(page.body.contains("<h1>Something went wrong</h1>"), "{}", page.body);
    }
    for path in ["/otp", "/static/x.js"] {
        app.visit("GET", path, "").await.expect_error(404, "Not found.");
    }
    let outcomes: Vec<_> = app.answered.all().into_iter().map(|(_, call, outcome)| (call, outcome)).collect();
    assert!(outcomes.contains(&("not_found", "not_found")), "{outcomes:?}");
    assert!(outcomes.contains(&("method_not_allowed", "method_not_allowed")), "{outcomes:?}");
}

#[tokio::test]
async fn an_address_that_is_too_short_to_show_a_part_of_is_not_spoken_of() {
    let app = App::new();
    app.call("PUT", "/api/otp/uniqueID", "provider=hook&to=bob").await;
    app.look().await.expect_form(&["<p id=\"description\">Enter the code that you were given.</p>"]);
    for (language, says) in [("ru", "Введите код, который вам сообщили."), ("hi", "आपको दिया गया कोड डालें।")]
    {
        let request =
            bare_request("GET", PAGE).header(ACCEPT_LANGUAGE, language).body(Body::empty()).unwrap();
        let page = app.send(request).await;
        assert!(page.body.contains(says), "{}", page.body);
    }
}
