//! On a terminal the program shows how far it is.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::program::{Bare, PROGRAM};

/// Both ends of a pseudo-terminal.
fn terminal() -> (File, File) {
    let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&outer).unwrap();
    unlockpt(&outer).unwrap();
    let name = ptsname(&outer, Vec::new()).unwrap();
    let inner = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (outer.into(), inner)
}

#[test]
fn a_bar_shows_how_far_a_run_is_and_is_gone_at_its_end() {
    let bare = Bare::start();
    let (mut outer, inner) = terminal();
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--target", &bare.url, "--verifications", "40", "--rate", "40", "--runs", "1"]);
    let mut bench = command.env("TERM", "xterm").stdout(Stdio::piped()).stderr(inner).spawn().unwrap();
    // Only the child holds the inner end now: reading fails once it has ended.
    drop(command);
    let mut shown = Vec::new();
    let _ = outer.read_to_end(&mut shown);
    assert!(bench.wait().unwrap().success());
    let shown = String::from_utf8(shown).unwrap();
    let positions: Vec<u64> = shown
        .split("run 1 of 1 [")
        .skip(1)
        .map(|rest| {
            let (_, rest) = rest.split_once("] ").unwrap();
            rest.split_once(" of 40").unwrap().0.parse().unwrap()
        })
        .collect();
    assert!(positions.is_sorted() && positions.last() > positions.first(), "{positions:?} in {shown:?}");
    // The last thing written clears the line.
    assert!(shown.trim_end().ends_with("\x1b[2K"), "{shown:?}");
}
