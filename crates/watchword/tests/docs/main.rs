//! The documentation tells the truth: every command in it is run, every configuration is checked, every link is followed.
//!
//! # How a page is run
//!
//! Each page is a story of its own, in a fresh folder, told from top to bottom:
//!
//! | block | what happens |
//! |---|---|
//! | `toml` whose first line is a comment with a file's name | becomes that file |
//! | `toml` | is checked by `watchword config check`, over a small configuration |
//! | `sh` | each command is run and must succeed; `# exits 1` after it asks for another end |
//! | `text` or `json` right after it | is what the last command printed; `…` stands for anything |
//! | `sh host` | is not run: it needs root, containers or another machine. It may not hold a command of ours |
//!
//! `watchword serve` and `watchword dev` run on until the page ends. `THE_CODE`, `THE_SECRET`, `THE_DELIVERY` and `THE_KEY` are what
//! came up last. The ports 9000 and 9001, `smtp.example.com` and `sms.example.com` are replaced by what runs on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]
#![expect(clippy::disallowed_methods, reason = "a server that does not start in real time fails the test")]

mod elsewhere;
mod links;
mod page;
mod stories;
mod story;
