//! `explain`: the decision, level by level; never the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ed25519_dalek::Signer as _;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Folder, SHOP, TODAY, with};

fn explained(policy: &str, arguments: &[&str]) -> crate::support::Said {
    let folder = Folder::of(&[("policy.yaml", policy)]);
    folder.run(&[&["explain", "policy.yaml", "--at", TODAY], arguments].concat())
}

#[test]
fn claims_are_explained_as_if_they_were_verified() {
    let claims = r#"{"sub": "alice", "realm_access": {"roles": ["customer"]}}"#;
    assert_snapshot!(explained(SHOP, &["GET", "/orders/7", "--claims", claims]));
}

#[test]
fn a_missing_role_names_the_roles_of_both() {
    let claims = r#"{"sub": "alice", "realm_access": {"roles": ["auditor"]}}"#;
    assert_snapshot!(explained(SHOP, &["GET", "/orders/7", "--claims", claims]));
}

#[test]
fn what_the_claims_say_themselves_is_not_filled_in() {
    for (claims, reason) in [
        (r#"{"exp": 5}"#, "token-expired"),
        (r#"{"aud": "billing-api"}"#, "audience-mismatch"),
        (r#"{"sub": ""}"#, "subject-invalid"),
        (r#"{"nbf": 4000000000}"#, "token-not-yet-valid"),
    ] {
        let said = explained(SHOP, &["GET", "/me", "--claims", claims]);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.stdout.contains(reason), "{said}");
    }
}

#[test]
fn a_request_is_explained_for_programs_too() {
    assert_snapshot!(explained(SHOP, &["GET", "https://shop.example/me", "--format", "json"]));
}

#[test]
fn the_path_is_explained_byte_for_byte() {
    assert_snapshot!(explained(SHOP, &["GET", "https://shop.example:8443/orders/../me?x=1"]));
    assert_snapshot!(explained(SHOP, &["DELETE", "https://elsewhere.example/orders/7"]));
}

#[test]
fn a_preflight_is_explained_by_its_headers() {
    let policy = with(SHOP, "    routes:", "    cors: { preflight: true }\n    routes:");
    let asked = [
        "OPTIONS",
        "/orders",
        "-H",
        "Origin: https://shop.example",
        "-H",
        "Access-Control-Request-Method: POST",
    ];
    let said = explained(&policy, &asked);
    assert_eq!(said.code, 0);
    assert_snapshot!(said);
    assert_eq!(explained(SHOP, &asked).code, 2);
}

#[test]
fn a_trial_is_explained_as_the_pass_that_it_is() {
    let policy = format!("{SHOP}mode: {{ shadow: {{ until: 2027-01-31 }} }}\n");
    let said = explained(&policy, &["POST", "/refunds"]);
    assert_eq!(said.code, 0);
    assert_snapshot!(said);
}

/// A token of the shop's provider, and the JWKS that verifies it.
fn token() -> (String, Value) {
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "1" });
    let claims = json!({
        "iss": "https://idp.example/realms/shop", "sub": "alice", "aud": "orders-api", "exp": 1_900_000_000,
        "iat": 1_700_000_000, "jti": "1", "client_id": "web", "realm_access": { "roles": ["admin"] },
    });
    let signed = [header, claims].map(|part| BASE64URL.encode(part.to_string())).join(".");
    let token = format!("{signed}.{}", BASE64URL.encode(key.sign(signed.as_bytes()).to_bytes()));
    let x = BASE64URL.encode(key.verifying_key().as_bytes());
    (token, json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "1" }] }))
}

#[test]
fn a_token_is_verified_with_the_keys_that_are_named_and_is_never_shown() {
    let (token, keys) = token();
    let policy = with(SHOP, "algorithms: [RS256]", "algorithms: [EdDSA]");
    let forged = with(&keys.to_string(), "\"kid\":\"1\"", "\"kid\":\"2\"");
    let files = [
        ("policy.yaml", &*policy),
        ("token", &token),
        ("keys.json", &keys.to_string()),
        ("other.json", &forged),
    ];
    let folder = Folder::of(&files);
    for (name, arguments, code) in [
        ("with_keys", &["--token-file", "token", "--jwks", "keys.json"][..], 0),
        ("without_keys", &["--token-file", "token"], 1),
        ("with_other_keys", &["--token", &token, "--jwks", "other.json"], 1),
    ] {
        let fixed = ["explain", "policy.yaml", "GET", "/orders/7", "--at", TODAY];
        let said = folder.run(&[&fixed, arguments].concat());
        assert_eq!(said.code, code, "{said}");
        for part in token.split('.') {
            assert!(!said.stdout.contains(part) && !said.stderr.contains(part), "{said}");
        }
        assert_snapshot!(format!("a_token_{name}"), said);
    }
}

/// What a hurried person does with a token, and what is told of it.
#[test]
fn a_token_in_the_wrong_place_is_not_repeated() {
    let (token, _) = token();
    let folder = Folder::of(&[("policy.yaml", SHOP), ("token", &token)]);
    let bearer = format!("Bearer {token}");
    let opaque = "0pAqUeToKeN";
    let bearer_opaque = format!("Bearer {opaque}");
    for (arguments, says) in [
        (&["-H", &bearer][..], "a header has no colon"),
        (&["-H", &bearer_opaque], "a header has no colon"),
        (&["--token-file", &token], "the token file cannot be read"),
        (&["--token-file", opaque], "the token file cannot be read"),
        (&["--jwks", &token, "--token-file", "token"], "cannot be read"),
        (&["--claims", &token], "no JSON object"),
        (&["--at", &token], "--at"),
        (&[&token], "unexpected argument"),
        (&["--token", &token, "--token-file", &token], "cannot be used with"),
    ] {
        for format in ["human", "json", "github"] {
            let fixed = ["explain", "policy.yaml", "GET", "/me", "--format", format];
            let said = folder.run(&[&fixed, arguments].concat());
            assert_eq!((said.code, &*said.stdout), (1, ""), "{said}");
            assert!(said.stderr.contains(says), "{arguments:?}: {said}");
            for part in token.split('.').chain([opaque]) {
                assert!(!said.stderr.contains(part), "{said}");
            }
        }
    }
}

#[test]
fn a_token_is_shown_to_programs_as_little_as_to_people() {
    let (token, keys) = token();
    let policy = with(SHOP, "algorithms: [RS256]", "algorithms: [EdDSA]");
    let files = [("policy.yaml", &*policy), ("token", &token), ("keys.json", &keys.to_string())];
    let folder = Folder::of(&files);
    let authorization = format!("Authorization: Bearer {token}");
    for format in ["human", "json", "github"] {
        for (arguments, code) in [
            (&["--token-file", "token", "--jwks", "keys.json"][..], 0),
            (&["--token", &token], 1),
            // two of them, or one that nobody took for a token: refused, or without keys
            (&["--token", &token, "-H", &authorization], 2),
            (&["-H", &authorization], 1),
        ] {
            let fixed =
                ["explain", "policy.yaml", "GET", "/orders/7", "--at", TODAY, "--format", format];
            let said = folder.run(&[&fixed, arguments].concat());
            assert_eq!(said.code, code, "{said}");
            for part in token.split('.') {
                assert!(!said.stdout.contains(part) && !said.stderr.contains(part), "{said}");
            }
        }
    }
}

#[test]
fn keys_are_named_for_a_token_whose_provider_has_none_in_the_policy() {
    let (token, keys) = token();
    let inline = with(
        SHOP,
        "{ uri: https://idp.example/realms/shop/certs, cluster: idp }",
        &format!("{{ inline: {keys} }}"),
    );
    let inline = with(&inline, "algorithms: [RS256]", "algorithms: [EdDSA]");
    let stranger = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHRwczovL25vYm9keS5leGFtcGxlIn0.AAAA";
    let files = [("policy.yaml", &*inline), ("token", &token), ("keys.json", &keys.to_string())];
    let folder = Folder::of(&files);
    let fixed = ["explain", "policy.yaml", "GET", "/me", "--at", TODAY];
    let run = |arguments: &[&str]| folder.run(&[&fixed, arguments].concat());
    assert_eq!(run(&["--token-file", "token"]).code, 0);
    assert!(
        run(&["--token-file", "token", "--jwks", "keys.json"])
            .stderr
            .contains("stand in the policy itself")
    );
    assert!(run(&["--token", stranger, "--jwks", "keys.json"]).stdout.contains("issuer-unknown"));
    assert_eq!(run(&["--jwks", "keys.json"]).code, 1);
    assert_eq!(run(&["--token", &token, "--claims", "{}"]).code, 1);
}

#[test]
fn an_explanation_is_an_annotation_for_github() {
    let said = explained(SHOP, &["GET", "/products", "--format", "github"]);
    assert!(
        said.stdout.starts_with("::notice title=explain::GET /products at shop.example"),
        "{said}"
    );
    assert_eq!(said.stdout.lines().count(), 1);
}

#[test]
fn the_claims_of_one_of_several_providers_name_it() {
    let policy = with(
        SHOP,
        "services:\n",
        "  partner: { preset: oauth2, issuer: \"https://partner.example\", audiences: [orders-api], jwks: { uri: \"https://partner.example/k\", cluster: p }, role_prefix: \"partner:\" }\nservices:\n",
    );
    let said = explained(&policy, &["GET", "/me", "--claims", "{}"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("add `iss`"), "{said}");
    let claims = r#"{"iss": "https://partner.example", "scope": "customer read"}"#;
    let said = explained(&policy, &["GET", "/me", "--claims", claims]);
    assert!(said.stdout.contains("with the roles `partner:customer`, `partner:read`"), "{said}");
    let said =
        explained(&policy, &["GET", "/me", "--claims", r#"{"iss": "https://nobody.example"}"#]);
    assert_eq!(said.code, 1);
}
