//! Envoy chooses its route by itself, and its rules may disagree with the policy's: where a service
//! names its clusters, a request that Envoy would send elsewhere is refused, and says so.
use e2e::{
    Answer, NO_TOKEN, Refusal, Shared, Shop, an_echo, in_front_of_an_echo, invalid_token, serve,
};
use serde_json::{Value, json};

use crate::support::manager::{manager, routes};
use crate::support::{headers_of, subject};

/// Envoy's routes: some of them lead elsewhere, or nowhere.
fn astray() -> Vec<Value> {
    let to = |cluster, found: Value| json!({ "match": found, "route": { "cluster": cluster } });
    let half = |cluster| json!({ "name": cluster, "weight": 50 });
    vec![
        to("elsewhere", json!({ "path": "/memberships" })),
        to("elsewhere", json!({ "prefix": "/docs" })),
        to(
            "elsewhere",
            json!({ "prefix": "/", "headers": [{ "name": "x-canary", "present_match": true }] }),
        ),
        to("no-such-cluster", json!({ "path": "/audit" })),
        json!({
            "match": { "path": "/openapi.json" },
            "redirect": { "path_redirect": "/docs" },
        }),
        json!({
            "match": { "path": "/delegations" },
            "route": { "weighted_clusters": { "clusters": [half("backend"), half("elsewhere")] } },
        }),
    ]
}

static SHOP: Shared = Shared::made("clusters", |stack| {
    let elsewhere = serve(an_echo());
    in_front_of_an_echo(stack)
        .policy(|policy| {
            policy["services"]["shop"]["clusters"] = json!(["backend", "backend-of-old"]);
        })
        .envoy(move |config| {
            config.cluster("elsewhere", elsewhere).unwrap();
            manager(config)["route_config"]["validate_clusters"] = json!(false);
            let elsewhere = json!({ "name": "elsewhere", "domains": ["elsewhere.example"],
                "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "elsewhere" } }] });
            routes(config).splice(0..0, astray());
            manager(config)["route_config"]["virtual_hosts"]
                .as_array_mut()
                .unwrap()
                .push(elsewhere);
        })
});

/// How many requests Envoy has sent past the service's own cluster.
async fn sent_elsewhere(shop: &Shop) -> u64 {
    shop.stack.stats().await.unwrap().get("cluster.elsewhere.upstream_rq_total")
}

#[test]
fn what_is_on_its_way_to_the_services_cluster_passes() {
    SHOP.visit(async |shop| {
        let before = sent_elsewhere(shop).await;
        let order = headers_of(&shop.get("/orders/7").sent_as("alice").answers(200).await);
        assert_eq!(order["x-auth-subject"], [subject("alice")]);
        shop.get("/products").answers(200).await;
        assert_eq!(sent_elsewhere(shop).await, before);
    });
}

#[test]
fn what_envoy_would_send_elsewhere_is_refused_and_says_so() {
    SHOP.visit(async |shop| {
        let before = sent_elsewhere(shop).await;
        // no other token of theirs would help
        let refused =
            Refusal { status: 403, reason: "route-elsewhere", challenge: None, retry_after: false };
        // by path, by a header of the client's, by host; to a cluster that is not there; to no
        // cluster at all
        shop.get("/memberships").sent_as("alice").is_stopped(refused).await;
        shop.get("/me").header("x-canary", "1").sent_as("alice").is_stopped(refused).await;
        shop.get("/me")
            .header("host", "elsewhere.example")
            .sent_as("alice")
            .is_stopped(refused)
            .await;
        shop.get("/me")
            .header("host", "ELSEWHERE.example")
            .sent_as("alice")
            .is_stopped(refused)
            .await;
        shop.get("/audit").sent_as("ada").is_stopped(refused).await;
        shop.get("/openapi.json").sent_as("alice").is_stopped(refused).await;
        // public rows too, and over HTTP/2
        let canary = shop.get("/products").header("x-canary", "1");
        for request in [shop.get("/docs"), shop.get("/openapi.json"), canary] {
            request.h2().is_stopped(refused).await;
        }
        assert_eq!(sent_elsewhere(shop).await, before);
    });
}

#[test]
fn who_is_not_known_is_told_so_first() {
    SHOP.visit(async |shop| {
        shop.get("/memberships").is_stopped(NO_TOKEN).await;
        shop.get("/memberships")
            .token("no-token")
            .is_stopped(invalid_token("token-malformed"))
            .await;
        // and who may not call the endpoint does not learn where Envoy sends it
        shop.get("/nothing/here").header("x-canary", "1").is_stopped(NO_TOKEN).await;
    });
}

/// Envoy draws a cluster for each request: those that would go to the other one are refused, the
/// others pass.
#[test]
fn of_weighted_clusters_only_the_services_own_is_reached() {
    SHOP.visit(async |shop| {
        let (before, passed) = (sent_elsewhere(shop).await, shop.requests_passed().await);
        let mut reached = 0;
        for _ in 0..60 {
            let answer: Answer = shop.get("/delegations").sent_as("alice").send().await;
            match answer.status {
                200 => reached += 1,
                _ => drop(answer.is_problem(403, "route-elsewhere")),
            }
        }
        assert!((1..60).contains(&reached), "{reached}");
        assert_eq!(shop.requests_passed().await, passed + reached);
        assert_eq!(sent_elsewhere(shop).await, before);
    });
}

/// Where Envoy routes by what the filter writes, it chooses again after the filter: its own RBAC
/// filter, which comes after that, must hold the cluster then.
static BY_IDENTITY: Shared = Shared::made("clusters-by-identity", |stack| {
    let elsewhere = serve(an_echo());
    in_front_of_an_echo(stack)
        .policy(|policy| policy["services"]["shop"]["clusters"] = json!(["backend"]))
        .envoy(move |config| {
            config.cluster("elsewhere", elsewhere).unwrap();
            let known = json!([{ "name": "x-auth-roles", "present_match": true }]);
            let found = json!({ "prefix": "/me", "headers": known });
            routes(config)
                .insert(0, json!({ "match": found, "route": { "cluster": "elsewhere" } }));
            let filters = config.http_filters().unwrap();
            filters.insert(filters.len() - 1, only_to("backend"));
        })
});

/// Envoy's RBAC filter, with the rule `xds.cluster_name == cluster`.
fn only_to(cluster: &str) -> Value {
    let chosen = json!({ "operand": { "ident_expr": { "name": "xds" } }, "field": "cluster_name" });
    let arguments =
        json!([{ "select_expr": chosen }, { "const_expr": { "string_value": cluster } }]);
    let any = json!([{ "any": true }]);
    let own = json!({
        "permissions": any,
        "principals": any,
        "condition": { "call_expr": { "function": "_==_", "args": arguments } },
    });
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": { "action": "ALLOW", "policies": { "own": own } },
        },
    })
}

#[test]
fn where_envoy_routes_by_what_the_filter_writes_its_rbac_filter_holds_the_cluster() {
    BY_IDENTITY.visit(async |shop| {
        let before = sent_elsewhere(shop).await;
        shop.get("/orders").sent_as("alice").answers(200).await;
        let refused = shop.unreached(shop.get("/me").sent_as("alice").send()).await.is(403);
        assert_eq!(refused.text, "RBAC: access denied", "Envoy says so, not the filter");
        assert_eq!(sent_elsewhere(shop).await, before);
    });
}
