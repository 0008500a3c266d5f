//! SIGKILL at the worst moments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::process::Process;

use crate::receiver::{Arrived, Receiver};
use crate::server::Site;

/// Asks for a message and kills the server when it has reached `step`.
async fn killed_at(
    step: &str,
    site: &Arc<Site>,
    id: &'static str,
    parameters: &'static [(&'static str, &'static str)],
) {
    let mut process = site.serve(&[("WATCHWORD_FAIL_POINT", step)]).await;
    let asking = tokio::spawn({
        let site = Arc::clone(site);
        async move { site.put(id, parameters).await }
    });
    let reached = format!("fail point {step} reached");
    let mut process = tokio::task::spawn_blocking(move || {
        process.wait_for_line(&reached, |line| line.contains(&reached).then_some(()));
        process
    })
    .await
    .unwrap();
    process.kill();
    // Whether an answer came depends on the step; that it ends does not.
    within("the request to end", asking).await.unwrap();
}

/// Starts the server again, and waits until it has nothing left to send: a message asked for now has arrived too.
async fn settled(site: &Site, receiver: &Receiver) -> Process {
    let process = site.serve(&[]).await;
    eventually("the outbox to be empty", || async {
        let outbox = metric(&process, "watchword_outbox_depth").await;
        (outbox == Some(0.0)).then_some(())
    })
    .await;
    assert_eq!(site.put("afterwards", &[]).await.map(|status| status.as_u16()), Some(200));
    receiver.wait_for("afterwards").await;
    process
}

/// A gauge of the admin listener, whose address the log tells.
async fn metric(process: &Process, name: &str) -> Option<f64> {
    let admin = process.output().iter().find_map(|line| admin_address(line))?;
    let text = reqwest::get(format!("http://{admin}/metrics")).await.ok()?.text().await.ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

fn admin_address(line: &str) -> Option<String> {
    let rest = line.split("admin").nth(1)?;
    let begin = rest.find("127.0.0.1:")?;
    let address = rest[begin..]
        .split(|character: char| !(character.is_ascii_digit() || ".:".contains(character)))
        .next()?;
    Some(address.to_owned())
}

fn once(arrived: &[Arrived]) -> &Arrived {
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    &arrived[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_send_it_is_sent_exactly_once() {
    for step in ["after_commit", "before_send"] {
        let receiver = Receiver::start().await;
        let site = Arc::new(Site::new(&receiver.url()));
        killed_at(step, &site, "johns-id", &[]).await;
        assert!(receiver.of("johns-id").is_empty(), "{step}");
        let _server = settled(&site, &receiver).await;
        let code = once(&receiver.of("johns-id")).code.clone();
        assert_eq!(site.check("johns-id", &code).await, 200, "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_send_it_is_sent_at_most_twice_with_one_delivery_id_and_code() {
    for step in ["after_send", "before_settle"] {
        let receiver = Receiver::start().await;
        let site = Arc::new(Site::new(&receiver.url()));
        killed_at(step, &site, "johns-id", &[]).await;
        let first = once(&receiver.of("johns-id")).clone();
        let _server = settled(&site, &receiver).await;
        let all = receiver.of("johns-id");
        assert!(all.len() <= 2 && all.iter().all(|arrived| *arrived == first), "{step}: {all:?}");
        assert_eq!(site.check("johns-id", &first.code).await, 200, "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_after_expiry() {
    let receiver = Receiver::start().await;
    let site = Arc::new(Site::new(&receiver.url()));
    killed_at("before_send", &site, "johns-id", &[("ttl", "1")]).await;
    #[expect(clippy::disallowed_methods, reason = "the server under test follows the real clock")]
    let now = Instant::now;
    let expired = now() + Duration::from_millis(1_100);
    eventually("the passcode to expire", || async { (now() > expired).then_some(()) }).await;
    let _server = settled(&site, &receiver).await;
    assert!(receiver.of("johns-id").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let receiver = Receiver::start().await;
    let site = Arc::new(Site::new(&receiver.url()));
    let mut server = site.serve(&[]).await;
    for number in 0..20 {
        assert_eq!(site.put(&format!("person-{number}"), &[]).await.unwrap(), 200);
    }
    let code = receiver.of("person-0").remove(0).code;
    assert_eq!(site.check("person-0", &code).await, 200);
    server.kill();
    let _server = site.serve(&[]).await;
    assert_eq!(site.check("person-0", &code).await, 400, "used up before the kill, and still");
    for number in 1..20 {
        let id = format!("person-{number}");
        let code = receiver.of(&id).remove(0).code;
        assert_eq!(site.check(&id, &code).await, 200, "{id}");
    }
}
