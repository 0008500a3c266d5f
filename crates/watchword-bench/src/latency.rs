//! Latencies and what is reported of them.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest latency told apart, in microseconds: one hour. Longer ones count as this.
const LONGEST: u64 = 3_600_000_000;

/// A histogram of latencies in microseconds, exact to three digits.
pub(crate) struct Latencies(Histogram<u32>);

/// What reports show of one kind of call, in microseconds.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Quantiles {
    /// How many were counted.
    pub(crate) count: u64,
    pub(crate) mean_us: f64,
    pub(crate) p50_us: u64,
    pub(crate) p90_us: u64,
    pub(crate) p95_us: u64,
    pub(crate) p99_us: u64,
    /// The 99.9th percentile.
    pub(crate) p999_us: u64,
    pub(crate) max_us: u64,
}

impl Latencies {
    /// An empty histogram.
    pub(crate) fn new() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the bounds are constants, and within what the histogram takes"
        )]
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("valid bounds"))
    }

    /// Counts one latency.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST));
    }

    /// Counts all that another histogram holds.
    pub(crate) fn add(&mut self, other: &Self) {
        #[expect(clippy::expect_used, reason = "both have the same bounds, so each value has its place")]
        self.0.add(&other.0).expect("same bounds");
    }

    /// The quantiles that reports show; all 0 when nothing was counted.
    pub(crate) fn quantiles(&self) -> Quantiles {
        let at = |quantile| self.0.value_at_quantile(quantile);
        Quantiles {
            count: self.0.len(),
            mean_us: self.0.mean(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.0.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_three_digits_over_merged_histograms() {
        let (mut low, mut high) = (Latencies::new(), Latencies::new());
        for millis in 1..=500 {
            low.record(Duration::from_millis(millis));
            high.record(Duration::from_millis(500 + millis));
        }
        low.add(&high);
        let quantiles = low.quantiles();
        assert_eq!(quantiles.count, 1_000);
        for (measured, exact) in [
            (quantiles.p50_us, 500_000),
            (quantiles.p90_us, 900_000),
            (quantiles.p95_us, 950_000),
            (quantiles.p99_us, 990_000),
            (quantiles.p999_us, 999_000),
            (quantiles.max_us, 1_000_000),
            (quantiles.mean_us as u64, 500_500),
        ] {
            assert!(measured.abs_diff(exact) * 1000 <= exact, "{measured} is not {exact}");
        }
        assert_eq!(Latencies::new().quantiles().max_us, 0);
    }
}
