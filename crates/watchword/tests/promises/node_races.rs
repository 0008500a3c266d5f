//! The races of one server, run across two that share a Redis.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use reqwest::Method;
use tokio::sync::Barrier;
use watchword_testkit::deadline::eventually;
use watchword_testkit::redis::Keeping;

use crate::nodes::{Node, Nodes, Reply};
use crate::receiver::Receiver;

const ROUNDS: usize = 60;

/// Two servers, and what they need to live.
struct Pair {
    nodes: Arc<[Node; 2]>,
    receiver: Receiver,
    _shared: Nodes,
}

impl Pair {
    async fn start(more: &str) -> Self {
        let receiver = Receiver::start().await;
        let shared = Nodes::new(Keeping::Nothing, &receiver.url(), more);
        Self { nodes: Arc::new(shared.two()), receiver, _shared: shared }
    }

    fn first(&self) -> &Node {
        &self.nodes[0]
    }

    /// So many calls at once, every other one at the other server: none begins before all are ready.
    async fn at_once(
        &self,
        count: usize,
        method: Method,
        path: &str,
        form: impl Fn(usize) -> Form,
    ) -> Vec<Reply> {
        let barrier = Arc::new(Barrier::new(count));
        let calls = (0..count).map(|number| {
            let (nodes, barrier) = (Arc::clone(&self.nodes), Arc::clone(&barrier));
            let (method, path, form) = (method.clone(), path.to_owned(), form(number));
            tokio::spawn(async move {
                let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
                barrier.wait().await;
                nodes[number % 2].call(method, &path, &form).await
            })
        });
        join_all(calls).await.into_iter().map(Result::unwrap).collect()
    }

    async fn check_at_once(&self, count: usize, id: &str, code: &str) -> Vec<Reply> {
        let form = |_| vec![("otp", code.to_owned())];
        self.at_once(count, Method::POST, &format!("/api/otp/{id}"), form).await
    }
}

type Form = Vec<(&'static str, String)>;

fn by_answer(replies: &[Reply]) -> BTreeMap<(u16, String), usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        *counts.entry((reply.status, reply.message())).or_default() += 1;
    }
    counts
}

fn wrong_for(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_right_checks_at_both_exactly_one_wins() {
    let pair = Pair::start("").await;
    for round in 0..ROUNDS {
        let id = format!("person-{round}");
        let code = pair.nodes[round % 2].put(&id, &[("max_attempts", "100")]).await.code();
        let replies = pair.check_at_once(16, &id, &code).await;
        let expected =
            BTreeMap::from([((200, String::new()), 1), ((400, "the OTP does not exist".to_owned()), 15)]);
        assert_eq!(by_answer(&replies), expected, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wrong_checks_at_both_never_pass_the_limit_and_then_the_right_one_is_refused_by_both() {
    let pair = Pair::start("").await;
    for round in 0..ROUNDS / 2 {
        let id = format!("person-{round}");
        let code = pair.first().put(&id, &[]).await.code();
        let replies = pair.check_at_once(32, &id, &wrong_for(&code)).await;
        let statuses = replies.iter().map(|reply| (reply.status, reply.retry_after));
        let (looked_at, locked): (Vec<_>, Vec<_>) = statuses.partition(|(status, _)| *status == 400);
        // 5 attempts, and the PUT is one of them.
        assert_eq!((looked_at.len(), locked), (4, vec![(429, true); 28]), "round {round}");
        for node in &*pair.nodes {
            let right = node.check(&id, &code).await;
            assert_eq!((right.status, right.retry_after), (429, true), "round {round}: {right:?}");
            assert_eq!(node.page(&id).await.heading(), "Too many attempts", "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn puts_at_both_count_exactly_and_the_last_one_s_code_is_good() {
    const PUTS: usize = 8;
    let pair = Pair::start("").await;
    for round in 0..ROUNDS {
        let id = format!("person-{round}");
        // An address of its own, so that no other round's wrong guesses are counted here.
        let form = |number| {
            let texts = [("provider", "sms"), ("to", &*id), ("max_attempts", "100"), ("max_generate", "100")];
            let mut form: Form = texts.map(|(name, value)| (name, value.to_owned())).into();
            form.push(("otp", format!("code-{number}")));
            form
        };
        let mut replies = pair.at_once(PUTS, Method::PUT, &format!("/api/otp/{id}"), form).await;
        let count = |reply: &Reply, key: &str| reply.json()["data"][key].as_u64();
        replies.sort_by_key(|reply| count(reply, "generate"));
        for (index, reply) in replies.iter().enumerate() {
            let nth = Some(index as u64 + 1);
            assert_eq!((count(reply, "generate"), count(reply, "attempts")), (nth, nth), "{reply:?}");
        }
        let codes: Vec<String> = replies.iter().map(Reply::code).collect();
        let (last, replaced) = codes.split_last().unwrap();
        for (number, code) in replaced.iter().enumerate() {
            assert_eq!(pair.nodes[number % 2].check(&id, code).await.message(), "Incorrect OTP");
        }
        assert_eq!(pair.nodes[round % 2].check(&id, last).await.status, 200, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_resends_at_both_one_is_sent_in_a_cool_down() {
    const PEOPLE: usize = 30;
    let pair = Pair::start("[pages]\nresend_cool_down = \"5s\"\nrequests_per_minute = 0").await;
    let ids: Vec<String> = (0..PEOPLE).map(|number| format!("person-{number}")).collect();
    for id in &ids {
        pair.first().put(id, &[("max_generate", "100")]).await.code();
    }
    eventually("the wait of the last one to be over", || async {
        let page = pair.first().page(ids.last().unwrap()).await;
        page.body.contains("id=\"resend\" data-seconds=\"0\"").then_some(())
    })
    .await;
    for id in &ids {
        let resend = |_| vec![("action", "resend".to_owned())];
        let pages = pair.at_once(8, Method::POST, &format!("/otp/app/{id}"), resend).await;
        let sent = pages.iter().filter(|page| page.body.contains("OTP resent")).count();
        let refused = pages.iter().filter(|page| page.body.contains("sent a moment ago")).count();
        assert_eq!((sent, refused), (1, 7), "{id}");
        let messages = pair.receiver.of(id);
        assert_eq!(messages.len(), 2, "{id}: the first, and one more: {messages:?}");
        assert_eq!(messages[0].code, messages[1].code);
        assert_ne!(messages[0].delivery, messages[1].delivery);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_addresses_given_at_both_one_is_taken_and_sent_to() {
    let pair = Pair::start("[pages]\nrequests_per_minute = 0").await;
    for round in 0..ROUNDS {
        let id = format!("person-{round}");
        let put = [("provider", "sms"), ("otp", "123456")];
        assert_eq!(pair.first().call(Method::PUT, &format!("/api/otp/{id}"), &put).await.status, 200);
        let form = |number| vec![("action", "set_address".to_owned()), ("to", format!("phone-{number}"))];
        let pages = pair.at_once(8, Method::POST, &format!("/otp/app/{id}/address"), form).await;
        assert!(pages.iter().all(|page| page.heading() == "Verify sms"), "{pages:#?}");
        assert_eq!(pair.receiver.of(&id).len(), 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guess_limits_hold_across_both() {
    // One that lasts, however long a round takes.
    let pair = Pair::start("[guess]\nburst = 0\nbudget = 10").await;
    for round in 0..ROUNDS / 2 {
        let id = format!("person-{round}");
        let code = pair.first().put(&id, &[("max_attempts", "1000")]).await.code();
        let replies = pair.check_at_once(32, &id, &wrong_for(&code)).await;
        let wrong = replies.iter().filter(|reply| reply.message() == "Incorrect OTP").count();
        let refused = replies.iter().filter(|reply| reply.status == 429 && reply.retry_after).count();
        assert_eq!((wrong, refused), (10, 22), "round {round}");
        // A new code does not help, at either.
        let code = pair.nodes[1].put(&id, &[("max_attempts", "1000")]).await.code();
        for node in &*pair.nodes {
            assert_eq!(node.check(&id, &code).await.status, 429, "round {round}");
        }
    }
}
