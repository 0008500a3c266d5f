//! Limits raced over HTTP, at two servers on one database.

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::Barrier;

use crate::support::{Answer, Perfumer, PerfumerSite, TRUE, postgres};

const SENDERS: usize = 32;

const IP_LIMIT: &str = r#"{"status":false,"status_code":"ip_limit","message":"IP limit has been reached"}"#;
const PHONE_LIMIT: &str =
    r#"{"status":false,"status_code":"phone_limit","message":"Phone limit has been reached"}"#;

/// Sends all of these at once, to the servers by turns.
async fn at_once(servers: &[Arc<Perfumer>; 2], bodies: Vec<String>) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(bodies.len()));
    let senders = bodies.into_iter().zip(servers.iter().cycle()).map(|(body, server)| {
        let (barrier, server) = (Arc::clone(&barrier), Arc::clone(server));
        tokio::spawn(async move {
            barrier.wait().await;
            server.post("/sms", &body).await
        })
    });
    let senders: Vec<_> = senders.collect();
    join_all(senders).await.into_iter().map(Result::unwrap).collect()
}

/// So many went, and all others were refused by that limit.
#[track_caller]
fn expect(answers: &[Answer], accepted: usize, limit: &str, what: &str) {
    let (went, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.is_true());
    assert_eq!(went.len(), accepted, "{what}: {refused:#?}");
    refused.iter().for_each(|answer| answer.expect_limit(limit));
}

/// Fills limits by address and by phone, in rounds; how many messages went.
pub(crate) async fn fill_limits(servers: &[Arc<Perfumer>; 2], rounds: usize) -> usize {
    let rules =
        r#"{"ips":[{"minutes":10,"rate":9},{"minutes":60,"rate":11}],"phones":[{"minutes":10,"rate":5}]}"#;
    servers[0].post("/limit/sms", rules).await.expect(200, TRUE);
    let send = |ip: String, phone: String| {
        format!(r#"{{"ip":"{ip}","phone":"{phone}","password":"12345","lifetime":300,"message":"12345"}}"#)
    };
    for round in 0..rounds {
        // Half as many phones as senders, so that rows of both kinds are waited for.
        let one_ip = |number| send(format!("10.0.0.{round}"), format!("7701{round}{:04}", number % 16));
        let answers = at_once(servers, (0..SENDERS).map(one_ip).collect()).await;
        expect(&answers, 9, IP_LIMIT, &format!("by address, round {round}"));
        let one_phone = |number| send(format!("10.1.{round}.{number}"), format!("7702{round}"));
        let answers = at_once(servers, (0..SENDERS).map(one_phone).collect()).await;
        expect(&answers, 5, PHONE_LIMIT, &format!("by phone, round {round}"));
    }
    rounds * (9 + 5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn senders_at_two_servers_fill_each_limit_exactly() {
    let postgres = postgres();
    let site = PerfumerSite::new(postgres.port).await;
    let servers = [site.serve(&[]), site.serve(&[])].map(Arc::new);
    let count = fill_limits(&servers, 5).await;
    for server in &servers {
        server.sends_all().await;
    }
    let tasks = site.queue.wait_for_executed(count).await.len();
    assert_eq!((tasks, site.deliveries().len()), (count, count), "what was refused is not sent");
}
