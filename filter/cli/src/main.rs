//! `portcullis`: arguments in, an exit code out.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser as _;
use portcullis_cli::commands::{self, Arguments};
use portcullis_cli::diagnostics::exit::{CliError, ExitStatus};
use portcullis_cli::diagnostics::{self, Format};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = diagnostics::without_tokens(&error.render().ansi().to_string());
            // to a closed pipe there is nothing to say
            return if error.use_stderr() {
                let _ = say(anstream::stderr(), &text);
                ExitStatus::Error.into()
            } else {
                let _ = say(anstream::stdout(), &text);
                ExitStatus::Success.into()
            };
        }
    };
    match commands::run(&arguments) {
        Ok(answer) => match say(anstream::stdout(), &answer.text) {
            Ok(()) => answer.exit.into(),
            Err(error) => {
                let message = format!("the answer could not be written: {error}");
                tell(&CliError::run(message), arguments.format);
                ExitStatus::Error.into()
            }
        },
        Err(run_error) => {
            tell(&run_error, arguments.format);
            run_error.exit().into()
        }
    }
}

/// Says why there is no answer. The standard output is for answers alone.
fn tell(run_error: &CliError, format: Format) {
    let text = match run_error {
        CliError::Policy(findings) => diagnostics::findings(findings, format),
        CliError::Input(finding) => diagnostics::findings(std::slice::from_ref(finding), format),
        CliError::Run { message, help } => diagnostics::run_error(message, help.as_deref(), format),
    };
    // there is nobody left to tell
    let _ = say(anstream::stderr(), &diagnostics::without_tokens(&text));
}

/// Writes; colours go to terminals only. Whoever reads no further has had enough.
fn say(mut stream: impl Write, text: &str) -> std::io::Result<()> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
