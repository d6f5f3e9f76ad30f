//! Progress on the terminal while a part runs.
use indicatif::{ProgressBar, ProgressStyle};

/// The steps of one experiment.
pub(crate) struct Steps(ProgressBar);

impl Steps {
    /// Announces `count` steps of `what`.
    pub(crate) fn new(what: &str, count: usize) -> Self {
        let style = ProgressStyle::with_template("{msg:32} {bar:30} {pos}/{len} turns, {eta} left");
        let bar = ProgressBar::new(count as u64);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// One more is done.
    pub(crate) fn done(&self) {
        self.0.inc(1);
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
