//! The dialects: one folder each.

pub mod otpgateway;
pub mod perfumer;
