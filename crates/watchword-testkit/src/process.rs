//! A child process: the real program, killed on purpose.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::deadline::DEADLINE;

/// A program that runs until it ends, is stopped, or this is dropped (then it is killed). What it prints is kept.
///
/// The waits block the thread: on a tokio runtime, use them from a multi-thread one.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: Arc<Output>,
}

#[derive(Debug, Default)]
struct Output {
    printed: Mutex<Printed>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Printed {
    lines: Vec<String>,
    open_pipes: usize,
}

impl Process {
    /// Starts `program` with these arguments and, besides this process's own, these environment variables.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start<Argument: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = Argument>,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} can't be started: {error}", program.display()));
        let output = Arc::new(Output::default());
        output.read(child.stdout.take().expect("piped"));
        output.read(child.stderr.take().expect("piped"));
        Self { child, output }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines it printed so far, to stdout and stderr.
    pub fn output(&self) -> Vec<String> {
        self.output.printed.lock().lines.clone()
    }

    /// Waits for the first line that `pick` takes something from, of those printed already too.
    ///
    /// # Panics
    /// There is none by the [`DEADLINE`], or the program ended without one; the text holds all it printed.
    pub fn wait_for_line<T>(&mut self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        let found = self.wait(|_, printed| {
            let picked = printed.lines.iter().find_map(|line| pick(line));
            picked.map(Some).or_else(|| (printed.open_pipes == 0).then_some(None))
        });
        found
            .flatten()
            .unwrap_or_else(|| panic!("no line with {what}; it printed:\n{}", self.output().join("\n")))
    }

    /// Kills it (SIGKILL: it can do nothing about it) and waits until it is gone.
    pub fn kill(&mut self) -> ExitStatus {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for")
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// It still runs at the [`DEADLINE`]; the text holds all it printed.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.wait_for_end()
    }

    /// Sends it a signal, like `-STOP`, and waits for nothing.
    ///
    /// # Panics
    /// It ended already.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().expect("`kill` can be run");
        assert!(sent.success(), "`kill {name} {id}` failed");
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// It still runs at the [`DEADLINE`]; the text holds all it printed.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let status = self.wait(|process, _| process.child.try_wait().expect("a child can be asked"));
        status.unwrap_or_else(|| panic!("it does not end; it printed:\n{}", self.output().join("\n")))
    }

    /// Looks again whenever a line comes, and a few times a second, for nothing tells when a child ends.
    fn wait<T>(&mut self, mut look: impl FnMut(&mut Self, &Printed) -> Option<T>) -> Option<T> {
        const PAUSE: Duration = Duration::from_millis(20);
        let output = Arc::clone(&self.output);
        let mut looks_left = DEADLINE.as_millis() / PAUSE.as_millis();
        let mut printed = output.printed.lock();
        loop {
            if let Some(found) = look(self, &printed) {
                return Some(found);
            }
            if output.more.wait_for(&mut printed, PAUSE).timed_out() {
                looks_left = looks_left.checked_sub(1)?;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    /// Reads one of the child's pipes, until it ends, on a thread of its own.
    fn read(self: &Arc<Self>, pipe: impl Read + Send + 'static) {
        let output = Arc::clone(self);
        output.printed.lock().open_pipes += 1;
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                output.printed.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
                output.more.notify_all();
            }
            output.printed.lock().open_pipes -= 1;
            output.more.notify_all();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::start(Path::new("/bin/sh"), ["-c", script], &[("GREETING", "hello")])
    }

    #[test]
    fn a_line_is_found_on_either_stream() {
        let mut process = shell("echo $GREETING; echo port 42 >&2; exec sleep 60");
        let port = process.wait_for_line("a port", |line| line.strip_prefix("port ")?.parse::<u16>().ok());
        process.wait_for_line("hello", |line| (line == "hello").then_some(()));
        assert_eq!(port, 42);
        assert!(!process.kill().success());
    }

    #[test]
    fn a_program_may_tidy_up_on_sigterm_but_not_on_sigkill() {
        let script = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.02; done";
        let mut process = shell(script);
        process.wait_for_line("ready", |line| (line == "ready").then_some(()));
        assert_eq!(process.terminate().code(), Some(3));
        process.wait_for_line("bye", |line| (line == "bye").then_some(()));
        let mut process = shell(script);
        process.wait_for_line("ready", |line| (line == "ready").then_some(()));
        assert_eq!(process.kill().code(), None);
        assert_eq!(process.output(), ["ready"]);
    }

    #[test]
    #[should_panic(expected = "it printed:\nno luck")]
    fn a_program_that_ends_without_the_line_is_not_waited_for() {
        shell("echo no luck").wait_for_line("luck", |line| (line == "luck").then_some(()));
    }
}
