//! A VM has the environment of its own configuration, and what another VM has shared is trusted by
//! its seal alone.
//!
//! Envoy 1.39 and 1.40 changed what makes a VM another one: environment, runtime, capabilities. A
//! gateway whose key was changed must not go on with a VM that has the old key; and workers with
//! the old and the new key share one memory.
use std::fs;

use e2e::{Shop, in_front_of_an_echo, run};
use harness::keys;
use harness::stack::{Builder, Stack};
use portcullis_principal::{AssertionVerifier, Endpoint, SigningKey};
use serde_json::{Value, json};

use crate::keys::{CONNECTIONS, PATIENCE, fetched_again, on_all_workers};
use crate::support::{headers_of, now};

/// Puts the key into the VM's own configuration, in the place of Envoy's environment.
fn give(discovery: &mut Value, seed: &str) {
    let vm = &mut discovery["resources"][0]["typed_config"]["config"]["vm_config"];
    vm["environment_variables"] = json!({ "key_values": { "PORTCULLIS_SIGNING_KEY": seed } });
}

fn with_key(stack: Builder, seed: String) -> Builder {
    stack.envoy(move |config| {
        let filters = config.http_filters().unwrap();
        let filter = filters.iter().find(|filter| filter["name"] == "portcullis").unwrap();
        let file = filter["config_discovery"]["config_source"]["path_config_source"]["path"]
            .as_str()
            .unwrap();
        let mut discovery: Value =
            serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        give(&mut discovery, &seed);
        fs::write(file, discovery.to_string()).unwrap();
    })
}

/// The keys that signed what the service got, over so many connections that every worker was asked.
async fn signers(shop: &Shop, token: &str, known: &[&SigningKey]) -> Vec<usize> {
    let mut found = Vec::new();
    for _ in 0..CONNECTIONS {
        let answer = shop.raw(format!(
            "GET /me HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        ));
        let answer = answer.await;
        if answer.status == 503 {
            continue;
        }
        let assertion = &headers_of(&answer.is(200))["x-auth-principal"][0];
        let verifies = |key: &&&SigningKey| {
            let jwks = key.public_jwks().to_string();
            let verifier = AssertionVerifier::from_jwks(&jwks, "portcullis", "shop").unwrap();
            verifier.verify(assertion, Endpoint { method: "GET", route: "/me" }, now()).is_ok()
        };
        let signer = known.iter().position(|key| verifies(&key)).expect("a key that is known");
        if !found.contains(&signer) {
            found.push(signer);
        }
    }
    found
}

#[test]
fn a_change_of_the_key_in_the_environment_makes_new_vms_that_trust_nothing_of_the_old_ones() {
    run(async {
        let [first, second] = [keys::secret(), keys::secret()];
        let stack = Stack::named("advisories-vm-identity").concurrency(2);
        let stack =
            stack.policy(|policy| policy["providers"]["keycloak"]["jwks"]["refresh"] = json!("1s"));
        let shop = Shop::of(with_key(in_front_of_an_echo(stack), first.clone())).await.unwrap();
        let [old, new] =
            [&first, &second].map(|seed| SigningKey::from_seed_base64url(seed).unwrap());
        let token = shop.token("alice").await;
        assert_eq!(signers(&shop, &token, &[&old, &new]).await, [0]);
        let stat = async |name: &str| shop.stack.stats().await.unwrap().sum(&[name]);
        assert_eq!(stat("portcullis.shared_data_ignored").await, 0);
        let created = stat("wasm.envoy.wasm.runtime.v8.created").await;

        let file = shop.stack.folder().join("portcullis.json");
        let mut discovery: Value =
            serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        give(&mut discovery, &second);
        let next = file.with_extension("new");
        fs::write(&next, discovery.to_string()).unwrap();
        fs::rename(&next, &file).unwrap();

        let by_the_new =
            async || (signers(&shop, &token, &[&old, &new]).await == [1]).then_some(());
        harness::process::eventually("the new key on every worker", PATIENCE, by_the_new)
            .await
            .unwrap();
        assert!(stat("wasm.envoy.wasm.runtime.v8.created").await > created, "new VMs");
        // what the old VMs had sealed was seen, and not taken
        let ignored = async || (stat("portcullis.shared_data_ignored").await > 0).then_some(());
        harness::process::eventually("what is ignored", PATIENCE, ignored).await.unwrap();

        // and the keys' life goes on among the new ones
        fetched_again(&shop, 2).await;
        assert_eq!(on_all_workers(&shop, &token).await, Some((200, String::new())));
        let forged = shop
            .stack
            .idp()
            .token("alice")
            .signature(dev_idp::Signature::Stranger)
            .sign()
            .await
            .unwrap();
        assert_eq!(
            on_all_workers(&shop, &forged).await,
            Some((401, "signature-invalid".to_owned()))
        );
    });
}
