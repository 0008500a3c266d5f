//! One of two servers dies in the middle of a delivery; the other finishes it.

use futures::future::{join, join_all};
use reqwest::Method;
use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::redis::Keeping;

use crate::nodes::Nodes;
use crate::receiver::{Arrived, Receiver};

/// How a message comes to be sent.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// By an application, with a PUT.
    Put,
    /// By a person, who gives the address on the page.
    Address,
}

/// What came of one that was killed.
struct Aftermath {
    /// Whether whoever asked was answered.
    answered: bool,
    /// What had arrived by then.
    before: Vec<Arrived>,
    /// What had arrived once the other had nothing left to send.
    after: Vec<Arrived>,
    /// Of a check of that code.
    status: u16,
}

/// One of two servers is killed at `step`.
async fn killed_at(step: &'static str, asked: Asked) -> Aftermath {
    let receiver = Receiver::start().await;
    let nodes = Nodes::new(Keeping::Everything, &receiver.url(), "");
    let survivor = nodes.start(&[]);
    let doomed = nodes.start(&[("WATCHWORD_FAIL_POINT", step)]);
    let put = [("provider", "sms"), ("to", "+77011234567")];
    let (method, path, form) = match asked {
        Asked::Put => (Method::PUT, "/api/otp/johns-id", &put[..]),
        Asked::Address => {
            assert_eq!(survivor.call(Method::PUT, "/api/otp/johns-id", &put[..1]).await.status, 200);
            (Method::POST, "/otp/app/johns-id/address", &put[1..])
        }
    };
    let killing = async {
        let reached = format!("fail point {step} reached");
        let is_reached = || doomed.process.output().iter().any(|line| line.contains(&reached));
        eventually(&reached, || async { is_reached().then_some(()) }).await;
        doomed.process.signal("-KILL");
    };
    let (answer, ()) = join(within("an end", doomed.try_call(method, path, form)), killing).await;
    let before = receiver.of("johns-id");
    if before.is_empty() {
        receiver.wait_for("johns-id").await;
    }
    survivor.sends_all().await;
    assert_eq!(survivor.put("afterwards", &[]).await.status, 200);
    receiver.wait_for("afterwards").await;
    let after = receiver.of("johns-id");
    let status = survivor.check("johns-id", &after[0].code).await.status;
    Aftermath { answered: answer.is_ok(), before, after, status }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_provider_was_reached_the_other_sends_it_exactly_once() {
    let cases = [("after_commit", Asked::Put), ("before_send", Asked::Put), ("before_send", Asked::Address)];
    // All at once, for each waits for a lease to run out.
    let all = join_all(cases.map(|(step, asked)| killed_at(step, asked))).await;
    for (case, Aftermath { answered, before, after, status }) in cases.into_iter().zip(all) {
        assert!(!answered, "{case:?}: its caller waited for the message");
        assert_eq!((before.len(), after.len(), status), (0, 1, 200), "{case:?}: {after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_provider_took_it_the_other_sends_it_at_most_once_more_with_the_same_id_and_code() {
    let cases = [
        ("after_send", Asked::Put),
        ("before_settle", Asked::Put),
        ("after_send", Asked::Address),
        ("before_settle", Asked::Address),
    ];
    let all = join_all(cases.map(|(step, asked)| killed_at(step, asked))).await;
    for (case, Aftermath { before, after, status, .. }) in cases.into_iter().zip(all) {
        assert_eq!(before.len(), 1, "{case:?}");
        assert!(after.len() <= 2 && after.iter().all(|arrived| *arrived == before[0]), "{case:?}: {after:?}");
        assert_eq!(status, 200, "{case:?}");
    }
}
