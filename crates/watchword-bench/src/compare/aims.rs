//! What the figures should be.

use super::sides::Side;
use crate::aim::Aim;
use crate::disk::DiskSpeed;
use crate::figures::ratio;
use crate::store::StoreKind;

/// CPU a verification, as a multiple of the bare server's.
const CPU_AIM: f64 = 3.0;

/// Commits of the store an operation.
const COMMITS_AIM: f64 = 0.2;

/// What the p99 of a call may take beside three times the disk's own p99, in milliseconds.
const P99_AIM_MS: f64 = 5.0;

/// CPU a verification of the server and its Redis, as a multiple of the bare server's and its Redis's.
const REDIS_AIM: f64 = 2.0;

/// The same with PostgreSQL.
const POSTGRES_AIM: f64 = 2.5;

/// How often PostgreSQL makes its log durable for one HTTP call, of which a verification takes two.
const SYNCS_AIM: f64 = 0.3;
const HTTP_CALLS: f64 = 2.0;

pub(super) fn aims(
    bare: &Side,
    server: &Side,
    store: Option<StoreKind>,
    disk: Option<&DiskSpeed>,
) -> Vec<Aim> {
    match store {
        None => without_store(bare, server, disk),
        Some(StoreKind::Redis) => vec![with_store(bare, server, REDIS_AIM)],
        Some(StoreKind::Postgres) => vec![with_store(bare, server, POSTGRES_AIM), syncs(server)],
    }
}

fn without_store(bare: &Side, server: &Side, disk: Option<&DiskSpeed>) -> Vec<Aim> {
    let (bare, server) = (&bare.medians, &server.medians);
    let cpu = ratio(server.cpu_us_per_verification, bare.cpu_us_per_verification);
    let millis = |micros: Option<f64>| micros.map(|micros| micros / 1_000.0);
    let mut aims = vec![
        Aim::new("CPU a verification beside the bare server's", "x", cpu, CPU_AIM),
        Aim::new("commits an operation", "", server.commits_per_operation, COMMITS_AIM),
    ];
    if let Some(disk) = disk {
        let at_most = P99_AIM_MS + 3.0 * disk.p99_us as f64 / 1_000.0;
        let put = "p99 of PUT (aim: 5 ms + 3 x the disk's p99)";
        let check = "p99 of the check (aim: 5 ms + 3 x the disk's p99)";
        aims.push(Aim::new(put, "ms", millis(server.put_p99_us), at_most));
        aims.push(Aim::new(check, "ms", millis(server.check_p99_us), at_most));
    }
    aims
}

fn with_store(bare: &Side, server: &Side, at_most: f64) -> Aim {
    let all = |side: &Side| side.medians.cpu_of_all_us_per_verification;
    let cpu = ratio(all(server), all(bare));
    Aim::new("CPU a verification, the store's too, beside bare with store", "x", cpu, at_most)
}

fn syncs(server: &Side) -> Aim {
    let syncs = server.traffic.as_ref().and_then(|traffic| traffic.log_syncs);
    Aim::new("syncs of the store's log an HTTP call", "", syncs.map(|syncs| syncs / HTTP_CALLS), SYNCS_AIM)
}
