//! The hand-off in documents: how a service in any language verifies it, and how its key is
//! replaced.
use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::run;
use harness::folder::Folder;
use harness::stack::Stack;
use harness::{keys, tools};
use portcullis_principal::{Assertion, AssertionVerifier, Endpoint, SigningKey};
use serde_json::{Value, json};

use super::blocks::{blocks, blocks_of};
use super::session::{Session, steps};
use crate::support::now;

const ROLES: [String; 0] = [];

/// What a gateway says of Alice now.
fn assertion(row: &str) -> Assertion<'_> {
    Assertion {
        issuer: "portcullis",
        audience: "notes",
        issued_at: now(),
        expires_at: now() + 60,
        subject: "alice",
        subject_issuer: "https://idp.example/realms/notes",
        roles: &ROLES,
        token_id: None,
        method: "GET",
        row,
    }
}

fn case(name: &str, assertion: &str, passes: bool) -> Value {
    json!({ "name": name, "assertion": assertion, "passes": passes })
}

/// What the document's function is asked: the service is `notes`, the endpoint
/// `GET /notes/{owner}`.
fn cases(key: &SigningKey, stranger: &SigningKey) -> Vec<Value> {
    let good = assertion("/notes/{owner}");
    let of = |name, assertion: &Assertion<'_>, passes| {
        case(name, &assertion.mint(key).expect("one"), passes)
    };
    let minted = good.mint(key).expect("one");
    let (signed, _) = minted.rsplit_once('.').expect("three parts");
    vec![
        of("good", &good, true),
        of("a parameter of another name", &Assertion { row: "/notes/{who}", ..good }, true),
        of("a row that covers what is below", &Assertion { row: "/{*rest}", ..good }, true),
        of(
            "within the leeway",
            &Assertion { issued_at: now() - 59, expires_at: now() - 1, ..good },
            true,
        ),
        of("ended", &Assertion { issued_at: now() - 90, expires_at: now() - 30, ..good }, false),
        of(
            "of the future",
            &Assertion { issued_at: now() + 30, expires_at: now() + 90, ..good },
            false,
        ),
        of("another endpoint's", &Assertion { row: "/notes", ..good }, false),
        of("another method's", &Assertion { method: "PUT", ..good }, false),
        of("another service's", &Assertion { audience: "shop", ..good }, false),
        of("another gateway's", &Assertion { issuer: "elsewhere", ..good }, false),
        case("by a stranger", &good.mint(stranger).expect("one"), false),
        case("without a signature", &format!("{signed}."), false),
        case("a part more", &format!("{minted}.e30"), false),
        case("nothing", "", false),
    ]
}

#[test]
fn any_language_verifies_the_assertion_in_thirty_lines() {
    const DRIVER: &str = "import { readFileSync } from 'node:fs';\n\
        import { principal } from './verify.mjs';\n\
        const { jwks, cases } = JSON.parse(readFileSync('cases.json'));\n\
        const endpoint = { method: 'GET', route: '/notes/{owner}' };\n\
        for (const { name, assertion, passes } of cases) {\n\
          let who;\n\
          try { who = principal(assertion, jwks, 'notes', endpoint); } catch { who = undefined; }\n\
          const right = passes ? who?.subject === 'alice' && who.issuer.startsWith('https://idp') : who === undefined;\n\
          if (!right) { console.error(`${name}: ${JSON.stringify(who)}`); process.exitCode = 1; }\n\
        }\n";
    let folder = Folder::empty("documents-verify").expect("a folder");
    // before any assertion is minted: the first time, getting it takes longer than one lives
    let node = tools::node().expect("Node");
    let [key, stranger] =
        [(); 2].map(|()| SigningKey::from_seed_base64url(&keys::secret()).expect("a key"));
    let found = blocks().into_iter().find(|block| block.info == "js verify.mjs").expect("a block");
    let cases = json!({ "jwks": key.public_jwks(), "cases": cases(&key, &stranger) });
    let file = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
    file("verify.mjs", &found.text);
    file("cases.json", &cases.to_string());
    file("driver.mjs", DRIVER);
    let mut driver = Command::new(node);
    let output = driver.arg("driver.mjs").current_dir(folder.path()).output().expect("Node runs");
    assert!(output.status.success(), "{found}: {}", String::from_utf8_lossy(&output.stderr));
}

fn key(file: &Path) -> SigningKey {
    SigningKey::from_seed_base64url(fs::read_to_string(file).expect("a key").trim_end())
        .expect("a key")
}

/// A service that reads the file again when it changes takes the old gateway's assertions until the
/// last step, and the new one's from the first on.
#[test]
fn a_handoff_key_is_replaced_without_a_refused_assertion() {
    let session = Session::new("documents-rotation");
    let file = |name| session.folder.join(name);
    let first = SigningKey::from_seed_base64url(&keys::secret()).expect("a key");
    session.write("gateway.jwks.json", &first.public_jwks().to_string());
    let verifier =
        AssertionVerifier::from_jwks_file(&file("gateway.jwks.json"), "portcullis", "notes")
            .expect("keys");
    let passes = |key: &SigningKey| {
        let endpoint = Endpoint { method: "GET", route: "/notes/{owner}" };
        let assertion = assertion("/notes/{owner}").mint(key).expect("one");
        verifier.verify(&assertion, endpoint, now()).is_ok()
    };
    let all = blocks_of("console rotation");
    let [both, only] = &all[..] else { panic!("two steps: {}", all.len()) };
    assert!(
        steps(both).iter().all(|step| !step.command.contains("next.jwks.json gateway.jwks.json"))
    );
    assert!(passes(&first));
    session.run(both);
    let second = key(&file("next.key"));
    assert!(passes(&first) && passes(&second), "both are accepted after {both}");
    session.run(only);
    assert!(!passes(&first) && passes(&second), "the new one alone is accepted after {only}");
}

/// The step between: gateways that start anew, while the service knows both keys.
#[test]
fn a_gateway_that_starts_anew_with_the_new_key_is_believed_by_services_that_know_both() {
    run(async {
        let [first, second, strange] = [(); 3].map(|()| keys::secret());
        let public = |seed: &str| {
            SigningKey::from_seed_base64url(seed).expect("a key").public_jwks()["keys"][0].clone()
        };
        let both = json!({ "keys": [public(&first), public(&second)] });
        let stack = Stack::named("documents-rotation-gateway").signing_key(&first);
        let mut stack = stack
            .backend_env("BACKEND_GATEWAY_JWKS", &both.to_string())
            .start()
            .await
            .expect("a stack");
        let token = stack.token("alice").await.expect("a token");
        for (name, seed, status) in [
            ("the old key", &first, 200),
            ("the new key", &second, 200),
            ("neither", &strange, 401),
        ] {
            stack
                .envoy_mut()
                .restart_with("PORTCULLIS_SIGNING_KEY", seed)
                .await
                .expect("a gateway");
            let answer = stack.get("/me").bearer_auth(&token).send().await.expect("an answer");
            assert_eq!(answer.status(), status, "{name}");
        }
    });
}
