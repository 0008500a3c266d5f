//! The dialects: one folder each.

pub mod otpgateway;
