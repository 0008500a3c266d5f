//! A bar on a terminal while a load runs, nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What it looks like: what is done, how far, how fast, how much longer.
const TEMPLATE: &str = "{msg} [{bar:30}] {human_pos} of {human_len}, {per_sec}, {eta} left";

/// Shows on standard error how far a load is. Gone once dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// How often it is worth showing.
    pub(crate) const SHOW_EVERY: Duration = Duration::from_millis(200);

    /// `what` is done, `count` times in all.
    pub(crate) fn new(what: &str, count: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
        // The template is a constant that a test tries: should it be wrong, the bar's own look will do.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// So many are done.
    pub(crate) fn show(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_one_that_the_library_understands() {
        ProgressStyle::with_template(TEMPLATE).unwrap();
    }
}
