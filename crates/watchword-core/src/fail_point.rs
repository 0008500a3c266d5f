//! Named steps at which tests stop and kill the process. Compiled to nothing without the feature `fail-points`.

/// Halts here for ever when the environment says so: `WATCHWORD_FAIL_POINT=before_send`. Announces it on standard error.
#[cfg(feature = "fail-points")]
pub(crate) async fn reached(step: &str) {
    if std::env::var("WATCHWORD_FAIL_POINT").is_ok_and(|wanted| wanted == step) {
        #[expect(clippy::print_stderr, reason = "the test that asked for it reads this line")]
        {
            eprintln!("fail point {step} reached");
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(not(feature = "fail-points"))]
pub(crate) async fn reached(_step: &str) {}
