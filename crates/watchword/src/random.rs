//! Randomness of the operating system.

use std::cell::RefCell;

use watchword_core::ports::Random;
use zeroize::Zeroize;

/// Bytes fetched at once: what a verification needs, several times over.
const POOL_BYTES: usize = 256;

/// The operating system's generator for secrets. Small requests are served from a pool of each thread, so that not every one
/// is a system call; what was handed out is wiped there.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

/// Random bytes not handed out yet: those from `used` on.
struct Pool {
    bytes: [u8; POOL_BYTES],
    used: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES }) };
}

impl Pool {
    fn take(&mut self, bytes: &mut [u8]) {
        if POOL_BYTES - self.used < bytes.len() {
            from_system(&mut self.bytes);
            self.used = 0;
        }
        let end = self.used + bytes.len();
        let taken = &mut self.bytes[self.used..end];
        bytes.copy_from_slice(taken);
        taken.zeroize();
        self.used = end;
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // A thread that is ending has no pool any more.
        let pooled =
            bytes.len() <= POOL_BYTES / 2 && POOL.try_with(|pool| pool.borrow_mut().take(bytes)).is_ok();
        if !pooled {
            from_system(bytes);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is `Random`")]
#[expect(
    clippy::expect_used,
    reason = "Linux, macOS and the BSDs don't fail here; without randomness nothing may go on"
)]
fn from_system(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_handed_out_twice_and_none_stay_behind() {
        let mut seen = HashSet::new();
        for size in [16, 24, 100, 128, 129, 300].into_iter().cycle().take(600) {
            let mut bytes = vec![0; size];
            OsRandom.fill(&mut bytes);
            // Two equal runs of 16 bytes come by chance once in longer than the universe is old.
            assert!(seen.insert(bytes[size - 16..].to_vec()));
        }
        POOL.with_borrow(|pool| assert!(pool.bytes[..pool.used].iter().all(|byte| *byte == 0)));
    }
}
