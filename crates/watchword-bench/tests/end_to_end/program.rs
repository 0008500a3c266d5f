//! The program under test, and its bare server.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_watchword-bench");

/// The bare server as the server to be measured: it has neither data nor an admin listener.
pub(crate) const BARE_AS_SERVER: [&str; 5] =
    ["--server-binary", PROGRAM, "--server-args", "bare --listen {listen}", "--no-admin"];

/// The same with a Redis of its own.
pub(crate) const BARE_WITH_REDIS: [&str; 7] = [
    "--server-binary",
    PROGRAM,
    "--server-args",
    "bare --listen {listen} --store-url {store}",
    "--no-admin",
    "--store",
    "redis",
];

/// A child that does not outlive its test.
pub(crate) struct Bare {
    child: Child,
    pub(crate) url: String,
}

impl Bare {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(PROGRAM).arg("bare").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url =
            line.trim_end().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { child, url }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Runs the program to its end.
pub(crate) fn bench(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

/// What a run that went well printed.
pub(crate) fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a run that went wrong says on standard error, and that it says nothing else.
pub(crate) fn refusal(arguments: &[&str], exit_code: i32) -> String {
    let output = bench(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit_code), "{text}");
    text
}

pub(crate) fn process_exists(pid: &Value) -> bool {
    std::fs::exists(format!("/proc/{}", pid.as_u64().unwrap())).unwrap()
}
