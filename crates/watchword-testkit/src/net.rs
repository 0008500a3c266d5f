//! Ports for test servers.

use std::net::TcpListener;

/// A port of 127.0.0.1 that was free a moment ago, for programs that can't be told to pick one themselves (port 0), which is
/// always better: somebody may take this one first.
///
/// # Panics
/// The machine has none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
