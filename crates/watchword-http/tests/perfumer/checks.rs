//! What a check takes, and what it does not.

use watchword_core::guess::GuessRule;
use watchword_core::ports::{Clock, Store};
use watchword_core::verification::State;

use crate::harness::{App, FALSE, TRUE, Wishes};

#[tokio::test]
async fn a_check_uses_nothing_up() {
    let app = App::new();
    app.pass_on("sms", "7701", "1").await.expect(200, TRUE);
    for _ in 0..20 {
        app.check("sms", "7701", "1").await.expect(200, TRUE);
    }
    app.check("sms", "7701", "2").await.expect(200, FALSE);
    app.check("sms", "7701", "1").await.expect(200, TRUE);
    // Closing it would take back what is not sent yet.
    let vid = app.sms.wait_for_handed(1).await[0].verification.vid;
    let verification = app.store.find(vid, app.clock.now()).await.unwrap().unwrap();
    assert_eq!((verification.state, verification.attempts), (State::Pending, 0));
}

#[tokio::test]
async fn every_live_password_of_a_target_is_good() {
    let app = App::new();
    for password in ["1", "2", "2", "3"] {
        app.pass_on("email", "a@b.c", password).await.expect(200, TRUE);
        app.pass(100);
    }
    // The first one's 300 s are over.
    for (password, reply) in [("1", FALSE), ("2", TRUE), ("3", TRUE), ("4", FALSE)] {
        app.check("email", "a@b.c", password).await.expect(200, reply);
    }
}

#[tokio::test]
async fn a_channel_keeps_to_itself_but_sms_takes_what_was_called_too() {
    for (sent, checked, reply) in [
        ("sms", "sms", TRUE),
        ("sms", "call", FALSE),
        ("call", "call", TRUE),
        ("call", "sms", TRUE),
        ("telegram", "telegram", TRUE),
        ("telegram", "sms", FALSE),
        ("telegram", "call", FALSE),
        ("telegram", "email", FALSE),
        ("email", "email", TRUE),
        ("email", "telegram", FALSE),
    ] {
        let app = App::new();
        app.pass_on(sent, "7701", "12345").await.expect(200, TRUE);
        app.check(checked, "7701", "12345").await.expect(200, reply);
    }
}

#[tokio::test]
async fn targets_and_passwords_match_exactly() {
    let app = App::new();
    app.pass_on("email", "John@Example.com", "aB 1").await.expect(200, TRUE);
    for (target, password, reply) in [
        ("John@Example.com", "aB 1", TRUE),
        (" John@Example.com ", " aB 1 ", TRUE),
        ("john@Example.com", "aB 1", FALSE),
        ("John@example.com", "aB 1", FALSE),
        ("John@Example.com", "ab 1", FALSE),
        ("John@Example.com", "aB1", FALSE),
    ] {
        app.check("email", target, password).await.expect(200, reply);
    }
    app.pass_on("sms", "77011234567", "1").await.expect(200, TRUE);
    app.check("sms", "+77011234567", "1").await.expect(200, FALSE);
}

#[tokio::test]
async fn who_guesses_too_often_is_refused_for_a_while_and_not_told() {
    let guess = GuessRule { burst: 5, ..GuessRule::default() };
    let app = App::with(Wishes { guess, ..Wishes::default() });
    app.pass_on("sms", "7701", "12345").await.expect(200, TRUE);
    app.pass_on("telegram", "7701", "54321").await.expect(200, TRUE);
    for channel in ["sms", "telegram", "sms", "telegram", "sms"] {
        app.check(channel, "7701", "00000").await.expect(200, FALSE);
    }
    // Over all channels.
    for (channel, password) in [("sms", "12345"), ("telegram", "54321"), ("sms", "00000")] {
        app.check(channel, "7701", password).await.expect(200, FALSE);
    }
    assert_eq!(app.answered.all().last(), Some(&("perfumer", "sms_check", "refused")));
    // A new password fills nothing up, and is as good as the others once the wait is over.
    app.pass_on("sms", "7701", "67890").await.expect(200, TRUE);
    app.check("sms", "7701", "67890").await.expect(200, FALSE);
    app.pass(60);
    app.check("sms", "7701", "67890").await.expect(200, TRUE);
    app.check("telegram", "7701", "54321").await.expect(200, TRUE);
}

#[tokio::test]
async fn guesses_at_what_is_not_there_lock_nobody_out() {
    let app = App::new();
    for guess in 1..200 {
        app.check("sms", "7701", &guess.to_string()).await.expect(200, FALSE);
    }
    app.pass_on("sms", "7701", "12345").await.expect(200, TRUE);
    app.check("sms", "7701", "12345").await.expect(200, TRUE);
}
