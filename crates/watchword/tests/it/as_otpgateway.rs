//! `watchword serve --as otpgateway`.
