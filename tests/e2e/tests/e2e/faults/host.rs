//! A host whose `verify_signature` is missing, lies, or fails later: it is not trusted, and nothing
//! passes by it.
use dev_idp::{Algorithm, Signature};
use e2e::{Shop, invalid_token, run};
use serde_json::json;

use super::{seen_by_the_vm, with_faults};

/// By name, as the policy, the gauges and the log have it.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// What Envoy's host can verify.
const PROVED: [&str; 5] = ["RS256", "RS384", "RS512", "ES256", "ES384"];

async fn shop(name: &str, host: &str) -> Shop {
    let builder = with_faults(&format!("faults-host-{name}"), json!({}));
    let builder = builder.policy(|policy| {
        for provider in policy["providers"].as_object_mut().unwrap().values_mut() {
            provider["algorithms"] = json!(ALGORITHMS.map(|(name, _)| name));
        }
    });
    Shop::of(seen_by_the_vm(builder, "PORTCULLIS_FAULT_HOST", host)).await.unwrap()
}

/// Good tokens pass and forged ones do not, by every algorithm; not the first time, and not from
/// the cache.
async fn judges(shop: &Shop, host: &str) {
    let idp = shop.stack.idp();
    for (_, alg) in ALGORITHMS {
        let good = idp.token("alice").alg(alg).sign().await.unwrap();
        let forged =
            idp.token("alice").alg(alg).signature(Signature::Stranger).sign().await.unwrap();
        for _ in 0..3 {
            shop.get("/me").named(host).token(&good).answers(200).await;
            shop.get("/me")
                .named(host)
                .token(&forged)
                .is_stopped(invalid_token("signature-invalid"))
                .await;
        }
    }
}

/// The algorithms that the host is trusted with, by the gauges. There is one for each.
async fn trusted(shop: &Shop) -> Vec<&'static str> {
    let stats = shop.stack.stats().await.unwrap();
    let gauge = |name: &str| {
        let tag = format!("portcullis.host_crypto;algorithm={name}");
        let gauges: Vec<_> = stats.matching(&[&tag]).map(|(_, value)| value).collect();
        assert!(matches!(gauges[..], [0 | 1]), "{name}: {gauges:?}");
        gauges == [1]
    };
    ALGORITHMS.into_iter().map(|(name, _)| name).filter(|name| gauge(name)).collect()
}

/// Gauges and log agree on who verifies what.
async fn divides(shop: &Shop, host: &[&str]) {
    assert_eq!(trusted(shop).await, host);
    let own: Vec<_> =
        ALGORITHMS.into_iter().map(|(name, _)| name).filter(|it| !host.contains(it)).collect();
    let said =
        format!("the host verifies {}, RustCrypto verifies {}", host.join(" "), own.join(" "));
    let log = shop.stack.envoy().process().log().lines();
    assert!(log.iter().any(|line| line.ends_with(&said)), "the log says `{said}`");
}

#[test]
fn a_host_that_does_not_prove_itself_is_trusted_with_nothing() {
    run(async {
        for host in ["missing", "yes", "no", "nonsense"] {
            let shop = shop(host, host).await;
            judges(&shop, host).await;
            assert_eq!(trusted(&shop).await, [""; 0], "{host}");
            let log = shop.stack.envoy().process().log().lines();
            assert!(
                log.iter().any(|line| line.contains("the host verifies nothing")),
                "{host}: the log says so"
            );
            assert!(
                log.iter()
                    .any(|line| line
                        .contains("`verify_signature` of the host passed the self-test of")),
                "{host}"
            );
        }
    });
}

#[test]
fn a_host_that_fails_after_its_self_test_is_stood_in_for_and_counted() {
    run(async {
        let shop = shop("late", "late").await;
        divides(&shop, &PROVED).await;
        judges(&shop, "late").await;
        let failed = async || {
            let failures =
                shop.stack.stats().await.unwrap().sum(&["portcullis.host_crypto_failures"]);
            (failures > 0).then_some(())
        };
        harness::process::eventually("the count of failures", crate::keys::PATIENCE, failed)
            .await
            .unwrap();
    });
}

#[test]
fn an_honest_host_is_trusted_with_what_it_proves() {
    run(async {
        let shop = shop("honest", "honest").await;
        divides(&shop, &PROVED).await;
        judges(&shop, "honest").await;
        assert_eq!(shop.stack.stats().await.unwrap().sum(&["portcullis.host_crypto_failures"]), 0);
    });
}

#[test]
fn a_host_that_proves_some_algorithms_is_trusted_with_those_alone() {
    run(async {
        let shop = shop("rsa-only", "rsa-only").await;
        divides(&shop, &["RS256", "RS384", "RS512"]).await;
        let log = shop.stack.envoy().process().log().lines();
        assert!(
            log.iter().any(|line| line.contains("self-test of 3 of 5 algorithms")),
            "the log says how many"
        );
        judges(&shop, "rsa-only").await;
        assert_eq!(shop.stack.stats().await.unwrap().sum(&["portcullis.host_crypto_failures"]), 0);
    });
}
