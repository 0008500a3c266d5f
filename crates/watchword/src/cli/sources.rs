//! The options that say where the configuration is, for every command that reads it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::environment;
use crate::config::{self, Flag, Sources};

/// Where the configuration is.
#[derive(Debug, Args)]
pub(super) struct SourceOptions {
    /// Configuration file; may be repeated, later ones win [default: $WATCHWORD_CONFIG, else ./watchword.toml if it is there]
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Read the configuration of the product that Watchword stands in for; --config then names its file
    #[arg(long = "as", value_name = "PRODUCT")]
    original: Option<Original>,
}

/// Products whose configuration can be read.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Original {
    /// Its config.toml and OTP_GATEWAY_… variables; watchword.toml only where $WATCHWORD_CONFIG names it
    Otpgateway,
    /// Perfumer OTP's OTP_…, PG_… and HTTP_AUTH_… variables; it has no file, watchword.toml only where $WATCHWORD_CONFIG names it
    Perfumer,
    /// The Spring properties of DIGIT's user-otp and egov-otp, from a .properties file and the environment; watchword.toml only
    /// where $WATCHWORD_CONFIG names it
    Egov,
}

impl From<Original> for config::Original {
    fn from(original: Original) -> Self {
        match original {
            Original::Otpgateway => Self::Otpgateway,
            Original::Perfumer => Self::Perfumer,
            Original::Egov => Self::Egov,
        }
    }
}

impl SourceOptions {
    /// The sources, with these flags over all of them.
    pub(super) fn sources(self, flags: Vec<Flag>) -> Sources {
        let original = self.original.map(config::Original::from);
        Sources { original, files: self.config, environment: environment(), flags, ..Sources::default() }
    }
}
