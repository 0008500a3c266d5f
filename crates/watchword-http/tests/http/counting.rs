//! How otpgateway counts, exactly: stories of several calls.

use watchword_core::guess::GuessRule;

use crate::harness::{App, Otp, Wishes};

#[tokio::test]
async fn five_attempts_give_a_first_code_four_checks() {
    let app = App::new();
    app.put("uniqueID", "&max_attempts=5").await.expect(200, &Otp::default().started());
    for attempts in 2..=5 {
        let wrong = Otp { attempts, ..Otp::default() };
        app.check("uniqueID", "000000").await.expect(400, &wrong.failure("Incorrect OTP"));
    }
    // Locked, whatever the code, until the time is over. Counting goes on.
    for (attempts, otp) in [(6, "000000"), (7, "123456")] {
        let locked = Otp { attempts, ..Otp::default() };
        let words = "Too many attempts. Please retry after 300 seconds.";
        app.check("uniqueID", otp).await.expect_later(429, 300, &locked.failure(words));
    }
    app.pass(299);
    let locked = Otp { attempts: 8, ttl: 1, ..Otp::default() };
    let words = "Too many attempts. Please retry after 1 seconds.";
    app.check("uniqueID", "123456").await.expect_later(429, 1, &locked.failure(words));
    app.pass(1);
    app.check("uniqueID", "123456").await.expect_error(400, "the OTP does not exist");
    app.put("uniqueID", "").await.expect(200, &Otp::default().started());
}

#[tokio::test]
async fn the_last_allowed_check_may_be_the_right_one() {
    let app = App::new();
    app.put("uniqueID", "&max_attempts=3").await;
    app.check("uniqueID", "000000").await;
    let verified = Otp { attempts: 3, max_attempts: 3, closed: true, ..Otp::default() };
    app.check("uniqueID", "123456").await.expect(200, &verified.success());
}

#[tokio::test]
async fn one_attempt_leaves_none_for_a_check() {
    let app = App::new();
    app.put("uniqueID", "&max_attempts=1").await;
    assert_eq!(app.check("uniqueID", "123456").await.status, 429);
}

#[tokio::test]
async fn a_put_on_a_live_id_replaces_it_and_counts_on() {
    let app = App::new();
    app.put("uniqueID", "&ttl=60&max_attempts=5&extra=[1]&channel_description=old").await;
    app.check("uniqueID", "000000").await;
    app.pass(30);
    let form = "provider=hook&to=account+42&otp=777777&max_attempts=9&max_generate=9";
    let replaced = Otp {
        to: "account 42",
        provider: "hook",
        otp: "777777",
        max_attempts: 9,
        max_generate: 9,
        attempts: 3,
        generate: 2,
        ..Otp::default()
    };
    app.call("PUT", "/api/otp/uniqueID", form).await.expect(200, &replaced.started());
    let wrong = Otp { attempts: 4, ..replaced.clone() };
    app.check("uniqueID", "123456").await.expect(400, &wrong.failure("Incorrect OTP"));
    // The time is that of the new one.
    app.pass(299);
    let verified = Otp { attempts: 5, closed: true, ttl: 1, ..replaced };
    app.check("uniqueID", "777777").await.expect(200, &verified.success());
}

#[tokio::test]
async fn a_put_without_an_address_clears_it_and_opens_what_was_closed() {
    let app = App::new();
    app.put("uniqueID", "&skip_delete=true").await;
    app.check("uniqueID", "123456").await;
    let open = Otp { to: "", otp: "42", attempts: 3, generate: 2, ..Otp::default() };
    app.call("PUT", "/api/otp/uniqueID", "provider=smtp&otp=42").await.expect(200, &open.started());
    app.status("uniqueID").await.expect_error(400, "OTP not verified.");
}

#[tokio::test]
async fn a_put_on_a_locked_id_changes_nothing_and_sends_nothing() {
    let app = App::new();
    app.put("uniqueID", "&max_attempts=2").await;
    app.check("uniqueID", "000000").await;
    assert_eq!(app.check("uniqueID", "000000").await.status, 429);
    app.pass(10);
    let words = "OTP attempts exceeded. Retry after 290 seconds.";
    let refused = format!(
        r#"{{"status":"error","message":"{words}","data":{{"ttl_seconds":290,"attempts":3,"max_attempts":2}}}}"#
    );
    app.put("uniqueID", "&max_attempts=100").await.expect_later(429, 290, &refused);
    app.put("uniqueID", "&max_attempts=100").await.expect_later(429, 290, &refused);
    assert_eq!(app.smtp.handed().len(), 1);
}

#[tokio::test]
async fn a_put_whose_own_count_would_lock_is_refused_and_the_good_code_stays_good() {
    let app = App::new();
    // Three messages are allowed: the fourth PUT would lock it.
    for generate in 1..=3 {
        let started = Otp { attempts: generate, generate, max_attempts: 10, ..Otp::default() };
        app.put("uniqueID", "&max_attempts=10").await.expect(200, &started.started());
    }
    let refused = r#"{"status":"error","message":"OTP attempts exceeded. Retry after 300 seconds.","data":{"ttl_seconds":300,"attempts":3,"max_attempts":10}}"#;
    app.put("uniqueID", "&max_attempts=10").await.expect_later(429, 300, refused);
    assert_eq!(app.smtp.handed().len(), 3);
    let verified = Otp { attempts: 4, generate: 3, max_attempts: 10, closed: true, ..Otp::default() };
    app.check("uniqueID", "123456").await.expect(200, &verified.success());
}

#[tokio::test]
async fn a_wait_of_part_of_a_second_is_told_as_a_whole_one() {
    let app = App::new();
    app.put("uniqueID", "&max_attempts=1&ttl=10").await;
    app.clock.advance(std::time::Duration::from_millis(9_200));
    let locked = Otp { attempts: 2, max_attempts: 1, ttl: 0, ..Otp::default() };
    let words = "Too many attempts. Please retry after 1 seconds.";
    app.check("uniqueID", "123456").await.expect_later(429, 1, &locked.failure(words));
    let words = "OTP attempts exceeded. Retry after 1 seconds.";
    let refused = format!(
        r#"{{"status":"error","message":"{words}","data":{{"ttl_seconds":1,"attempts":2,"max_attempts":1}}}}"#
    );
    app.put("uniqueID", "").await.expect_later(429, 1, &refused);
}

#[tokio::test]
async fn an_otp_is_gone_when_its_time_is_over_and_not_before() {
    let app = App::new();
    app.put("uniqueID", "&ttl=60").await;
    app.clock.advance(std::time::Duration::from_millis(59_999));
    let wrong = Otp { attempts: 2, ttl: 0, ..Otp::default() };
    app.check("uniqueID", "0").await.expect(400, &wrong.failure("Incorrect OTP"));
    app.clock.advance(std::time::Duration::from_millis(1));
    app.check("uniqueID", "123456").await.expect_error(400, "the OTP does not exist");
    app.status("uniqueID").await.expect_error(400, "the OTP does not exist");
}

#[tokio::test]
async fn wrong_checks_of_one_address_are_limited_over_all_its_ids_and_nothing_refills_them() {
    let app =
        App::with(Wishes { guess: GuessRule { burst: 3, ..GuessRule::default() }, ..Wishes::default() });
    for id in ["first-id", "second-id", "third-id"] {
        app.put(id, "").await;
        assert_eq!(app.check(id, "000000").await.status, 400);
    }
    // Refused for a minute: the right code too, at any id, and no count moves.
    let refused = Otp { id: "first-id", attempts: 2, ..Otp::default() };
    let words = "Too many attempts. Please retry after 60 seconds.";
    for otp in ["123456", "000000"] {
        app.check("first-id", otp).await.expect_later(429, 60, &refused.failure(words));
    }
    // PUT and status are not refused.
    let replaced = Otp { id: "first-id", attempts: 3, generate: 2, ..Otp::default() };
    app.put("first-id", "").await.expect(200, &replaced.started());
    app.status("first-id").await.expect_error(400, "OTP not verified.");
    app.clock.advance(std::time::Duration::from_millis(59_001));
    let words = "Too many attempts. Please retry after 1 seconds.";
    let refused = Otp { ttl: 240, ..replaced.clone() };
    app.check("first-id", "123456").await.expect_later(429, 1, &refused.failure(words));
    app.pass(1);
    let verified = Otp { attempts: 4, closed: true, ttl: 239, ..replaced };
    app.check("first-id", "123456").await.expect(200, &verified.success());
    // A right check forgets the wrong ones.
    assert_eq!(app.check("second-id", "000000").await.status, 400);
    assert_eq!(app.check("third-id", "123456").await.status, 200);
}
