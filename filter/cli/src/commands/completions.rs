//! `completions`: what a shell needs to complete this command.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::diagnostics::exit::Answer;

/// What `completions` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
What is written is the shell's own file, whatever --format says: that is for what may go wrong.

Example:
  portcullis completions bash > /etc/bash_completion.d/portcullis")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Writes them.
pub fn run(arguments: &Arguments) -> Answer {
    let mut text = Vec::new();
    generate(arguments.shell, &mut super::Arguments::command(), "portcullis", &mut text);
    Answer::fine(String::from_utf8_lossy(&text).into_owned())
}
