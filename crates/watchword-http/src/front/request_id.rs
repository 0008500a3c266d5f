//! Names of requests: what a client quotes and what the log says.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use watchword_core::ports::Random;

/// Where a request's name comes from and goes to.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most bytes of a caller's own name.
const MAX_BYTES: usize = 128;

/// The name of one request.
#[derive(Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// As a header.
    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only visible ASCII gets in.
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// Names requests that bring no name of their own.
pub(crate) struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    /// Names that no other process gives, as far as chance goes.
    pub(crate) fn new(random: &dyn Random) -> Self {
        let mut first = [0; 8];
        random.fill(&mut first);
        Self { next: AtomicU64::new(u64::from_le_bytes(first)) }
    }

    /// The caller's own name where it is short and printable, else a new one.
    pub(crate) fn name(&self, headers: &HeaderMap) -> RequestId {
        let fits = |value: &&HeaderValue| {
            (1..=MAX_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        match headers.get(X_REQUEST_ID).filter(fits) {
            Some(given) => RequestId(given.clone()),
            None => self.make(),
        }
    }

    /// A counter, mixed (SplitMix64): names need not be secret, only different, so no request costs a system call for one.
    fn make(&self) -> RequestId {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.next.fetch_add(STEP, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let mut bytes = (mixed ^ (mixed >> 31)).to_be_bytes();
        let mut text = [0; 16];
        for (pair, byte) in text.chunks_exact_mut(2).zip(&mut bytes) {
            pair[0] = HEX[usize::from(*byte >> 4)];
            pair[1] = HEX[usize::from(*byte & 15)];
        }
        // Sixteen hexadecimal digits are a header value.
        RequestId(HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("-")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use watchword_testkit::random::SeededRandom;

    use super::*;

    fn named(given: Option<&[u8]>) -> String {
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(given).unwrap());
        }
        RequestIds::new(&SeededRandom::new(1)).name(&headers).to_string()
    }

    #[test]
    fn a_callers_own_name_is_kept_when_it_is_short_and_printable() {
        let longest = "x".repeat(128);
        for good in ["7", "b19a-ee5d", "a/b=c", &longest] {
            assert_eq!(named(Some(good.as_bytes())), good);
        }
        let made = named(None);
        let too_long = "x".repeat(129);
        for bad in [&b""[..], b"a b", b"a\tb", "ä".as_bytes(), too_long.as_bytes()] {
            assert_eq!(named(Some(bad)), made);
        }
    }

    #[test]
    fn made_names_are_all_different() {
        let ids = RequestIds::new(&SeededRandom::new(1));
        let names: HashSet<_> = (0..10_000).map(|_| ids.make().to_string()).collect();
        assert_eq!(names.len(), 10_000);
        assert!(
            names.iter().all(|name| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
        );
    }
}
