//! The bounded queue in front of a thread that owns a connection.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No room is left.
    Full,
    /// The thread is ending, or has ended.
    Closed,
}

/// Which room a job may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// The queue's own.
    Ordinary,
    /// The reserve too: for work that makes others done (claims, settlements), which must get through when starts pile up.
    Reserved,
}

/// First in, first out. Whoever waits is woken once a batch, not once a job.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    enough: Condvar,
    capacity: usize,
    reserve: usize,
}

struct State<T> {
    jobs: VecDeque<T>,
    /// How many jobs the waiting thread is to be woken at; 0 when it does not wait.
    wake_at: usize,
    closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize, reserve: usize) -> Self {
        let state = State { jobs: VecDeque::new(), wake_at: 0, closed: false };
        Self { state: Mutex::new(state), enough: Condvar::new(), capacity, reserve }
    }

    /// Adds a job; never waits.
    pub(super) fn push(&self, job: T, room: Room) -> Result<(), Refused> {
        let mut state = self.state.lock();
        let capacity = match room {
            Room::Ordinary => self.capacity,
            Room::Reserved => self.capacity + self.reserve,
        };
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.jobs.len() >= capacity {
            return Err(Refused::Full);
        }
        state.jobs.push_back(job);
        if state.wake_at > 0 && state.jobs.len() >= state.wake_at {
            state.wake_at = 0;
            drop(state);
            self.enough.notify_one();
        }
        Ok(())
    }

    /// Moves at most `max` jobs into `batch`, as soon as there is one; with fewer than `wanted`, it lingers for more.
    /// `false`: closed, and nothing is left.
    pub(super) fn take(&self, batch: &mut Vec<T>, max: usize, wanted: usize, linger: Duration) -> bool {
        let mut state = self.state.lock();
        while state.jobs.is_empty() {
            if state.closed {
                return false;
            }
            state.wake_at = 1;
            self.enough.wait(&mut state);
        }
        let wanted = wanted.min(max);
        if state.jobs.len() < wanted && !state.closed {
            state.wake_at = wanted;
            self.enough.wait_while_for(&mut state, |state| state.wake_at > 0 && !state.closed, linger);
        }
        state.wake_at = 0;
        let count = state.jobs.len().min(max);
        batch.extend(state.jobs.drain(..count));
        true
    }

    /// Takes no more jobs; those in the queue are still handed out.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.enough.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LINGER: Duration = Duration::ZERO;

    #[test]
    fn settlements_get_through_when_starts_have_filled_the_queue() {
        let queue = Queue::new(2, 1);
        assert_eq!(queue.push("start", Room::Ordinary), Ok(()));
        assert_eq!(queue.push("start", Room::Ordinary), Ok(()));
        assert_eq!(queue.push("start", Room::Ordinary), Err(Refused::Full));
        assert_eq!(queue.push("settle", Room::Reserved), Ok(()));
        assert_eq!(queue.push("settle", Room::Reserved), Err(Refused::Full));
        let mut batch = Vec::new();
        assert!(queue.take(&mut batch, 10, 1, NO_LINGER));
        assert_eq!(batch, ["start", "start", "settle"]);
    }

    #[test]
    fn what_was_taken_in_before_the_end_is_still_handed_out() {
        let queue = Queue::new(8, 0);
        (0..3).for_each(|job| queue.push(job, Room::Ordinary).unwrap());
        queue.close();
        assert_eq!(queue.push(3, Room::Ordinary), Err(Refused::Closed));
        let mut batch = Vec::new();
        assert!(queue.take(&mut batch, 2, 8, Duration::from_secs(60)));
        assert!(queue.take(&mut batch, 2, 8, Duration::from_secs(60)));
        assert_eq!(batch, [0, 1, 2]);
        assert!(!queue.take(&mut batch, 2, 1, NO_LINGER));
    }

    #[test]
    fn a_lingering_thread_goes_on_as_soon_as_enough_is_there() {
        let queue = std::sync::Arc::new(Queue::new(8, 0));
        queue.push(0, Room::Ordinary).unwrap();
        let taker = {
            let queue = std::sync::Arc::clone(&queue);
            std::thread::spawn(move || {
                let mut batch = Vec::new();
                // Would outlast the test, were it not woken.
                queue.take(&mut batch, 8, 3, Duration::from_secs(600));
                batch
            })
        };
        queue.push(1, Room::Ordinary).unwrap();
        queue.push(2, Room::Ordinary).unwrap();
        assert_eq!(taker.join().unwrap(), [0, 1, 2]);
    }
}
