//! Ports for test servers.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports that the system gives to nobody by itself: neither to who asks for any free one, nor to outgoing connections
/// (Linux gives those from 32768 on). What is free here stays free for whoever was told of it.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// A port of 127.0.0.1 that is free and that this process gives to nobody else, for programs that can't be told to pick one
/// themselves (port 0), which is always better: another program may have the same idea.
///
/// # Panics
/// The machine has none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run at once begin far from each other.
    let begin = process::id().wrapping_mul(613) % u32::from(RANGE.end - RANGE.start);
    for _ in RANGE {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = RANGE.start + ((begin + step) % u32::from(RANGE.end - RANGE.start)) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free from {} to {}", RANGE.start, RANGE.end)
}
