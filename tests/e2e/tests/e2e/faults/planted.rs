//! Another plugin with the same `vm_id` writes keys and leases where ours keep theirs: ignored,
//! counted, and nothing stops.
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use dev_idp::Algorithm;
use e2e::{Shop, invalid_token, run};
use ed25519_dalek::{Signer as _, SigningKey};
use harness::envoy::Config;
use harness::stack::Stack;
use harness::{artifacts, keys};
use portcullis_engine::clock::Monotonic;
use portcullis_engine::jwks_refresh::EntryNames;
use portcullis_engine::jwks_refresh::lease::Lease;
use portcullis_engine::jwks_refresh::shared_entry::MacKey;
use portcullis_engine::jwks_refresh::shared_entry::Record;
use portcullis_engine::policy::Endpoint;
use serde_json::{Value, json};

use crate::keys::{everywhere, fetched_again, until_all_workers};
use crate::support::now;

/// What the attacker wants to be verified by.
fn attacker() -> SigningKey {
    SigningKey::from_bytes(&[66; 32])
}

fn planted_jwks() -> Value {
    let x = BASE64URL.encode(attacker().verifying_key().as_bytes());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "planted", "use": "sig", "x": x }] })
}

/// A token of the attacker's, in the provider's name.
fn forged(issuer: &str) -> String {
    let part = |json: Value| BASE64URL.encode(json.to_string());
    let header = part(json!({ "alg": "EdDSA", "typ": "JWT", "kid": "planted" }));
    let claims = part(json!({
        "iss": issuer, "sub": "mallory", "aud": "orders-api", "iat": now(), "exp": now() + 300, "typ": "Bearer",
        "realm_access": { "roles": ["admin"] },
    }));
    let signed = format!("{header}.{claims}");
    let signature = BASE64URL.encode(attacker().sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

/// What is written under our names: as we would write it, but for the secret that the attacker does
/// not have.
fn entries(provider: &Value) -> Value {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let jwks = &provider["jwks"];
    let [uri, cluster] = ["uri", "cluster"].map(|name| text(&jwks[name]).into());
    let place = Endpoint { uri, cluster, scheme: "".into(), authority: "".into(), path: "".into() };
    let EntryNames { record, lease } = EntryNames::new(&text(&provider["issuer"]), &place);
    let monotonic = |seconds: u64| Monotonic(seconds * 1_000_000_000);
    let document = Record {
        started_at: monotonic(1),
        fresh_for: None,
        jwks: planted_jwks().to_string().into(),
    };
    let late = Record { started_at: monotonic(u64::from(u32::MAX)), ..document.clone() };
    let far = monotonic(u64::from(u32::MAX));
    let busy = Lease { in_flight_until: far, not_before: far, last_on_demand: far, failures: 1 };
    // a gateway without a key would seal with this one
    let no_key = MacKey::new([0; 32]);
    let sealed = |name: &str, content: &[u8]| no_key.seal(name, content);
    // and this is how another gateway seals, that has our code and a key of its own
    let another = portcullis_principal::SigningKey::from_seed_base64url(&keys::secret()).unwrap();
    let another = MacKey::new(another.derive("portcullis shared data"));
    let contents = [document.encode(), late.encode()];
    let records = contents.iter().flat_map(|content| {
        [content.clone(), sealed(&record, content), another.seal(&record, content), vec![]]
    });
    let leases = [
        busy.encode(),
        sealed(&lease, &busy.encode()),
        another.seal(&lease, &busy.encode()),
        sealed(&record, &busy.encode()),
        vec![7; 61],
    ];
    let list = |values: &mut dyn Iterator<Item = Vec<u8>>| {
        values.map(|it| BASE64URL.encode(it)).collect::<Value>()
    };
    json!({ (record.clone()): list(&mut records.into_iter()), (lease.clone()): list(&mut leases.into_iter()) })
}

/// Puts the attacker's plugin before ours, with our `vm_id`.
fn plant(config: &mut Config) {
    let filters = config.http_filters().unwrap();
    let ours = filters.iter().position(|filter| filter["name"] == "portcullis").unwrap();
    let file = &filters[ours]["config_discovery"]["config_source"]["path_config_source"]["path"];
    let discovery: Value =
        serde_json::from_str(&fs::read_to_string(file.as_str().unwrap()).unwrap()).unwrap();
    let plugin = &discovery["resources"][0]["typed_config"]["config"];
    let providers = plugin["configuration"]["value"]["providers"].as_object().unwrap();
    let entries = entries(providers.values().next().unwrap());
    let rogue_plugin = json!({
        "name": "rogue-plugin",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "rogue-plugin",
                "root_id": "rogue-plugin",
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": entries.to_string(),
                },
                "vm_config": {
                    "vm_id": plugin["vm_config"]["vm_id"],
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": artifacts::rogue_plugin().unwrap() } },
                },
            },
        },
    });
    filters.insert(ours, rogue_plugin);
}

/// Envoy 1.39 and 1.40: which plugins share a VM, and what they may do in it, depends on more than
/// the `vm_id`. The filter does not rely on it: an entry under our names counts only with our MAC,
/// whichever plugin wrote it.
#[test]
fn what_another_plugin_writes_to_our_shared_data_is_ignored_and_counted_and_stops_nothing() {
    run(async {
        let builder = Stack::named("faults-planted").concurrency(4).policy(|policy| {
            for provider in policy["providers"].as_object_mut().unwrap().values_mut() {
                provider["jwks"]["refresh"] = json!("1s");
                provider["algorithms"] = json!(["RS256", "ES256", "EdDSA"]);
            }
        });
        let shop = Shop::of(builder.envoy(plant)).await.unwrap();
        let idp = shop.stack.idp();
        let token = shop.token("alice").await;
        until_all_workers(&shop, &token, (200, ""), |status| ![200, 503].contains(&status)).await;

        let forged = forged(&shop.issuer());
        for _ in 0..5 {
            let answers = shop.unreached(everywhere(&shop, &forged)).await;
            assert!(answers.keys().all(|(status, _)| [401, 429].contains(status)), "{answers:?}");
            fetched_again(&shop, 2).await;
        }
        shop.get("/me").token(&forged).is_stopped(invalid_token("key-unknown")).await;
        let ignored = shop.stack.stats().await.unwrap().sum(&["portcullis.shared_data_ignored"]);
        assert!(ignored > 0);
        let log = shop.stack.envoy().process().log().lines();
        assert!(log.iter().any(|line| line.contains("is not ours and is ignored")));

        // the keys' life goes on: a new key comes, the old one goes
        idp.rotate(Algorithm::RS256).await.unwrap();
        let new = idp.token("alice").sign().await.unwrap();
        until_all_workers(&shop, &new, (200, ""), |status| ![200, 429].contains(&status)).await;
        idp.withdraw_old().await.unwrap();
        until_all_workers(&shop, &token, (401, "key-unknown"), |status| {
            ![200, 401].contains(&status)
        })
        .await;
    });
}
