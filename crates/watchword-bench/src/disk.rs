//! How long the disk itself takes to make an append durable: what no server's commit can beat.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Error;
use crate::latency::Latencies;
use crate::stopwatch;

/// One append: a page of the store.
const APPEND: [u8; 4096] = [0x5a; 4096];

/// Appends of one measurement.
const APPENDS: u32 = 1_000;

/// Time of one append of 4 KiB with its fdatasync(2).
#[derive(Clone, Serialize)]
pub(crate) struct DiskSpeed {
    pub(crate) folder: PathBuf,
    pub(crate) appends: u32,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

/// Measures the disk that holds `folder`. Leaves nothing behind.
///
/// # Errors
///
/// When the folder can't be written to.
pub(crate) async fn measure(folder: &Path) -> Result<DiskSpeed, Error> {
    let folder = folder.to_owned();
    let fails = {
        let folder = folder.clone();
        |source| Error::Disk { folder, source }
    };
    tokio::task::spawn_blocking(move || append_and_sync(folder)).await.map_err(Error::Task)?.map_err(fails)
}

fn append_and_sync(folder: PathBuf) -> io::Result<DiskSpeed> {
    let mut file = tempfile::tempfile_in(&folder)?;
    let mut latencies = Latencies::new();
    for _ in 0..APPENDS {
        let started = stopwatch::now();
        file.write_all(&APPEND)?;
        file.sync_data()?;
        latencies.record(started.elapsed());
    }
    let quantiles = latencies.quantiles();
    Ok(DiskSpeed { folder, appends: APPENDS, p50_us: quantiles.p50_us, p99_us: quantiles.p99_us })
}
