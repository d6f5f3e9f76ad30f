//! `cargo xtask keys`: the secrets of docker compose, in a file that git ignores.
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;

use clap::Args;
use harness::artifacts::root;
use harness::{Error, Result, keys};
use portcullis_principal::SigningKey;

/// What `keys` is told.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Replace the keys that are there: what was signed with them is refused from then on
    #[arg(long)]
    force: bool,
}

/// Writes `.env`.
pub(crate) fn write(arguments: &Arguments) -> Result<()> {
    let path = root().join(".env");
    let seed = keys::secret();
    let key = SigningKey::from_seed_base64url(&seed)
        .map_err(|error| Error::Form(format!("the new signing key: {error}")))?;
    let text = format!(
        "# Made by `cargo xtask keys`. Secret: never commit it, never show it.\n\
         PORTCULLIS_SIGNING_KEY={seed}\n\
         # Its public side, for the services.\n\
         BACKEND_GATEWAY_JWKS='{}'\n\
         # Passwords of this machine's own.\n\
         SHOP_DATABASE_PASSWORD={}\n\
         KEYCLOAK_ADMIN_PASSWORD={}\n\
         GRAFANA_ADMIN_PASSWORD={}\n\
         # Who gives the identities if no --profile says otherwise: keycloak, or dev.\n\
         COMPOSE_PROFILES=keycloak\n",
        key.public_jwks(),
        keys::secret(),
        keys::secret(),
        keys::secret(),
    );
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    if arguments.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Error::Form(format!(
            "{} has keys already: `cargo xtask keys --force` replaces them",
            path.display()
        ))),
        written => {
            written.map_err(Error::io(format!("write {}", path.display())))?;
            println!("a new signing key and new passwords are in {}", path.display());
            Ok(())
        }
    }
}
