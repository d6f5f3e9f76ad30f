//! `keygen`: a hand-off key pair.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use clap::Args;
use portcullis_principal::SigningKey;
use serde_json::json;

use crate::diagnostics;
use crate::diagnostics::exit::{Answer, CliError};
use crate::diagnostics::{Finding, Format, Severity};
use crate::simulate::caller::random;

/// What `keygen` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
The private key is the base64url text of an Ed25519 seed: the value of the environment variable that the policy names
(`identity.assertion.key_env`). Without --private it is all that is written to the standard output, whatever --format says.

Examples:
  portcullis keygen --private gateway.key --public gateway.jwks.json
  kubectl create secret generic portcullis --from-file=PORTCULLIS_SIGNING_KEY=<(portcullis keygen --public gateway.jwks.json)")]
pub struct Arguments {
    /// Where the public key goes, as a JWKS for the services
    #[arg(long, value_name = "FILE")]
    public: PathBuf,
    /// Where the private key goes, readable by its owner alone; the standard output if it is not
    /// said
    #[arg(long, value_name = "FILE")]
    private: Option<PathBuf>,
    /// Replace files that are there: what was signed with their key is refused from then on
    #[arg(long)]
    force: bool,
}

/// Makes a pair.
///
/// # Errors
/// A file is there already, or cannot be written.
pub fn run(arguments: &Arguments, format: Format) -> Result<Answer, CliError> {
    let seed = BASE64URL.encode(random()?);
    let key =
        SigningKey::from_seed_base64url(&seed).map_err(|error| CliError::run(error.to_string()))?;
    let public = format!("{:#}\n", key.public_jwks());
    // the private one first: a public key that is out without it is of no use
    if let Some(file) = &arguments.private {
        write(file, &format!("{seed}\n"), 0o600, arguments.force)?;
    }
    write(&arguments.public, &public, 0o644, arguments.force)?;
    let text = match (&arguments.private, format) {
        (None, _) => format!("{seed}\n"),
        (Some(_), Format::Json) => {
            let document = json!({
                "key_id": key.key_id(),
                "private": arguments.private,
                "public": arguments.public,
            });
            format!("{document:#}\n")
        }
        (Some(private), Format::Human | Format::Github) => {
            let text = format!(
                "key {}\n  private: {}, for the gateway's environment\n  public: {}, for the services\n",
                key.key_id(),
                private.display(),
                arguments.public.display()
            );
            let annotation = || Finding::new(Severity::Note, "keygen", text.trim_end());
            if format == Format::Github {
                diagnostics::findings(&[annotation()], format)
            } else {
                text
            }
        }
    };
    Ok(Answer::fine(text))
}

fn write(file: &Path, text: &str, mode: u32, force: bool) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    if force {
        // a new file: an old one would keep its own mode
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(CliError::run(format!(
                    "`{}` cannot be replaced: {error}",
                    file.display()
                )));
            }
            _ => {}
        }
    }
    let written =
        options.create_new(true).open(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => CliError::helped(
            format!("`{}` is there already", file.display()),
            "say `--force` to replace it",
        ),
        _ => CliError::run(format!("`{}` cannot be written: {error}", file.display())),
    })
}
