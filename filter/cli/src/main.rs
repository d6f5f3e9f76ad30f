//! `portcullis`: arguments in, an exit code out.

use std::process::ExitCode;

use clap::Parser as _;
use portcullis_cli::exit::{Exit, Trouble};
use portcullis_cli::report::{self, Format};
use portcullis_cli::verb::{self, Arguments};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // to a closed pipe there is nothing to say
            let _ = error.print();
            return if error.use_stderr() { Exit::Failed } else { Exit::Fine }.into();
        }
    };
    match verb::run(&arguments) {
        Ok(answer) => {
            // colours go to terminals only
            anstream::print!("{}", answer.text);
            answer.exit.into()
        }
        Err(trouble) => {
            tell(&trouble, arguments.format);
            trouble.exit().into()
        }
    }
}

/// Says why there is no answer. The standard output is for answers alone.
fn tell(trouble: &Trouble, format: Format) {
    let text = match trouble {
        Trouble::Policy(findings) => report::findings(findings, format),
        Trouble::Input(finding) => report::findings(std::slice::from_ref(finding), format),
        Trouble::Run { message, help } => report::trouble(message, help.as_deref(), format),
    };
    anstream::eprint!("{text}");
}
