//! From `jwt_authn` and `rbac`: what stands in the document as theirs and what becomes of it, asked
//! for the same, by real Envoys; and the table, which has a row for every field of theirs.
use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use dev_idp::Signature;
use e2e::{Shop, in_front_of_an_echo, insufficient_scope, invalid_token, run};
use harness::envoy::Config;
use harness::stack::{Builder, Stack};
use serde_json::{Value, json};

use super::blocks::{blocks_of, document};
use crate::support::{headers_of, subject};

const GUIDE: &str = "envoy/README.md";

/// Where the keys of a stack's provider are: what the documents say of an example's is put in the
/// place of.
struct Provider {
    issuer: Value,
    jwks: Value,
}

impl Provider {
    fn of(policy: &Value) -> Self {
        let provider = &policy["providers"]["keycloak"];
        Self { issuer: provider["issuer"].clone(), jwks: provider["jwks"].clone() }
    }

    /// The provider that the filter is about to be given.
    fn configured(config: &mut Config) -> Self {
        let filters = config.http_filters().expect("filters");
        let filter =
            filters.iter().find(|filter| filter["name"] == "portcullis").expect("the filter");
        let file = &filter["config_discovery"]["config_source"]["path_config_source"]["path"];
        let text =
            fs::read_to_string(file.as_str().expect("a path")).expect("the filter's configuration");
        let discovery: Value = serde_json::from_str(&text).expect("JSON");
        Self::of(&discovery["resources"][0]["typed_config"]["config"]["configuration"]["value"])
    }
}

/// The old filters, for this provider.
fn theirs(provider: &Provider) -> Vec<Value> {
    let [block] = &blocks_of("yaml instead")[..] else { panic!("one block with the old filters") };
    let mut filters: Vec<Value> = serde_saphyr::from_str(&block.text).expect("YAML");
    let old = &mut filters[0]["typed_config"]["providers"]["keycloak"];
    old["issuer"] = provider.issuer.clone();
    for name in ["uri", "cluster"] {
        old["remote_jwks"]["http_uri"][name] = provider.jwks[name].clone();
    }
    filters
}

/// What becomes of them, for this provider.
fn ours(provider: &Provider) -> Value {
    let blocks: Vec<_> =
        blocks_of("yaml policy").into_iter().filter(|it| it.document == GUIDE).collect();
    let [block] = &blocks[..] else { panic!("one block with the policy") };
    let mut policy: Value = serde_saphyr::from_str(&block.text).expect("YAML");
    let new = &mut policy["providers"]["keycloak"];
    new["issuer"] = provider.issuer.clone();
    for name in ["uri", "cluster"] {
        new["jwks"][name] = provider.jwks[name].clone();
    }
    policy
}

fn after(name: &str) -> Builder {
    in_front_of_an_echo(Stack::named(name)).policy(|policy| *policy = ours(&Provider::of(policy)))
}

fn before(name: &str) -> Builder {
    in_front_of_an_echo(Stack::named(name)).envoy(|config| {
        let old = theirs(&Provider::configured(config));
        let filters = config.http_filters().expect("filters");
        filters.retain(|filter| filter["name"] != "portcullis");
        filters.splice(0..0, old);
    })
}

/// Tokens by what is wrong with them; `nobody`: none.
async fn token(shop: &Shop, kind: &str) -> Option<String> {
    let idp = shop.stack.idp();
    let alice = idp.token("alice");
    let token = match kind {
        "nobody" => return None,
        "the role" => alice,
        "no role" => idp.token("nora"),
        "another role" => idp.token("sam"),
        "forged" => alice.signature(Signature::Stranger),
        "ended" => alice.expires_in(-120),
        "ended within the leeway" => alice.expires_in(-15),
        "not yet" => alice.valid_in(120),
        "another audience" => alice.claim("aud", "billing-api"),
        "another issuer" => alice.claim("iss", "https://idp.example/realms/shop"),
        "without an end" => alice.without("exp"),
        "for a day" => alice.expires_in(86_400),
        "an ID token" => alice.claim("typ", "ID"),
        _ => panic!("{kind}"),
    };
    Some(token.sign().await.expect("a token"))
}

/// Whether it passes: 200 by the echo, or 401 or 403 by whoever stands before it.
async fn passes(shop: &Shop, method: &str, path: &str, kind: &str) -> bool {
    let ask = shop.ask(method.parse().expect("a method"), path).named(kind);
    let answer = match token(shop, kind).await {
        Some(token) => ask.token(&token).send().await,
        None => ask.send().await,
    };
    assert!([200, 401, 403].contains(&answer.status), "{answer}");
    answer.status == 200
}

#[test]
fn the_policy_decides_as_the_filters_did() {
    const ENDPOINTS: [(&str, &str); 6] = [
        ("GET", "/products"),
        ("DELETE", "/products"),
        ("POST", "/orders"),
        ("GET", "/orders"),
        ("POST", "/orders/7"),
        ("GET", "/"),
    ];
    const SAME: [&str; 11] = [
        "nobody",
        "the role",
        "no role",
        "another role",
        "forged",
        "ended",
        "ended within the leeway",
        "not yet",
        "another audience",
        "another issuer",
        "without an end",
    ];
    run(async {
        let (old, new) = (
            Shop::of(before("migration-before")).await.expect("the old gateway"),
            Shop::of(after("migration-after")).await.expect("the new gateway"),
        );
        let mut passed = Vec::new();
        for (method, path) in ENDPOINTS {
            for kind in SAME {
                let (theirs, ours) = tokio::join!(
                    passes(&old, method, path, kind),
                    passes(&new, method, path, kind)
                );
                assert_eq!(theirs, ours, "{method} {path} with {kind}: theirs, ours");
                if ours {
                    passed.push((path, kind));
                }
            }
        }
        let of =
            |path| passed.iter().filter(move |it| it.0 == path).map(|it| it.1).collect::<Vec<_>>();
        assert_eq!(of("/orders"), ["the role", "ended within the leeway"]);
        assert_eq!(
            of("/products"),
            ["nobody", "the role", "no role", "another role", "ended within the leeway"]
        );
        assert_eq!(passed.len(), 7);

        // where the table says that they differ: another kind of token, and other places to take
        // one from
        let differs = async |kind| {
            [
                passes(&old, "POST", "/orders", kind).await,
                passes(&new, "POST", "/orders", kind).await,
            ]
        };
        assert_eq!(differs("an ID token").await, [true, false]);
        assert_eq!(differs("for a day").await, [false, true]);
        for (shop, answered) in [(&old, 200), (&new, 401)] {
            let token = token(shop, "the role").await.expect("a token");
            shop.post(&format!("/orders?access_token={token}")).answers(answered).await;
            shop.post("/orders").header("cookie", format!("token={token}")).answers(answered).await;
        }
    });
}

#[test]
fn behind_the_old_filters_a_trial_marks_what_it_would_refuse() {
    run(async {
        let both = after("migration-both").policy(|policy| {
            policy["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
        });
        let both = both.envoy(|config| {
            let mut old = theirs(&Provider::configured(config));
            old[0]["typed_config"]["providers"]["keycloak"]["forward"] = json!(true);
            config.http_filters().expect("filters").splice(0..0, old);
        });
        let shop = Shop::of(both).await.expect("a gateway");
        let mark = async |kind| {
            let token = token(&shop, kind).await.expect("a token");
            let echo = headers_of(&shop.post("/orders").token(&token).answers(200).await);
            (echo.get("x-portcullis-shadow").cloned(), echo.get("x-auth-subject").cloned())
        };
        let alice = Some(vec![subject("alice").to_owned()]);
        assert_eq!(mark("the role").await, (None, alice));
        assert_eq!(mark("an ID token").await, (Some(vec!["claim-mismatch".to_owned()]), None));
        // what the old ones refuse does not come so far
        shop.post("/orders").sent_as("nora").answers(403).await;
        shop.post("/orders").answers(401).await;
    });
}

#[test]
fn a_subject_and_a_token_that_is_forwarded_are_said_in_our_words() {
    run(async {
        let mut shop = Shop::of(after("migration-words")).await.expect("a gateway");
        let token = shop.token("alice").await;
        let sent =
            async |shop: &Shop| headers_of(&shop.post("/orders").token(&token).answers(200).await);
        // `forward: false`, as in the example
        assert_eq!(sent(&shop).await.get("authorization"), None);
        let of_alice = json!({ "path": ["sub"], "equals": subject("alice") });
        let changed = |policy: &mut Value| {
            policy["identity"]["forward_token"] = json!(true);
            policy["providers"]["keycloak"]["required_claims"]
                .as_array_mut()
                .expect("claims")
                .push(of_alice);
        };
        shop.stack.change_policy(changed).await.expect("it loads");
        let echo = sent(&shop).await;
        assert_eq!(echo["authorization"], [format!("Bearer {token}")], "`forward: true`");
        assert_eq!(echo["x-auth-subject"], [subject("alice")]);
        shop.post("/orders").sent_as("bob").is_stopped(invalid_token("claim-mismatch")).await;
    });
}

#[test]
fn principals_that_are_no_claims_stay_with_rbac_before_or_behind() {
    fn rbac(name: &str, action: &str, principal: &Value) -> Value {
        json!({
            "name": name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                "rules": { "action": action, "policies": { "one": {
                    "permissions": [{ "any": true }], "principals": [principal],
                } } },
            },
        })
    }
    run(async {
        let at_home =
            json!({ "direct_remote_ip": { "address_prefix": "127.0.0.1", "prefix_len": 32 } });
        let bob = json!({ "header": { "name": "x-auth-subject", "string_match": { "exact": subject("bob") } } });
        let builder = after("migration-rbac").envoy(move |config| {
            let filters = config.http_filters().expect("filters");
            filters.insert(0, rbac("before", "ALLOW", &at_home));
            filters.insert(2, rbac("behind", "DENY", &bob));
        });
        let shop = Shop::of(builder).await.expect("a gateway");
        shop.post("/orders").sent_as("alice").answers(200).await;
        shop.post("/orders").sent_as("nora").is_stopped(insufficient_scope("role-missing")).await;
        let refused = shop.post("/orders").sent_as("bob").answers(403).await;
        assert!(refused.text.contains("RBAC"), "behind it the filter's word counts: {refused}");
        // and no client's: the identity that they say is taken off before
        shop.post("/orders")
            .sent_as("alice")
            .header("x-auth-subject", subject("bob"))
            .answers(200)
            .await;
        let elsewhere =
            reqwest::Client::builder().local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
        let request = elsewhere.build().expect("a client").post(shop.stack.url("/orders"));
        let answer =
            request.bearer_auth(shop.token("alice").await).send().await.expect("an answer");
        assert_eq!(answer.status(), 403);
        assert!(answer.text().await.expect("a text").contains("RBAC"));
    });
}

/// The fields of `JwtAuthentication` and `RBAC` of Envoy 1.40 that say something by themselves.
const THEIRS: [&str; 61] = [
    "issuer",
    "audiences",
    "subjects",
    "require_expiration",
    "max_lifetime",
    "remote_jwks",
    "local_jwks",
    "forward",
    "from_headers",
    "from_params",
    "from_cookies",
    "forward_payload_header",
    "pad_forward_payload_header",
    "payload_in_metadata",
    "normalize_payload_in_metadata",
    "space_delimited_claims",
    "header_in_metadata",
    "failed_status_in_metadata",
    "clock_skew_seconds",
    "jwt_cache_config",
    "jwt_cache_size",
    "jwt_max_token_size",
    "claim_to_headers",
    "clear_route_cache",
    "http_uri",
    "cache_duration",
    "async_fetch",
    "fast_listener",
    "failed_refetch_duration",
    "retry_policy",
    "value_prefix",
    "provider_name",
    "provider_and_audiences",
    "requires_any",
    "requires_all",
    "allow_missing",
    "allow_missing_or_failed",
    "extract_only_without_validation",
    "verification_status_header",
    "match",
    "requires",
    "requirement_name",
    "filter_state_rules",
    "bypass_cors_preflight",
    "requirement_map",
    "strip_failure_response",
    "stat_prefix",
    "disabled",
    "rules",
    "rules_stat_prefix",
    "matcher",
    "shadow_rules",
    "shadow_matcher",
    "shadow_rules_stat_prefix",
    "track_per_rule_stats",
    "action",
    "permissions",
    "principals",
    "condition",
    "checked_condition",
    "audit_logging_options",
];

#[test]
fn the_table_has_a_row_for_every_field_of_theirs() {
    let text = document(GUIDE);
    let (_, table) = text.split_once("\n| theirs | ours | mind |\n").expect("the table");
    let table = table.split("\n\n").next().unwrap_or(table);
    let first = table.lines().filter_map(|row| row.split('|').nth(1));
    let words = |cell: &str| {
        let code =
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>().join(" ");
        code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let told: BTreeSet<_> = first.flat_map(words).collect();
    let untold: Vec<_> = THEIRS.iter().filter(|field| !told.contains(**field)).collect();
    assert_eq!(untold, [&""; 0]);
}
