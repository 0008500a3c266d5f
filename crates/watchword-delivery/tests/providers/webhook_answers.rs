//! What a receiver's answer means for the delivery.

use std::time::Duration;

use watchword_core::delivery::Outcome;

use crate::receiver::{Receiver, answer, webhook_at};
use crate::sample::Sample;

async fn outcome_of(status: u16, headers: &'static [(&str, &str)]) -> Outcome {
    let receiver = Receiver::start(move |_| answer(status, headers)).await;
    let outcome = Sample::new().send(&*webhook_at(receiver.url("/secret-path?token=x"))).await;
    assert_eq!(receiver.received().len(), 1, "{status}: one try is one request");
    outcome
}

#[tokio::test]
async fn each_status_means_what_the_table_says() {
    let accepted = |_| Outcome::Accepted { message_id: None };
    let refuses_us = |detail| Outcome::ProviderRefused { detail };
    let refuses_address = |detail| Outcome::AddressRefused { detail };
    let passing = |detail| Outcome::Transient { detail };
    let throttled = |_| Outcome::Throttled { after: None };
    type Row = (&'static [u16], fn(String) -> Outcome);
    let rows: [Row; 6] = [
        (&[200, 201, 202, 204, 226, 299], accepted),
        (&[300, 301, 302, 303, 304, 305, 399, 401, 402, 403, 407], refuses_us),
        (&[400, 422], refuses_address),
        (&[429], throttled),
        (&[408, 425, 500, 501, 502, 503, 504, 507, 599], passing),
        (&[404, 405, 406, 409, 410, 411, 413, 414, 415, 418, 421, 426, 431, 451, 499], passing),
    ];
    for (statuses, outcome) in rows {
        for status in statuses {
            assert_eq!(outcome_of(*status, &[]).await, outcome(format!("HTTP {status}")), "{status}");
        }
    }
}

#[tokio::test]
async fn a_receiver_says_how_long_to_wait() {
    let after = |seconds| Outcome::Throttled { after: Some(Duration::from_secs(seconds)) };
    assert_eq!(outcome_of(429, &[("retry-after", "7")]).await, after(7));
    // A minute from the clock's now.
    assert_eq!(outcome_of(429, &[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")]).await, after(60));
    assert_eq!(outcome_of(429, &[("retry-after", "604800")]).await, after(3_600));
    assert_eq!(outcome_of(429, &[("retry-after", "later")]).await, Outcome::Throttled { after: None });
}
