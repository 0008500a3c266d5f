//! The dialects: one folder each.

pub mod egov;
pub mod otpgateway;
pub mod perfumer;
