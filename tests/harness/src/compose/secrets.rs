//! The secrets of docker compose, as `.env` has them.
use portcullis_principal::SigningKey;

use crate::{Error, Result, keys};

/// The text of a new `.env`: a signing key with its public side, and passwords.
///
/// # Errors
/// The new key is none.
pub fn secrets() -> Result<String> {
    let seed = keys::secret();
    let key = SigningKey::from_seed_base64url(&seed)
        .map_err(|error| Error::Form(format!("the new signing key: {error}")))?;
    Ok(format!(
        "# Made by `cargo xtask secrets`. Secret: never commit it, never show it.\n\
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
    ))
}
