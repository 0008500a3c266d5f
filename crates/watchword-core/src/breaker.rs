//! Circuit breakers: a provider that keeps failing is left alone for a while.

use std::time::Duration;

use parking_lot::Mutex;

use crate::delivery::Outcome;
use crate::time::Timestamp;

/// Failures in a row that open a breaker.
const FAILURES: u32 = 5;
/// How long it stays open the first time; each time again doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest it stays open.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The circuit breaker of one provider: closed, open until a time, then half-open: one try decides.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    pauses: u32,
    open_until: Option<Timestamp>,
    // When the deciding try began: it is given up for lost after the longest pause.
    trying_since: Option<Timestamp>,
}

/// Whether a breaker changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It opened.
    Opened,
    /// It closed.
    Closed,
}

impl Breaker {
    /// Lets a try pass.
    ///
    /// # Errors
    /// When to ask again.
    pub fn admit(&self, now: Timestamp) -> Result<(), Timestamp> {
        let mut state = self.0.lock();
        let Some(until) = state.open_until else { return Ok(()) };
        if now < until {
            return Err(until);
        }
        match state.trying_since.map(|since| since.after(LONGEST_PAUSE)) {
            Some(lost_at) if now < lost_at => Err(now.after(Duration::from_millis(500))),
            _ => {
                state.trying_since = Some(now);
                Ok(())
            }
        }
    }

    /// Whether the provider is left alone, or has yet to prove itself after that.
    pub fn is_open(&self) -> bool {
        self.0.lock().open_until.is_some()
    }

    /// Takes back a try that was let pass and not made.
    pub fn abandon(&self) {
        self.0.lock().trying_since = None;
    }

    /// Learns from what came of a try.
    pub fn record(&self, outcome: &Outcome, now: Timestamp) -> Option<Change> {
        let mut state = self.0.lock();
        let opens = match outcome {
            Outcome::Accepted { .. } | Outcome::AddressRefused { .. } => {
                let was_open = state.open_until.is_some();
                *state = State::default();
                return was_open.then_some(Change::Closed);
            }
            // It answers, and may well take the next one.
            Outcome::Throttled { .. } => {
                state.trying_since = None;
                return None;
            }
            Outcome::ProviderRefused { .. } => true,
            Outcome::Transient { .. } | Outcome::Unknown { .. } => state.failures + 1 >= FAILURES,
        };
        state.failures = state.failures.saturating_add(1);
        let half_open = state.trying_since.take().is_some();
        let was_open = state.open_until.is_some();
        // Tries that began before it opened tell nothing new.
        if was_open && !half_open {
            return None;
        }
        if opens || half_open {
            let pause = FIRST_PAUSE.saturating_mul(1 << state.pauses.min(10)).min(LONGEST_PAUSE);
            state.pauses = state.pauses.saturating_add(1);
            state.open_until = Some(now.after(pause));
            return (!was_open).then_some(Change::Opened);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn failed() -> Outcome {
        Outcome::Transient { detail: "down".into() }
    }

    const TAKEN: Outcome = Outcome::Accepted { message_id: None };

    #[test]
    fn five_failures_in_a_row_open_it_and_one_success_between_does_not() {
        let breaker = Breaker::default();
        for outcome in [failed(), failed(), failed(), failed(), TAKEN, failed(), failed(), failed(), failed()]
        {
            assert_eq!(breaker.record(&outcome, at(0)), None);
            assert_eq!(breaker.admit(at(0)), Ok(()));
        }
        assert_eq!(breaker.record(&failed(), at(0)), Some(Change::Opened));
        assert_eq!(breaker.admit(at(1)), Err(at(2)));
    }

    #[test]
    fn a_refusal_of_us_opens_it_at_once() {
        let breaker = Breaker::default();
        let refused = Outcome::ProviderRefused { detail: "401".into() };
        assert_eq!(breaker.record(&refused, at(0)), Some(Change::Opened));
    }

    #[test]
    fn half_open_lets_one_try_decide() {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            breaker.record(&failed(), at(0));
        }
        assert_eq!(breaker.admit(at(2)), Ok(()));
        assert!(breaker.admit(at(2)).is_err(), "the second has to wait for the first");
        assert_eq!(breaker.record(&failed(), at(3)), None);
        assert_eq!(breaker.admit(at(3)), Err(at(7)), "the pause doubled");
        assert_eq!(breaker.admit(at(7)), Ok(()));
        assert_eq!(breaker.record(&TAKEN, at(8)), Some(Change::Closed));
        assert_eq!((breaker.admit(at(8)), breaker.admit(at(8))), (Ok(()), Ok(())));
    }

    #[test]
    fn a_deciding_try_that_is_not_made_leaves_it_to_the_next() {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            breaker.record(&failed(), at(0));
        }
        assert_eq!(breaker.admit(at(2)), Ok(()));
        breaker.abandon();
        assert_eq!(breaker.admit(at(2)), Ok(()));
    }

    #[test]
    fn a_deciding_try_that_never_came_back_does_not_keep_it_open() {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            breaker.record(&failed(), at(0));
        }
        assert_eq!(breaker.admit(at(2)), Ok(()));
        assert_eq!(breaker.admit(at(62)), Ok(()));
    }
}
