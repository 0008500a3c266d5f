//! What a process and its descendants have cost so far, from Linux's `/proc` (proc(5)).

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;

/// `AT_CLKTCK` of getauxval(3): clock ticks a second, the unit of the times in `stat`.
const AUXV_CLOCK_TICKS: usize = 17;

/// Ticks a second on every Linux architecture in use, should the kernel not tell.
const USUAL_CLOCK_TICKS: usize = 100;

/// A process to be measured, and what reports call it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) pid: u32,
}

/// CPU time of a process and its descendants: of all their threads, those that ended too, and of all descendants that
/// ended and were waited for. The kernel tells it in ticks, mostly 10 ms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CpuTime {
    /// The `comm` of the process: its name, at most 15 bytes.
    pub(crate) command: String,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// The process and its living descendants.
    pub(crate) processes: u32,
}

/// What `stat` says of one process.
#[derive(Clone, Debug, PartialEq)]
struct Stat {
    command: String,
    parent: u32,
    user: Duration,
    system: Duration,
    /// Of children that ended and were waited for, and of theirs.
    children_user: Duration,
    children_system: Duration,
}

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Memory {
    /// Resident now (`VmRSS`).
    pub(crate) resident_kib: u64,
    /// The most that was ever resident (`VmHWM`).
    pub(crate) peak_kib: u64,
}

/// Why a text is not [`Watched`].
#[derive(Debug, thiserror::Error)]
#[error("give NAME=PID, such as postgres=1234")]
pub(crate) struct WatchedError;

impl FromStr for Watched {
    type Err = WatchedError;

    fn from_str(text: &str) -> Result<Self, WatchedError> {
        let (name, pid) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(WatchedError)?;
        Ok(Self { name: name.to_owned(), pid: pid.parse().map_err(|_| WatchedError)? })
    }
}

/// CPU time of a process and its descendants up to now.
///
/// The difference of two readings is what they used in between, as the time of a descendant that ends goes to the one
/// that waits for it. One that outlives its parent, or is not waited for, is lost.
///
/// # Errors
///
/// When the process has ended, or its file in `/proc` can't be read.
pub(crate) fn cpu_time(pid: u32) -> Result<CpuTime, Error> {
    let ticks = clock_ticks();
    let root = stat(pid, ticks)?;
    let (mut user, mut system) = (root.user + root.children_user, root.system + root.children_system);
    let mut processes = 1;
    for stat in descendants(pid, all(ticks)) {
        user += stat.user + stat.children_user;
        system += stat.system + stat.children_system;
        processes += 1;
    }
    Ok(CpuTime { command: root.command, user, system, processes })
}

/// The process that started another.
///
/// # Errors
///
/// When that one has ended, or is on another machine.
pub(crate) fn parent(pid: u32) -> Result<u32, Error> {
    Ok(stat(pid, clock_ticks())?.parent)
}

/// CPU time of this process up to now, without the servers it started.
///
/// # Errors
///
/// When its file in `/proc` can't be read.
pub(crate) fn own_cpu_time() -> Result<CpuTime, Error> {
    let Stat { command, user, system, .. } = stat(std::process::id(), clock_ticks())?;
    Ok(CpuTime { command, user, system, processes: 1 })
}

/// The same, user and system together, to the nanosecond: `CLOCK_PROCESS_CPUTIME_ID` of clock_gettime(2).
pub(crate) fn own_cpu_clock() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    // It began at 0 and only goes up.
    Duration::try_from(time).unwrap_or_default()
}

fn stat(pid: u32, ticks: u32) -> Result<Stat, Error> {
    let (path, text) = read(pid, "stat")?;
    parse_stat(&text, ticks).ok_or(Error::ProcessFormat { path })
}

/// Every process there is. Those that end meanwhile are left out.
fn all(ticks: u32) -> HashMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid, ticks).ok()?))).collect()
}

/// Children, their children and so on.
fn descendants(root: u32, mut processes: HashMap<u32, Stat>) -> Vec<Stat> {
    processes.remove(&root);
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let children = processes.extract_if(|_, stat| stat.parent == parent);
        for (pid, stat) in children {
            parents.push(pid);
            found.push(stat);
        }
    }
    found
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

/// Fields 2, 4 and 14 to 17 of `stat`. The name stands in parentheses and may hold spaces and parentheses itself, so the
/// fields after it count from the last one that closes.
fn parse_stat(text: &str, ticks_a_second: u32) -> Option<Stat> {
    let (before, after) = text.rsplit_once(')')?;
    let (_, command) = before.split_once('(')?;
    let mut fields = after.split_ascii_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let mut fields = fields.skip(9);
    let mut time = || Some(Duration::from_secs(fields.next()?.parse().ok()?) / ticks_a_second);
    Some(Stat {
        command: command.to_owned(),
        parent,
        user: time()?,
        system: time()?,
        children_user: time()?,
        children_system: time()?,
    })
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
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    fn of(command: &str, parent: u32, millis: [u64; 4]) -> Stat {
        let [user, system, children_user, children_system] = millis.map(Duration::from_millis);
        Stat { command: command.to_owned(), parent, user, system, children_user, children_system }
    }

    #[test]
    fn the_name_in_stat_may_hold_spaces_and_parentheses() {
        let rest = "S 12 2 2 0 -1 4194304 100 0 0 0 250 75 9 5 20 0 1 0 86459 3133440";
        for name in ["watchword", "a b", "(sd-pam)", "a) R 1 (b", ") )", ""] {
            let expected = of(name, 12, [2_500, 750, 90, 50]);
            assert_eq!(parse_stat(&format!("4711 ({name}) {rest}"), 100), Some(expected));
        }
    }

    #[test]
    fn a_stat_in_another_form_is_refused() {
        for text in
            ["", "4711", "4711 (a)", "4711 (a) S 1 2 3", "4711 (a) S 1 2 2 0 -1 4194304 100 0 0 0 1 75 x 3"]
        {
            assert_eq!(parse_stat(text, 100), None, "{text:?}");
        }
    }

    #[test]
    fn descendants_are_children_and_their_children_and_nobody_else() {
        let processes = [
            (1, of("init", 0, [0; 4])),
            (10, of("root", 1, [0; 4])),
            (11, of("child", 10, [0; 4])),
            (12, of("grandchild", 11, [0; 4])),
            (13, of("another child", 10, [0; 4])),
            (20, of("stranger", 1, [0; 4])),
            (21, of("stranger's child", 20, [0; 4])),
        ];
        let mut found: Vec<_> =
            descendants(10, processes.into()).into_iter().map(|stat| stat.command).collect();
        found.sort();
        assert_eq!(found, ["another child", "child", "grandchild"]);
    }

    #[test]
    fn work_of_children_counts_while_they_live_and_after_they_ended() {
        // A shell that forks twice: a child that works and ends, and one that has worked and waits for its input.
        let work = "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done";
        let script = format!("({work}); ({work}; echo done; read x); :");
        let mut shell = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
        let tree = cpu_time(shell.id()).unwrap();
        let root = stat(shell.id(), clock_ticks()).unwrap();
        let waited_for = root.children_user + root.children_system;
        let whole = tree.user + tree.system;
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!((&*tree.command, tree.processes), ("sh", 2));
        assert!(waited_for > Duration::ZERO, "the child has not worked");
        // Both children have done the same work: the sum is about twice what one took.
        assert!(whole > waited_for * 3 / 2, "one of the children is not counted: {whole:?}, {waited_for:?}");
    }

    #[test]
    fn what_is_watched_is_named() {
        let watched = |name: &str, pid| Watched { name: name.to_owned(), pid };
        let cases = [
            ("postgres=12", Some(watched("postgres", 12))),
            ("a=b=12", None),
            ("=12", None),
            ("12", None),
            ("redis=", None),
            ("redis=-1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Watched>().ok(), expected, "{text:?}");
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
        let before = own_cpu_time().unwrap();
        let mut sum = 0_u64;
        loop {
            sum = (0..1_000_000_u64)
                .fold(sum, |sum, number| sum.wrapping_mul(31).wrapping_add(std::hint::black_box(number)));
            let after = own_cpu_time().unwrap();
            assert_eq!(after.command, before.command);
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
