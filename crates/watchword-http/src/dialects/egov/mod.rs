//! The APIs of DIGIT's user-otp and egov-otp, as their existing clients speak them. Each file says which part of the wire contract it keeps.

mod settings;

pub use settings::{EgovSettings, LocalizationSettings, MdmsSettings};

/// The dialect's name in metrics and logs.
pub const NAME: &str = "egov";
