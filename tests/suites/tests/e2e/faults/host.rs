//! A host whose `verify_signature` is missing, lies, or fails later: it is not trusted, and nothing passes by it.
use dev_idp::{Algorithm, Signature};
use e2e::{Shop, invalid_token, run};
use serde_json::json;

use super::{seen_by_the_vm, with_traps};

const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA];

async fn shop(name: &str, host: &str) -> Shop {
    let builder = with_traps(&format!("faults-host-{name}"), json!({}));
    let builder = builder.policy(|policy| {
        for provider in policy["providers"].as_object_mut().unwrap().values_mut() {
            provider["algorithms"] = json!(["RS256", "ES256", "PS256", "EdDSA"]);
        }
    });
    Shop::of(seen_by_the_vm(builder, "PORTCULLIS_TRAP_HOST", host)).await.unwrap()
}

/// Good tokens pass and forged ones do not, by every algorithm; not the first time, and not from the cache.
async fn judges(shop: &Shop, host: &str) {
    let idp = shop.stack.idp();
    for alg in ALGORITHMS {
        let good = idp.token("alice").alg(alg).sign().await.unwrap();
        let forged = idp.token("alice").alg(alg).signature(Signature::Stranger).sign().await.unwrap();
        for _ in 0..3 {
            shop.get("/me").named(host).token(&good).answers(200).await;
            shop.get("/me").named(host).token(&forged).is_stopped(invalid_token("signature-invalid")).await;
        }
    }
}

/// How many algorithms the host is trusted with.
async fn trusted(shop: &Shop) -> u64 {
    shop.stack.stats().await.unwrap().sum(&["portcullis.host_crypto;"])
}

#[test]
fn a_host_that_does_not_prove_itself_is_trusted_with_nothing() {
    run(async {
        for host in ["missing", "yes", "no", "nonsense"] {
            let shop = shop(host, host).await;
            judges(&shop, host).await;
            assert_eq!(trusted(&shop).await, 0, "{host}");
            let log = shop.stack.envoy().process().log().lines();
            assert!(
                log.iter().any(|line| line.contains("the host verifies nothing")),
                "{host}: the log says so"
            );
            assert!(log.iter().any(|line| line.contains("did not prove `verify_signature`")), "{host}");
        }
    });
}

#[test]
fn a_host_that_fails_after_its_self_test_is_stood_in_for_and_counted() {
    run(async {
        let shop = shop("late", "late").await;
        assert!(trusted(&shop).await >= 5);
        judges(&shop, "late").await;
        let failed = async || {
            let failures = shop.stack.stats().await.unwrap().sum(&["portcullis.host_crypto_failures"]);
            (failures > 0).then_some(())
        };
        harness::process::eventually("the count of failures", crate::keys::PATIENCE, failed).await.unwrap();
    });
}

#[test]
fn an_honest_host_is_trusted_with_what_it_proves() {
    run(async {
        let shop = shop("honest", "honest").await;
        assert_eq!(trusted(&shop).await, 5);
        judges(&shop, "honest").await;
        assert_eq!(shop.stack.stats().await.unwrap().sum(&["portcullis.host_crypto_failures"]), 0);
    });
}
