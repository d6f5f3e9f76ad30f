//! `keygen`: a pair that fits, a private half that nobody else reads, and nothing replaced by
//! accident.

use std::os::unix::fs::PermissionsExt as _;

use portcullis_principal::{Assertion, AssertionVerifier, Endpoint, SigningKey};
use serde_json::{Value, json};

use crate::support::Folder;

#[test]
fn the_private_half_signs_what_the_public_half_verifies() {
    let folder = Folder::of(&[]);
    let said = folder.run(&["keygen", "--private", "gateway.key", "--public", "jwks.json"]);
    assert_eq!(said.code, 0, "{said}");
    let seed = folder.read("gateway.key");
    assert!(!said.stdout.contains(seed.trim()) && !folder.read("jwks.json").contains(seed.trim()));

    let key = SigningKey::from_seed_base64url(seed.trim_end()).unwrap();
    let assertion = Assertion {
        issuer: "portcullis",
        audience: "shop",
        issued_at: 100,
        expires_at: 160,
        subject: "alice",
        subject_issuer: "https://idp.example",
        roles: &[],
        token_id: None,
        method: "GET",
        row: "/me",
    };
    let jws = assertion.mint(&key).unwrap();
    let verifier =
        AssertionVerifier::from_jwks(&folder.read("jwks.json"), "portcullis", "shop").unwrap();
    assert!(verifier.verify(&jws, Endpoint { method: "GET", route: "/me" }, 130).is_ok());
}

#[test]
fn the_private_half_is_its_owners_alone() {
    let folder = Folder::of(&[]);
    folder.write("gateway.key", "old");
    let mode = |name| std::fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("gateway.key") & 0o044, 0o044, "readable by others before");
    let said =
        folder.run(&["keygen", "--private", "gateway.key", "--public", "jwks.json", "--force"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(mode("gateway.key"), 0o600);
}

#[test]
fn a_key_that_is_there_is_not_replaced_by_accident() {
    let folder = Folder::of(&[("gateway.key", "old")]);
    let said = folder.run(&["keygen", "--private", "gateway.key", "--public", "jwks.json"]);
    assert_eq!(said.code, 1);
    assert_eq!(folder.read("gateway.key"), "old");
    assert!(!folder.path("jwks.json").exists());
    insta::assert_snapshot!(said);
}

#[test]
fn on_the_standard_output_there_is_the_private_key_and_nothing_else() {
    let said = Folder::of(&[]).run(&["keygen", "--public", "jwks.json"]);
    assert!(SigningKey::from_seed_base64url(said.stdout.trim_end()).is_ok(), "{said}");
    assert_eq!(said.stderr, "");
}

#[test]
fn a_program_is_told_where_the_halves_are_and_never_the_private_one() {
    for format in ["json", "github"] {
        let folder = Folder::of(&[]);
        let said =
            folder.run(&["keygen", "--private", "a.key", "--public", "a.json", "--format", format]);
        assert_eq!(said.code, 0, "{said}");
        let public: Value = serde_json::from_str(&folder.read("a.json")).unwrap();
        let id = public["keys"][0]["kid"].as_str().unwrap();
        if format == "json" {
            let document: Value = serde_json::from_str(&said.stdout).unwrap();
            assert_eq!(document, json!({ "key_id": id, "private": "a.key", "public": "a.json" }));
        } else {
            assert!(
                said.stdout.starts_with(&format!("::notice title=keygen::key {id}%0A")),
                "{said}"
            );
            assert_eq!(said.stdout.lines().count(), 1, "{said}");
        }
        assert!(!said.stdout.contains(folder.read("a.key").trim()), "{format}");
    }
}

#[test]
fn two_keys_are_never_the_same() {
    let folder = Folder::of(&[]);
    let one = folder.run(&["keygen", "--public", "1.json"]).stdout;
    assert_ne!(one, folder.run(&["keygen", "--public", "2.json"]).stdout);
}
