//! What the system says about this process, under the names that Prometheus's own libraries use.

use std::fmt;
use std::fs;
use std::num::NonZeroU64;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// Reads `/proc` when somebody asks. What a system does not have is not shown.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(stat) = Stat::read() {
            let cpu = ConstCounter::new(stat.cpu_seconds);
            let help = "Processor time that this process used";
            cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?)?;
            let memory = stat.resident_bytes;
            gauge(&mut encoder, "process_resident_memory_bytes", "Memory that this process holds", memory)?;
            if let Some(start) = stat.start_seconds {
                let help = "When this process began, since 1970";
                gauge(&mut encoder, "process_start_time_seconds", help, start)?;
            }
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them reads the folder.
            let open = files.count().saturating_sub(1) as u64;
            gauge(&mut encoder, "process_open_fds", "Files and sockets that are open", open)?;
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            gauge(&mut encoder, "process_max_fds", "Files and sockets that may be open", most)?;
        }
        Ok(())
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

/// What is taken from `/proc/self/stat` (proc_pid_stat(5)).
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    resident_bytes: u64,
    start_seconds: Option<u64>,
}

impl Stat {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let booted = fs::read_to_string("/proc/stat").ok();
        let ticks = NonZeroU64::new(clock_ticks_per_second())?;
        Self::parse(&stat, booted.as_deref(), ticks, page_size() as u64)
    }

    fn parse(stat: &str, booted: Option<&str>, ticks: NonZeroU64, page: u64) -> Option<Self> {
        // The name before it may hold anything, spaces and brackets too.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // The first field after the name is the third of the line.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let booted_at =
            || booted?.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<u64>().ok();
        let cpu_seconds = (field(14)? + field(15)?) as f64 / ticks.get() as f64;
        let resident_bytes = field(24)?.saturating_mul(page);
        let start_seconds = booted_at().zip(field(22)).map(|(booted, start)| booted + start / ticks);
        Some(Self { cpu_seconds, resident_bytes, start_seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_line_is_read_whatever_the_programs_name() {
        let stat = "42 (a) R b) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 17 18 3000 20 7 22";
        let parsed =
            Stat::parse(stat, Some("cpu 1\nbtime 1700000000\n"), NonZeroU64::new(100).unwrap(), 4_096);
        let expected =
            Stat { cpu_seconds: 3.0, resident_bytes: 7 * 4_096, start_seconds: Some(1_700_000_030) };
        assert_eq!(parsed, Some(expected));
        assert_eq!(Stat::parse("42 (cut off) S 1 2", None, NonZeroU64::MIN, 1), None);
    }

    #[test]
    fn this_process_has_memory_and_began_after_1970() {
        let stat = Stat::read().unwrap();
        assert!(stat.resident_bytes > 1 << 20 && stat.start_seconds.unwrap() > 1_500_000_000, "{stat:?}");
    }
}
