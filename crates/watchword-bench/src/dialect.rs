//! The APIs that a load can speak.

use clap::ValueEnum;
use serde::Serialize;

/// Whose API the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dialect {
    /// PUT /api/otp/{id}, POST /api/otp/{id}.
    Otpgateway,
    /// POST /sms, GET /sms/check, with passcodes by this program.
    Perfumer,
}
