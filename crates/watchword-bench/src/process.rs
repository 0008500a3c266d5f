//! What a process has cost so far, from Linux's `/proc` (proc(5)).

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;

/// `AT_CLKTCK` of getauxval(3): clock ticks a second, the unit of the times in `stat`.
const AUXV_CLOCK_TICKS: usize = 17;

/// Ticks a second on every Linux architecture in use, should the kernel not tell.
const USUAL_CLOCK_TICKS: usize = 100;

/// CPU time that all threads of a process have used, those that ended too. The kernel tells it in ticks, mostly 10 ms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CpuTime {
    /// The `comm` of the process: its name, at most 15 bytes.
    pub(crate) name: String,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Memory {
    /// Resident now (`VmRSS`).
    pub(crate) resident_kib: u64,
    /// The most that was ever resident (`VmHWM`).
    pub(crate) peak_kib: u64,
}

/// CPU time of a process up to now.
///
/// # Errors
///
/// When the process has ended, or its file in `/proc` can't be read.
pub(crate) fn cpu_time(pid: u32) -> Result<CpuTime, Error> {
    let (path, text) = read(pid, "stat")?;
    parse_stat(&text, clock_ticks()).ok_or(Error::ProcessFormat { path })
}

/// Memory of a process now.
///
/// # Errors
///
/// When the process has ended, or its file in `/proc` can't be read.
pub(crate) fn memory(pid: u32) -> Result<Memory, Error> {
    let (path, text) = read(pid, "status")?;
    parse_status(&text).ok_or(Error::ProcessFormat { path })
}

fn read(pid: u32, file: &str) -> Result<(PathBuf, String), Error> {
    let path = PathBuf::from(format!("/proc/{pid}/{file}"));
    match fs::read(&path) {
        // A process may name itself with any bytes.
        Ok(bytes) => Ok((path, String::from_utf8_lossy(&bytes).into_owned())),
        Err(source) => Err(Error::Process { pid, path, source }),
    }
}

/// Fields 2, 14 and 15 of `stat`. The name stands in parentheses and may hold spaces and parentheses itself, so the
/// fields after it count from the last one that closes.
fn parse_stat(text: &str, ticks_a_second: u32) -> Option<CpuTime> {
    let (before, after) = text.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let mut fields = after.split_ascii_whitespace().skip(11);
    let mut time = || Some(Duration::from_secs(fields.next()?.parse().ok()?) / ticks_a_second);
    Some(CpuTime { name: name.to_owned(), user: time()?, system: time()? })
}

fn parse_status(text: &str) -> Option<Memory> {
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim_end().parse().ok()
    };
    Some(Memory { resident_kib: kib("VmRSS")?, peak_kib: kib("VmHWM")? })
}

fn clock_ticks() -> u32 {
    let told = fs::read("/proc/self/auxv").ok().and_then(|bytes| auxv_entry(&bytes, AUXV_CLOCK_TICKS));
    told.and_then(|ticks| u32::try_from(ticks).ok())
        .filter(|&ticks| ticks > 0)
        .unwrap_or(USUAL_CLOCK_TICKS as u32)
}

/// The auxiliary vector is pairs of machine words: what, and its value.
fn auxv_entry(bytes: &[u8], what: usize) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<{ size_of::<usize>() }>();
    let mut pairs =
        words.chunks_exact(2).map(|pair| (usize::from_ne_bytes(pair[0]), usize::from_ne_bytes(pair[1])));
    pairs.find(|&(key, _)| key == what).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_stat_may_hold_spaces_and_parentheses() {
        let rest = "S 1 2 2 0 -1 4194304 100 0 0 0 250 75 9 9 20 0 1 0 86459 3133440";
        for name in ["watchword", "a b", "(sd-pam)", "a) R 1 (b", ") )", ""] {
            let expected = CpuTime {
                name: name.to_owned(),
                user: Duration::from_millis(2_500),
                system: Duration::from_millis(750),
            };
            assert_eq!(parse_stat(&format!("4711 ({name}) {rest}"), 100), Some(expected));
        }
    }

    #[test]
    fn a_stat_in_another_form_is_refused() {
        for text in
            ["", "4711", "4711 (a)", "4711 (a) S 1 2 3", "4711 (a) S 1 2 2 0 -1 4194304 100 0 0 0 x 75"]
        {
            assert_eq!(parse_stat(text, 100), None, "{text:?}");
        }
    }

    #[test]
    fn memory_is_read_from_status() {
        let text =
            "Name:\twatchword\nVmPeak:\t  9999 kB\nVmHWM:\t  40960 kB\nVmRSS:\t  20480 kB\nThreads:\t1\n";
        assert_eq!(parse_status(text), Some(Memory { resident_kib: 20_480, peak_kib: 40_960 }));
        assert_eq!(parse_status("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn work_done_by_this_process_shows_as_its_cpu_time() {
        let pid = std::process::id();
        let before = cpu_time(pid).unwrap();
        let mut sum = 0_u64;
        loop {
            sum = (0..1_000_000_u64)
                .fold(sum, |sum, number| sum.wrapping_mul(31).wrapping_add(std::hint::black_box(number)));
            let after = cpu_time(pid).unwrap();
            assert_eq!(after.name, before.name);
            if after.user > before.user {
                break;
            }
        }
        let memory = memory(pid).unwrap();
        assert!(0 < memory.resident_kib && memory.resident_kib <= memory.peak_kib);
    }

    #[test]
    fn a_process_that_does_not_exist_is_named_in_the_error() {
        let error = cpu_time(u32::MAX).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read /proc/4294967295/stat; does process 4294967295 still run?"
        );
    }
}
