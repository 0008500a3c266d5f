//! otpgateway's own configuration.
