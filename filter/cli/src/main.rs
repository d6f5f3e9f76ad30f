//! `portcullis`: arguments in, an exit code out.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser as _;
use portcullis_cli::exit::{Exit, Trouble};
use portcullis_cli::report::{self, Format};
use portcullis_cli::verb::{self, Arguments};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = report::without_tokens(&error.render().ansi().to_string());
            // to a closed pipe there is nothing to say
            return if error.use_stderr() {
                let _ = say(anstream::stderr(), &text);
                Exit::Failed.into()
            } else {
                let _ = say(anstream::stdout(), &text);
                Exit::Fine.into()
            };
        }
    };
    match verb::run(&arguments) {
        Ok(answer) => match say(anstream::stdout(), &answer.text) {
            Ok(()) => answer.exit.into(),
            Err(error) => {
                let message = format!("the answer could not be written: {error}");
                tell(&Trouble::run(message), arguments.format);
                Exit::Failed.into()
            }
        },
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
    // there is nobody left to tell
    let _ = say(anstream::stderr(), &report::without_tokens(&text));
}

/// Writes; colours go to terminals only. Whoever reads no further has had enough.
fn say(mut stream: impl Write, text: &str) -> std::io::Result<()> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
