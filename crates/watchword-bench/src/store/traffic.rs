//! What a store has to do.

use serde::Serialize;

/// What a store does for one verification. All fields are means; `None`: it does not count that.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct StoreTraffic {
    /// Calls that came over the wire: scripts, or functions.
    pub(crate) calls: f64,
    /// Time the store spent in calls, by its own clock.
    pub(crate) busy_us: Option<f64>,
    /// Commands that scripts gave, and all others that came.
    pub(crate) commands: Option<f64>,
    pub(crate) received_bytes: Option<f64>,
    pub(crate) sent_bytes: Option<f64>,
    /// How often the log was made durable.
    pub(crate) log_syncs: Option<f64>,
}
