//! A balancer in front of the gateway, with outlier detection, does not take it out for what its
//! clients send.
use e2e::{Shop, run};
use harness::envoy::{Config, Envoy, Settings};
use harness::folder::Folder;
use harness::ports::Port;
use harness::stack::Stack;
use serde_json::json;
use tokio::task::JoinSet;

use crate::keys::forged;

/// A plain Envoy that sends everything to the gateway, and takes a host out after five answers of
/// 5xx on end.
async fn front(gateway: u16, folder: &Folder) -> Envoy {
    let mut config = Config::shipped().unwrap();
    config.http_filters().unwrap().retain(|filter| filter["name"] == "envoy.filters.http.router");
    config.cluster("backend", gateway).unwrap();
    let clusters = config.document()["static_resources"]["clusters"].as_array_mut().unwrap();
    let cluster = clusters.iter_mut().find(|cluster| cluster["name"] == "backend").unwrap();
    cluster["outlier_detection"] = json!({
        "consecutive_5xx": 5,
        "enforcing_consecutive_5xx": 100,
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 100,
        "max_ejection_percent": 100,
        "interval": "0.1s",
        "base_ejection_time": "300s",
    });
    // otherwise Envoy sends to ejected hosts when no other host is left
    cluster["common_lb_config"] = json!({ "healthy_panic_threshold": { "value": 0 } });
    let settings = Settings {
        gateway: Port::free().unwrap(),
        admin: Port::free().unwrap(),
        concurrency: 1,
        env: Vec::new(),
        log_levels: String::new(),
        under: Vec::new(),
        folder: folder.path().to_owned(),
    };
    Envoy::start(config, settings).await.unwrap()
}

async fn ejections(front: &Envoy, what: &str) -> u64 {
    front.stats().await.unwrap().get(&format!("cluster.backend.outlier_detection.{what}"))
}

#[test]
fn a_flood_of_random_key_ids_takes_no_gateway_out_of_a_balancer_and_honest_requests_are_served() {
    const LANES: u64 = 16;
    const EACH: u64 = 50;
    run(async {
        // one extra fetch for the whole flood: nearly all of its key ids are looked for by none
        let builder = Stack::named("advisories-outlier").policy(|policy| {
            policy["providers"]["keycloak"]["jwks"]["unknown_kid_interval"] = json!("1h");
            policy["waiting"] = json!({ "time": "1s" });
        });
        let shop = Shop::of(builder).await.unwrap();
        let folder = Folder::empty("advisories-outlier-front").unwrap();
        let front = front(shop.stack.envoy().port(), &folder).await;
        let (issuer, token, url) = (shop.issuer(), shop.token("alice").await, front.url() + "/me");
        let honest = harness::http::client(false).unwrap();
        let ask =
            async || honest.get(&url).bearer_auth(&token).send().await.unwrap().status().as_u16();
        assert_eq!(ask().await, 200);
        let passed = shop.requests_passed().await;

        let mut flood = JoinSet::new();
        for lane in 0..LANES {
            let (client, url, issuer) =
                (harness::http::client(false).unwrap(), url.clone(), issuer.clone());
            flood.spawn(async move {
                let mut statuses = Vec::new();
                for number in 0..EACH {
                    let request =
                        client.get(&url).bearer_auth(forged(&issuer, lane * 1_000_000 + number));
                    statuses.push(request.send().await.unwrap().status().as_u16());
                }
                statuses
            });
        }
        let (mut served, mut others) = (0, Vec::new());
        while !flood.is_empty() {
            match ask().await {
                200 => served += 1,
                other => others.push(other),
            }
            while let Some(lane) = flood.try_join_next() {
                let wrong: Vec<_> = lane
                    .unwrap()
                    .into_iter()
                    .filter(|status| ![401, 429].contains(status))
                    .collect();
                assert!(wrong.is_empty(), "the flood was answered {wrong:?}");
            }
        }
        assert!(
            others.is_empty(),
            "{served} honest requests were served, others were answered {others:?}"
        );
        assert!(served > 0);
        assert_eq!(ejections(&front, "ejections_active").await, 0);
        assert_eq!(ejections(&front, "ejections_enforced_total").await, 0);
        assert_eq!(
            shop.requests_passed().await,
            passed + served,
            "no forged one reaches the service"
        );
    });
}
