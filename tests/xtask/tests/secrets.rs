//! `cargo xtask secrets` makes what docker compose needs, for its owner's eyes alone, and replaces
//! nothing unless it is told to.
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use harness::folder::Folder;
use portcullis_principal::SigningKey;
use serde_json::Value;

fn secrets(file: &Path, more: &[&str]) -> Output {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["secrets", "--file"]).arg(file).args(more).output().unwrap()
}

/// The variables of the file, as a shell reads them.
fn variables(file: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn secrets_are_new_and_belong_together_and_their_owner_alone_reads_them() {
    let folder = Folder::empty("xtask-secrets").unwrap();
    let file = folder.join("env");
    assert!(secrets(&file, &[]).status.success());
    assert_eq!(mode(&file), 0o600);
    let first = variables(&file);
    let key = SigningKey::from_seed_base64url(&first["PORTCULLIS_SIGNING_KEY"]).unwrap();
    let public: Value = serde_json::from_str(&first["BACKEND_GATEWAY_JWKS"]).unwrap();
    assert_eq!(public, key.public_jwks());
    assert_eq!(first["COMPOSE_PROFILES"], "keycloak");

    let again = secrets(&file, &[]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && said.contains("--force"), "{said}");
    assert_eq!(variables(&file), first, "nothing is replaced");

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(secrets(&file, &["--force"]).status.success());
    assert_eq!(mode(&file), 0o600);
    let second = variables(&file);
    assert!(second.keys().eq(first.keys()));
    for (name, value) in second.iter().filter(|(name, _)| *name != "COMPOSE_PROFILES") {
        assert!(value.len() >= 43 && value != &first[name], "{name}");
    }
}

#[test]
fn secrets_are_made_for_everything_that_compose_asks_for() {
    let folder = Folder::empty("xtask-secrets-all").unwrap();
    let file = folder.join("env");
    assert!(secrets(&file, &[]).status.success());
    let made = variables(&file);
    let compose =
        fs::read_to_string(harness::artifacts::root().join("docker-compose.yml")).unwrap();
    let asked =
        compose.split("${").skip(1).filter_map(|rest| rest.split_once(":?")).map(|(name, _)| name);
    let asked: Vec<_> = asked.collect();
    assert!(asked.len() >= 5, "{asked:?}");
    assert_eq!(asked.iter().find(|name| !made.contains_key(**name)), None);
}
