//! Messages of the otpgateway dialect: what they say, and what a PUT answers when they don't go out.

use std::sync::Arc;
use std::time::Duration;

use watchword_core::delivery::Outcome;
use watchword_testkit::deadline::within;
use watchword_testkit::provider::{FakeProvider, Step};

use crate::harness::{App, Otp, Wishes, all_runs, settings};

#[tokio::test]
async fn a_message_says_the_code_and_a_mail_links_to_the_page() {
    let app = App::new();
    app.call("PUT", "/api/otp/john%40doe.com", "provider=smtp&to=john@doe.com&otp=a%26b+1&ttl=90").await;
    app.call("PUT", "/api/otp/uniqueID", "provider=sms&to=12345678&otp=123456").await;
    let mail = app.smtp.handed().remove(0).message;
    let link = "http://otp.example.com/otp/app/john@doe.com?otp=a%26b%201&action=check";
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("john@doe.com", "Your verification code"));
    assert!(mail.body.contains("a&b 1") && mail.body.contains(link) && mail.body.contains("90 seconds"));
    assert_eq!((mail.passcode.expose(), mail.ttl_seconds), ("a&b 1", 90));
    let sms = app.sms.handed().remove(0).message;
    assert_eq!(sms.to, "12345678");
    assert!(sms.body.contains("123456") && !sms.body.contains("http"));
}

#[tokio::test]
async fn without_an_address_nothing_is_sent() {
    let app = App::new();
    let open = Otp { to: "", ..Otp::default() };
    app.call("PUT", "/api/otp/uniqueID", "provider=smtp&otp=123456").await.expect(200, &open.started());
    app.tasks.idle().await;
    assert_eq!(app.smtp.handed().len(), 0);
    let verified = Otp { attempts: 2, closed: true, ..open };
    app.check("uniqueID", "123456").await.expect(200, &verified.success());
}

#[tokio::test]
async fn a_provider_that_does_not_take_the_message_is_an_error_and_the_otp_stays_counted() {
    for step in [
        Step::refuse_address(),
        Step::refuse_us(),
        Step::throttle(None),
        Step::throttle(Some(Duration::from_secs(1))),
        Step::fail(),
        Step::break_off(),
        Step::Panic,
    ] {
        let app = App::new();
        app.smtp.then([step.clone()]);
        app.put("uniqueID", "").await.expect_error(500, "Error sending OTP.");
        assert_eq!(app.smtp.handed().len(), 1, "{step:?}: the route is walked once");
        let counted = Otp { attempts: 2, ..Otp::default() };
        app.check("uniqueID", "000000").await.expect(400, &counted.failure("Incorrect OTP"));
        assert_eq!(app.answered.all()[0], ("otpgateway", "start", "not_sent"));
    }
}

#[tokio::test]
async fn a_provider_that_hangs_is_an_error_half_a_second_before_the_requests_time_is_over() {
    let app = Arc::new(App::new());
    app.smtp.then([Step::Hang]);
    let begin = app.now();
    let putting = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.put("uniqueID", "").await }
    });
    app.smtp.wait_for_handed(1).await;
    // Just before the deadline it still waits.
    app.clock.set(begin.after(Duration::from_millis(4_499)));
    all_runs().await;
    assert!(!putting.is_finished());
    app.clock.set(begin.after(Duration::from_millis(4_500)));
    let reply = within("the reply", putting).await.unwrap();
    reply.expect_error(500, "Error sending OTP.");
    // It is stored, and was sent after all: its code is good.
    app.smtp.release(Outcome::Accepted { message_id: None });
    let verified = Otp { attempts: 2, closed: true, ttl: 295, ..Otp::default() };
    app.check("uniqueID", "123456").await.expect(200, &verified.success());
}

#[tokio::test]
async fn the_deadline_follows_the_configured_timeout() {
    for (timeout, deadline) in [(10_000, 9_500), (800, 400), (1_000, 500)] {
        let timeout = Duration::from_millis(timeout);
        let settings = watchword_http::dialects::otpgateway::OtpgatewaySettings {
            server_timeout: timeout,
            ..settings()
        };
        let hook = FakeProvider::new("hook").with_timeout(Duration::from_secs(60));
        let app = Arc::new(App::with(Wishes { settings, hook, ..Wishes::default() }));
        app.hook.then([Step::Hang]);
        let begin = app.now();
        let putting = tokio::spawn({
            let app = Arc::clone(&app);
            async move { app.call("PUT", "/api/otp/uniqueID", "provider=hook&to=x").await }
        });
        app.hook.wait_for_handed(1).await;
        app.clock.set(begin.after(Duration::from_millis(deadline - 1)));
        all_runs().await;
        assert!(!putting.is_finished());
        app.clock.set(begin.after(Duration::from_millis(deadline)));
        let reply = within("the reply", putting).await.unwrap();
        reply.expect_error(500, "Error sending OTP.");
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_stops_nothing() {
    let app = Arc::new(App::new());
    app.smtp.then([Step::Hang]);
    let putting = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.put("uniqueID", "").await }
    });
    app.smtp.wait_for_handed(1).await;
    putting.abort();
    app.smtp.release(Outcome::Accepted { message_id: None });
    app.tasks.idle().await;
    assert_eq!(app.check("uniqueID", "123456").await.status, 200);
}
