//! Many at once, on threads of their own: of the right checks one wins, and wrong ones never pass the limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Barrier;
use watchword_core::guess::GuessRule;
use watchword_http::server::ServerSettings;

use crate::harness::wire::{Client, Listening};
use crate::harness::{App, Reply, Wishes};

/// A dialect behind a listener, and connections to it. Its guess limits don't stand in the way.
struct Race {
    app: App,
    clients: Vec<Client>,
    _server: Listening,
}

impl Race {
    async fn new(connections: usize) -> Self {
        let guess = GuessRule { burst: 0, budget: 0, ..GuessRule::default() };
        let app = App::with(Wishes { guess, ..Wishes::default() });
        let server = Listening::start(app.router.clone(), ServerSettings::default()).await;
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            clients.push(server.connect().await);
        }
        Self { app, clients, _server: server }
    }

    /// Sends each form over a connection of its own, all at once.
    async fn at_once(&mut self, method: &'static str, forms: Vec<String>) -> Vec<Reply> {
        let barrier = Arc::new(Barrier::new(forms.len()));
        let calls = forms.into_iter().zip(self.clients.drain(..)).map(|(form, mut client)| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                let reply = client.call(method, "/api/otp/uniqueID", &form).await;
                (client, reply)
            })
        });
        let mut replies = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            let (client, reply) = call.await.unwrap();
            self.clients.push(client);
            replies.push(reply);
        }
        replies
    }
}

/// Counts replies by status and message.
fn tally(replies: &[Reply]) -> BTreeMap<(u16, String), usize> {
    let mut tally = BTreeMap::new();
    for reply in replies {
        let envelope: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let message = envelope["message"].as_str().unwrap_or_default().to_owned();
        *tally.entry((reply.status.as_u16(), message)).or_default() += 1;
    }
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_right_checks_at_once_exactly_one_wins_500_times() {
    let mut race = Race::new(16).await;
    let expected =
        BTreeMap::from([((200, String::new()), 1), ((400, "the OTP does not exist".to_owned()), 15)]);
    for round in 0..500 {
        assert_eq!(race.app.put("uniqueID", "&max_attempts=100").await.status, 200);
        let replies = race.at_once("POST", vec!["otp=123456".to_owned(); 16]).await;
        assert_eq!(tally(&replies), expected, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_wrong_checks_at_once_never_get_past_the_limit_and_then_the_right_one_is_refused() {
    let locked = "Too many attempts. Please retry after 300 seconds.".to_owned();
    for _ in 0..20 {
        let mut race = Race::new(64).await;
        race.app.put("uniqueID", "&max_attempts=5").await;
        let replies = race.at_once("POST", vec!["otp=000000".to_owned(); 64]).await;
        let expected = BTreeMap::from([((400, "Incorrect OTP".to_owned()), 4), ((429, locked.clone()), 60)]);
        assert_eq!(tally(&replies), expected);
        // Every one was counted, each once.
        let mut attempts: Vec<_> = replies.iter().map(|reply| reply.counts().0).collect();
        attempts.sort_unstable();
        assert_eq!(attempts, (2..=65).collect::<Vec<_>>());
        let right = race.app.check("uniqueID", "123456").await;
        assert_eq!((right.status.as_u16(), right.counts()), (429, (66, 1)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_puts_at_once_both_count_and_only_the_later_code_is_good() {
    for round in 0..100 {
        let mut race = Race::new(2).await;
        let form = |otp| format!("provider=smtp&to=john@doe.com&otp={otp}&max_attempts=100");
        let replies = race.at_once("PUT", vec![form("111111"), form("222222")]).await;
        let mut counts: Vec<_> = replies.iter().map(Reply::counts).collect();
        counts.sort_unstable();
        // The one that was replaced before it went out may say that it was not sent.
        let sent: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
        assert!(!sent.is_empty(), "round {round}");
        let later =
            replies.iter().find(|reply| reply.status == 200 && reply.counts() == (2, 2)).expect("a second");
        let (good, bad) =
            if later.data("otp") == "111111" { ("111111", "222222") } else { ("222222", "111111") };
        assert_eq!(race.app.check("uniqueID", bad).await.status, 400);
        assert_eq!(race.app.check("uniqueID", good).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_right_check_among_wrong_ones_at_once_wins_or_meets_the_limit_and_never_both() {
    let mut race = Race::new(9).await;
    for _ in 0..100 {
        race.app.put("uniqueID", "&max_attempts=5&max_generate=1000000").await;
        let mut forms = vec!["otp=000000".to_owned(); 8];
        forms.push("otp=123456".to_owned());
        let replies = race.at_once("POST", forms).await;
        let won = replies.iter().filter(|reply| reply.status == 200).count();
        let wrong = replies.iter().filter(|reply| reply.body.contains("Incorrect OTP")).count();
        assert!(won <= 1 && wrong + won <= 4, "{:?}", tally(&replies));
        race.app.pass(300);
    }
}
