//! For the tests of the policy: a small policy that loads, and what a person sees when it is
//! changed for the worse.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Policy, PolicyErrors};

/// A change to [`shop`], by what is wrong with it.
pub(super) type Case = (&'static str, fn(&mut Value));

/// One provider, one service.
pub(super) fn shop() -> Value {
    json!({
        "providers": { "keycloak": {
            "issuer": "https://idp.example/realms/shop",
            "audiences": ["orders-api"],
            "jwks": { "uri": "https://idp.example/realms/shop/certs", "cluster": "idp" },
            "algorithms": ["RS256"],
        } },
        "services": { "shop": {
            "hosts": ["*"],
            "routes": [
                { "match": "POST /orders", "roles": ["customer"] },
                { "match": "GET /orders/{order_id}", "roles": ["customer", "admin"] },
                { "match": "GET /products", "public": true },
                { "match": "GET /me", "authenticated": true },
            ],
        } },
    })
}

/// The provider of [`shop`].
pub(super) fn provider(policy: &mut Value) -> &mut Value {
    &mut policy["providers"]["keycloak"]
}

/// The service of [`shop`].
pub(super) fn service(policy: &mut Value) -> &mut Value {
    &mut policy["services"]["shop"]
}

/// The rows of [`shop`].
pub(super) fn rows(policy: &mut Value) -> &mut Vec<Value> {
    policy["services"]["shop"]["routes"].as_array_mut().unwrap()
}

/// The policy of a document.
pub(super) fn load(document: &Value) -> Result<Policy, PolicyErrors> {
    Policy::from_json(document.to_string().as_bytes())
}

/// The policy that [`shop`] becomes by a change for the better.
pub(super) fn loaded(change: impl FnOnce(&mut Value)) -> Policy {
    let mut document = shop();
    change(&mut document);
    load(&document).unwrap()
}

/// Compares what a person sees with the committed snapshot, which is named after the rule. To
/// accept a new text, run the tests with `INSTA_UPDATE=always`, and read the difference.
macro_rules! assert_seen {
    ($seen:expr) => {{
        let seen = $seen;
        insta::assert_snapshot!(seen);
    }};
}
pub(super) use assert_seen;

/// What a person sees of each case.
pub(super) fn report(cases: &[Case]) -> String {
    assert!(load(&shop()).is_ok());
    cases.iter().fold(String::new(), |mut report, (name, change)| {
        let mut document = shop();
        change(&mut document);
        let errors = load(&document).expect_err(name);
        in_house_style(&errors);
        writeln!(report, "# {name}\n{errors}\n").unwrap();
        report
    })
}

/// Lower case, no full stop, a place and a mend.
pub(super) fn in_house_style(errors: &PolicyErrors) {
    for error in errors {
        assert!(!error.place.is_empty() && !error.help.is_empty(), "{error}");
        for text in [&error.message, &error.help] {
            assert!(!text.starts_with(char::is_uppercase) && !text.ends_with('.'), "{text}");
        }
    }
}
