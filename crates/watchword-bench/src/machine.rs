//! What the figures were measured on.

use std::fmt;
use std::fs;
use std::num::NonZeroUsize;

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

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
