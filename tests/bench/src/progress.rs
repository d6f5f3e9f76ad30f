//! Progress on the terminal while a part runs; where there is no terminal, a line when it begins,
//! at each tenth of it, and when it ends.
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// The steps of one experiment.
pub(crate) struct Steps {
    bar: ProgressBar,
    what: String,
    begin: Instant,
}

impl Steps {
    /// Announces `count` steps of `what`.
    pub(crate) fn new(what: &str, count: usize) -> Self {
        let style = ProgressStyle::with_template("{msg:24} {bar:30} {pos}/{len} turns, {eta} left");
        let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        if bar.is_hidden() {
            eprintln!("{what:24} {count:>4} turns to do");
        }
        Self { bar, what: what.to_owned(), begin: Instant::now() }
    }

    /// One more is done.
    pub(crate) fn done(&self) {
        self.bar.inc(1);
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let tenth = |done: u64| done * 10 / all.max(1);
        if self.bar.is_hidden() && tenth(done) > tenth(done - 1) && done < all {
            eprintln!("{:24} {done:>4} of {all} turns", self.what);
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        let hidden = self.bar.is_hidden();
        self.bar.finish_and_clear();
        if hidden {
            eprintln!(
                "{:24} {:>4} turns, {:.0} s",
                self.what,
                self.bar.position(),
                self.begin.elapsed().as_secs_f32()
            );
        }
    }
}
