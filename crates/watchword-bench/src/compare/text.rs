//! The comparison for a person.

use super::sides::Side;
use crate::disk::DiskSpeed;
use crate::figures::{decimal, duration, grouped};
use crate::report::{Medians, RunReport};
use crate::store::StoreKind;
use crate::store::traffic::StoreTraffic;

const HEAD: &str = "                 CPU µs a verification  verifications/s      p99 PUT    p99 check  commits/operation  limited by";

const STORE_HEAD: &str = "                 CPU µs a verification       server        store  verifications/s      p99 PUT    p99 check  limited by";

/// The names of the columns.
pub(super) fn head(store: Option<StoreKind>) -> &'static str {
    if store.is_some() { STORE_HEAD } else { HEAD }
}

pub(super) fn run(side: &str, number: u32, report: &RunReport, store: Option<StoreKind>) -> String {
    let figures = Medians::of(std::slice::from_ref(report));
    row(side, &format!("run {number}"), &figures, report.limit.name(), store)
}

pub(super) fn medians(name: &str, side: &Side, store: Option<StoreKind>) -> String {
    row(name, "median", &side.medians, "", store)
}

fn row(side: &str, what: &str, figures: &Medians, limit: &str, store: Option<StoreKind>) -> String {
    let micros = |value: Option<f64>| duration(value.unwrap_or_default() as u64);
    let (server, all) = (figures.cpu_us_per_verification, figures.cpu_of_all_us_per_verification);
    let per_second = grouped(figures.per_second.unwrap_or_default() as u64);
    let (put, check) = (micros(figures.put_p99_us), micros(figures.check_p99_us));
    if store.is_some() {
        let of_store = all.zip(server).map(|(all, server)| all - server);
        let [all, server, of_store] = [all, server, of_store].map(|micros| decimal(micros, 1));
        return format!(
            "{side:<8}{what:<8}{all:>22}{server:>13}{of_store:>13}{per_second:>17}{put:>13}{check:>13}{limit:>12}"
        );
    }
    let (server, commits) = (decimal(server, 1), decimal(figures.commits_per_operation, 3));
    format!("{side:<8}{what:<8}{server:>22}{per_second:>17}{put:>13}{check:>13}{commits:>19}{limit:>12}")
}

pub(super) fn traffic(name: &str, traffic: &StoreTraffic) -> String {
    let StoreTraffic { calls, busy_us, commands, received_bytes, sent_bytes, log_syncs } = *traffic;
    let mut text = format!("{name}: the store gets {calls:.2} calls a verification");
    let more = [
        ("µs in them", busy_us, 1),
        ("commands", commands, 1),
        ("bytes in", received_bytes, 0),
        ("bytes out", sent_bytes, 0),
        ("syncs of its log", log_syncs, 3),
    ];
    for (what, figure, decimals) in more {
        if figure.is_some() {
            text.push_str(&format!(", {} {what}", decimal(figure, decimals)));
        }
    }
    text
}

impl std::fmt::Display for DiskSpeed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "disk under {}: append of 4 KiB with fdatasync, {} times: p50 {}, p99 {}",
            self.folder.display(),
            grouped(self.appends.into()),
            duration(self.p50_us),
            duration(self.p99_us),
        )
    }
}
