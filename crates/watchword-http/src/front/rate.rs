//! How many requests one client may make in a minute.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;
use watchword_core::time::Timestamp;

/// How long a client's requests are counted together, from the first of them on.
const WINDOW: Duration = Duration::from_mins(1);

/// The most clients that are counted at once. When more come, the rest is let in: a limit that refuses strangers because others
/// are many would serve those who are many.
const MAX_CLIENTS: usize = 65_536;

/// The requests of each client. It holds twice [`MAX_CLIENTS`] at most, some 8 MiB.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<Counts>);

/// Two generations, so that old entries go all at once: an entry is in the older one for at most a window.
#[derive(Debug, Default)]
struct Counts {
    young: HashMap<IpAddr, Count>,
    old: HashMap<IpAddr, Count>,
    young_since: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Timestamp,
    requests: u32,
}

impl Rates {
    /// Counts a request.
    ///
    /// # Errors
    /// It is one too many; how long until the next is let in. It is not counted.
    pub(super) fn take(&self, client: IpAddr, limit: u32, now: Timestamp) -> Result<(), Duration> {
        let client = counted_as(client);
        let mut counts = self.0.lock();
        if counts.young_since.until(now) >= WINDOW {
            counts.old = std::mem::take(&mut counts.young);
            counts.young_since = now;
        }
        let known = counts.young.get(&client).or_else(|| counts.old.get(&client)).copied();
        let known = known.filter(|count| count.since.until(now) < WINDOW);
        let Count { since, requests } = known.unwrap_or(Count { since: now, requests: 0 });
        if requests >= limit {
            return Err(now.until(since.after(WINDOW)));
        }
        if counts.young.len() < MAX_CLIENTS || counts.young.contains_key(&client) {
            counts.young.insert(client, Count { since, requests: requests + 1 });
        }
        Ok(())
    }
}

/// Whoever has one IPv6 address mostly has all of its /64.
fn counted_as(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        IpAddr::V4(_) => client,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_so_many_requests_in_the_minute_that_its_first_one_begins() {
        let rates = Rates::default();
        let (one, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        assert_eq!(rates.take(other, 1, at(0)), Ok(()));
        for second in [50, 55, 70] {
            assert_eq!(rates.take(one, 3, at(second)), Ok(()));
        }
        assert_eq!(rates.take(one, 3, at(80)), Err(Duration::from_secs(30)));
        assert_eq!(rates.take(one, 3, at(109)), Err(Duration::from_secs(1)), "a refused one is not counted");
        assert_eq!(rates.take(other, 1, at(109)), Ok(()), "others have their own");
        for _ in 0..3 {
            assert_eq!(rates.take(one, 3, at(110)), Ok(()));
        }
        assert_eq!(rates.take(one, 3, at(111)), Err(Duration::from_secs(59)));
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_one_client() {
        let rates = Rates::default();
        assert_eq!(rates.take(ip("2001:db8::1"), 1, at(0)), Ok(()));
        assert!(rates.take(ip("2001:db8::2"), 1, at(0)).is_err());
        assert_eq!(rates.take(ip("2001:db8:0:1::1"), 1, at(0)), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let rates = Rates::default();
        let sizes = || {
            let counts = rates.0.lock();
            (counts.young.len(), counts.old.len())
        };
        rates.take(ip("192.0.2.1"), 1, at(0)).unwrap();
        for number in 0..70_000 {
            rates.take(IpAddr::V4(number.into()), 1, at(0)).unwrap();
        }
        assert_eq!(sizes(), (MAX_CLIENTS, 0));
        assert!(rates.take(ip("192.0.2.1"), 1, at(1)).is_err(), "who is counted already stays so");
        rates.take(ip("192.0.2.1"), 1, at(60)).unwrap();
        assert_eq!(sizes(), (1, MAX_CLIENTS));
        rates.take(ip("192.0.2.1"), 1, at(120)).unwrap();
        assert_eq!(sizes(), (1, 1));
    }
}
