//! What a person sees of a policy that does not load: every kind of mistake, with its line and its
//! mend.

use insta::assert_snapshot;

use crate::support::{Folder, SHOP, with};

/// A mistake, and a part of the shop's text that becomes it.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("no YAML", "providers:", "providers: ["),
    ("a tab", "    issuer", "\tissuer"),
    (
        "a name written twice",
        "    audiences: [orders-api]\n",
        "    audiences: [orders-api]\n    issuer: https://idp.example\n",
    ),
    ("two documents", "services:\n", "---\nservices:\n"),
    ("an unknown field", "algorithms:", "algorithm:"),
    ("a value of another kind", "hosts: [\"shop.example\"]", "hosts: shop.example"),
    ("a word that is no boolean", "public: true", "public: yes"),
    ("a number that is none", "algorithms: [RS256]", "algorithms: [RS256]\n    leeway: soon"),
    ("an unknown preset", "issuer:", "preset: keycloack\n    issuer:"),
    ("no issuer", "    issuer: https://idp.example/realms/shop\n", ""),
    ("no audience", "audiences: [orders-api]", "audiences: []"),
    ("no keys", "    jwks: { uri: https://idp.example/realms/shop/certs, cluster: idp }\n", ""),
    ("keys without a cluster", ", cluster: idp }", " }"),
    ("keys at no address", "https://idp.example/realms/shop/certs", "/certs"),
    ("keys in two places", "cluster: idp }", "cluster: idp, discovery: { cluster: idp } }"),
    (
        "a private key inline",
        "{ uri: https://idp.example/realms/shop/certs, cluster: idp }",
        "{ inline: { keys: [{ kty: oct, k: c2VjcmV0 }] } }",
    ),
    ("a time out of range", "cluster: idp }", "cluster: idp, refresh: 0 }"),
    ("a symmetric algorithm", "[RS256]", "[HS256]"),
    ("no signature", "[RS256]", "[none]"),
    ("scopes beside roles", "roles] }", "roles] }\n      - { path: [scope], split: whitespace }"),
    (
        "a required claim without a value",
        "token_types:",
        "required_claims: [{ path: [typ] }]\n    token_types:",
    ),
    (
        "a cookie of any host",
        "token_types:",
        "token_source: { cookie: { name: token } }\n    token_types:",
    ),
    ("a cookie by its name alone", "token_types:", "token_source: cookie\n    token_types:"),
    (
        "a header with a meaning of its own",
        "token_types:",
        "token_source: { header: { name: host } }\n    token_types:",
    ),
    ("no host", "hosts: [\"shop.example\"]", "hosts: []"),
    ("a host with a port", "\"shop.example\"", "\"shop.example:443\""),
    ("an unknown provider", "hosts:", "providers: [okta]\n    hosts:"),
    ("no requirement", "roles: [customer] }", "}"),
    ("two requirements", "public: true", "public: true, authenticated: true"),
    ("an empty list of roles", "[customer, admin]", "[]"),
    ("no slash", "\"GET /orders/{order_id}\"", "\"GET orders/{order_id}\""),
    ("no method", "\"GET /me\"", "\"/me\""),
    ("a method in lower case", "\"GET /me\"", "\"get /me\""),
    ("a tunnel", "\"GET /me\"", "\"CONNECT /me\""),
    ("a dot segment", "/refunds", "/a/../refunds"),
    ("a query", "/refunds", "/refunds?all"),
    ("an escape in lower case", "/refunds", "/r%c3%a9funds"),
    ("a parameter that is no segment", "{order_id}", "order-{order_id}"),
    ("two rows for one request", "\"GET /products\"", "\"GET /orders/{id}\""),
    (
        "a role outside the vocabulary",
        "    routes:",
        "    vocabulary: [customer, admin, finance]\n    routes:",
    ),
    ("a trial without an end", "    routes:", "    mode: shadow\n    routes:"),
    (
        "a trial that ends on no day",
        "    routes:",
        "    mode: { shadow: { until: 2027-02-29 } }\n    routes:",
    ),
    (
        "an identity header that is another's",
        "providers:",
        "identity: { headers: { subject: authorization } }\nproviders:",
    ),
    (
        "an assertion that lives too long",
        "providers:",
        "identity: { assertion: { ttl: 5m } }\nproviders:",
    ),
    ("a base that is no address", "providers:", "problem_base: errors\nproviders:"),
    ("a bound out of range", "providers:", "limits: { token_bytes: 1 }\nproviders:"),
    (
        "an allowance without a reason",
        "providers:",
        "lint: { allow: [{ rule: http-keys }] }\nproviders:",
    ),
];

#[test]
fn every_mistake_is_shown_with_its_line_and_the_mend() {
    let told = MISTAKES.iter().map(|(name, part, by)| {
        let folder = Folder::of(&[("policy.yaml", &with(SHOP, part, by))]);
        let said = folder.run(&["check", "policy.yaml"]);
        assert_eq!(said.code, 3, "{name}: {said}");
        assert!(said.stdout.contains("policy.yaml:"), "{name} has no line: {said}");
        assert!(said.stdout.contains("╭─["), "{name} has no mark: {said}");
        format!("# {name}\n{}", said.stdout)
    });
    assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn all_mistakes_are_shown_at_once_each_with_its_line() {
    let policy = with(&with(SHOP, "[RS256]", "[HS256]"), "\"GET /me\"", "\"GET me\"");
    let folder = Folder::of(&[("policy.yaml", &policy)]);
    let said = folder.run(&["render", "policy.yaml", "--for", "envoy", "--format", "github"]);
    assert_eq!((said.code, said.stdout.as_str()), (3, ""));
    let lines: Vec<_> = said.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].starts_with("::error file=policy.yaml,line=6,col=18,"), "{said}");
    assert!(lines[1].starts_with("::error file=policy.yaml,line=18,col=18,"), "{said}");
}
