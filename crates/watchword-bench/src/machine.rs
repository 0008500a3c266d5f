//! What the figures were measured on.

use std::fmt;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;

/// The machine, and how this program was built.
#[derive(Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: Option<NonZeroUsize>,
    pub(crate) cpu: Option<String>,
    pub(crate) kernel: Option<String>,
    /// A debug build of this program makes the bare server look dear.
    pub(crate) release_build: bool,
}

impl Machine {
    /// Reads the facts of this machine; what the kernel does not tell is left out.
    pub(crate) fn read() -> Self {
        let file = |path| fs::read_to_string(path).ok();
        Self {
            cores: std::thread::available_parallelism().ok(),
            cpu: file("/proc/cpuinfo").and_then(|text| cpu_model(&text)),
            kernel: file("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
            release_build: !cfg!(debug_assertions),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.cores.map_or_else(|| "?".to_owned(), |cores| cores.to_string());
        let cpu = self.cpu.as_deref().unwrap_or("CPU unknown");
        let kernel = self.kernel.as_deref().unwrap_or("?");
        write!(formatter, "machine: {cores} cores, {cpu}, kernel {kernel}")?;
        if !self.release_build {
            write!(formatter, "\nTHIS IS A DEBUG BUILD: its figures say nothing")?;
        }
        Ok(())
    }
}

/// Which programs were measured, and with which.
#[derive(Clone, Serialize)]
pub(crate) struct Versions {
    pub(crate) watchword_bench: &'static str,
    /// What the started server's program says with `--version`.
    pub(crate) server_binary: Option<String>,
    /// What the server says it is, at its base URL.
    pub(crate) server: Option<String>,
}

impl Versions {
    /// `server_binary` is asked for its version; `server` is what a running one said.
    pub(crate) async fn read(server_binary: Option<&Path>, server: Option<String>) -> Self {
        let server_binary = match server_binary {
            Some(program) => version_of(program).await,
            None => None,
        };
        Self { watchword_bench: env!("CARGO_PKG_VERSION"), server_binary, server }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        [&self.server_binary, &self.server]
            .into_iter()
            .flatten()
            .try_for_each(|words| write!(formatter, "{words}, "))
    }
}

/// Longest wait for a program to tell its version.
const VERSION_DEADLINE: Duration = Duration::from_secs(5);

/// The first line that a program prints when asked for its version.
async fn version_of(program: &Path) -> Option<String> {
    let mut command = tokio::process::Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(VERSION_DEADLINE, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|_| output.status.success())?;
    Some(line.trim().to_owned())
}

/// How long all cores of the machine have worked and idled, by all that runs on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CoreTime {
    busy: u64,
    idle: u64,
}

impl CoreTime {
    /// Up to now. `None` where the kernel does not tell.
    pub(crate) fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// The line `cpu  user nice system idle iowait irq softirq steal guest guest_nice` of proc_stat(5). What other
    /// guests of the same host take (steal) was not to be had here; guests of this machine are in user already.
    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Option<Vec<u64>> =
            line.split_ascii_whitespace().take(8).map(|field| field.parse().ok()).collect();
        let &[user, nice, system, idle, iowait, irq, softirq, steal] = ticks?.as_slice() else { return None };
        Some(Self { busy: user + nice + system + irq + softirq + steal, idle: idle + iowait })
    }

    /// Which part of the cores' time was used since `before`, from 0 to 1. `None` when no tick has passed.
    pub(crate) fn busy_since(self, before: Self) -> Option<f64> {
        let busy = self.busy.saturating_sub(before.busy) as f64;
        let all = busy + self.idle.saturating_sub(before.idle) as f64;
        (all > 0.0).then(|| busy / all)
    }
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cores_are_busy_with_all_but_idling_and_waiting_for_the_disk() {
        let before = CoreTime::parse("cpu  100 0 50 1000 30 0 5 0 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n").unwrap();
        let after = CoreTime::parse("cpu  110 1 60 1040 40 2 6 1 7 0\n").unwrap();
        assert_eq!(after.busy_since(before), Some(25.0 / 75.0));
        assert_eq!(before.busy_since(before), None);
        for text in ["", "cpu0 1 2 3 4 5 6 7 8", "cpu  1 2 3", "cpu  1 2 3 4 5 6 7 x"] {
            assert_eq!(CoreTime::parse(text), None, "{text:?}");
        }
    }
}
