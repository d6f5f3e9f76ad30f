//! A service receives no unverified credential: not beside a verified one, not on a public row, not
//! in shadow mode, and in no spelling of the header's name that a service could read as that name.
use e2e::{Ask, Shared, Shop, in_front_of_an_echo};
use serde_json::json;

use crate::support::manager::passes_trailers;
use crate::support::{fields, headers_of, subject};

/// The shop reads tokens from a cookie, another service from a header, and neither from
/// `Authorization`.
static SHOP: Shared = Shared::made("credentials", |stack| {
    in_front_of_an_echo(stack.provider("partner")).envoy(passes_trailers).policy(|policy| {
        policy["providers"]["keycloak"]["token_source"] =
            json!({ "cookie": { "name": "__Host-token", "origins": ["https://shop.example"] } });
        policy["providers"]["partner"]["token_source"] = json!({ "header": { "name": "x-proxy-token" } });
        policy["services"]["shop"]["providers"] = json!(["keycloak"]);
        policy["services"]["partners"] = json!({ "hosts": ["partners.example"], "providers": ["partner"], "routes": [
            { "match": "GET /me", "authenticated": true },
        ] });
        policy["identity"]["assertion"].as_object_mut().unwrap().remove("audience");
    })
});

/// Credentials that are not verified at the shop, with the names under which a service could read
/// each.
const UNVERIFIED: &[(&str, &str)] = &[
    ("authorization", "Bearer e30.e30.forged"),
    ("authorization", "Basic Zm9yZ2Vk"),
    ("authorization", "forged"),
    ("proxy-authorization", "Bearer e30.e30.forged"),
    ("proxy_authorization", "forged"),
    ("proxy.authorization", "forged"),
    ("x-proxy-token", "e30.e30.forged"),
    ("x_proxy_token", "forged"),
    ("x.proxy.token", "forged"),
    ("x-proxy.token", "forged"),
    ("cookie", "__host-token=forged"),
    ("cookie", "__Host.token=forged; __Host_token=forged; ..Host-token=forged"),
    ("cookie", "a=b,__Host-token=forged"),
    ("cookie", "__%48ost-token=forged"),
];

async fn by_cookie<'s>(shop: &'s Shop, path: &str) -> (Ask<'s>, String) {
    let token = shop.token("alice").await;
    (shop.get(path).header("cookie", format!("theme=dark; __Host-token={token}")), token)
}

#[test]
fn a_forged_bearer_beside_a_good_cookie_reaches_no_service_and_neither_does_the_cookie() {
    SHOP.visit(async |shop| {
        for (name, value) in UNVERIFIED {
            let (request, token) = by_cookie(shop, "/me").await;
            let answer =
                request.named(format!("{name}: {value}")).header(name, value).answers(200).await;
            let received = headers_of(&answer);
            assert_eq!(received["x-auth-subject"], [subject("alice")]);
            assert_eq!(received["cookie"], ["theme=dark"], "{answer}");
            for absent in ["authorization", "proxy-authorization", "x-proxy-token"] {
                assert_eq!(received.get(absent), None, "{answer}");
            }
            assert!(!answer.text.contains("orged") && !answer.text.contains(&token), "{answer}");
        }
    });
}

#[test]
fn an_unverified_credential_reaches_no_service_on_a_public_row_neither() {
    SHOP.visit(async |shop| {
        for (name, value) in UNVERIFIED {
            let request = shop.get("/products").named(format!("{name}: {value}"));
            let answer =
                request.header(name, value).header("cookie", "theme=dark").answers(200).await;
            assert_eq!(headers_of(&answer)["cookie"], ["theme=dark"], "{answer}");
            assert!(!answer.text.contains("orged"), "{answer}");
        }
        // in its own place it is a token, and a bad one
        let forged = shop.get("/products").header("cookie", "__Host-token=e30.e30.forged");
        shop.unreached(forged.send()).await.is(401);
    });
}

#[test]
fn an_unverified_credential_reaches_no_service_in_trailers() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        for (name, value) in UNVERIFIED {
            let answer = shop.raw(format!(
                "POST /orders HTTP/1.1\r\nHost: shop\r\nCookie: __Host-token={token}\r\nOrigin: https://shop.example\r\n\
                 Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{name}: {value}\r\nx-plain: kept\r\n\r\n"
            ));
            let answer = answer.await.is(200);
            let trailers = fields(&answer.body["trailers"]);
            assert_eq!(trailers.into_keys().collect::<Vec<_>>(), ["x-plain"], "{name}: {answer}");
        }
    });
}

/// Where the verified token is forwarded too, shadow mode must not forward one that is not good.
#[test]
fn in_shadow_mode_a_service_gets_a_forwarded_token_only_if_it_was_verified() {
    SHOP.visit(async |shop| {
        let change = |policy: &mut serde_json::Value| {
            policy["identity"]["forward_token"] = json!(true);
            policy["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
        };
        shop.stack.change_policy(change).await.unwrap();
        let (good, token) = by_cookie(shop, "/me").await;
        let received =
            headers_of(&good.header("authorization", "Bearer forged").answers(200).await);
        assert_eq!(received["cookie"], [format!("theme=dark; __Host-token={token}")]);
        assert_eq!(received.get("authorization"), None);

        let ended = shop.stack.idp().token("alice").expires_in(-60).sign().await.unwrap();
        for (path, token) in [("/me", &*ended), ("/me", "e30.e30.forged"), ("/nothing", &ended)] {
            let bad = shop.get(path).header("cookie", format!("theme=dark; __Host-token={token}"));
            let answer = bad.answers(200).await;
            let received = headers_of(&answer);
            assert!(received.contains_key("x-portcullis-shadow"), "{answer}");
            assert_eq!(received["cookie"], ["theme=dark"], "{answer}");
        }
        let restore = |policy: &mut serde_json::Value| {
            policy["identity"]["forward_token"] = json!(false);
            policy["mode"] = json!("enforce");
        };
        shop.stack.change_policy(restore).await.unwrap();
    });
}

#[test]
fn a_credential_that_the_policy_passes_unverified_reaches_the_service_and_no_other_does() {
    SHOP.visit(async |shop| {
        let passes = json!({ "pass_unverified": ["authorization", "x-proxy-token"] });
        shop.stack.change_policy(|policy| policy["headers"] = passes).await.unwrap();
        for path in ["/me", "/products"] {
            let (request, token) = by_cookie(shop, path).await;
            let request =
                request.header("authorization", "Basic Zm9yZ2Vk").header("x-proxy-token", "mine");
            let request =
                request.header("x_proxy_token", "forged").header("proxy-authorization", "forged");
            let answer = request.answers(200).await;
            let received = headers_of(&answer);
            assert_eq!(received["authorization"], ["Basic Zm9yZ2Vk"]);
            assert_eq!(received["x-proxy-token"], ["mine"]);
            assert_eq!(received.get("proxy-authorization"), None);
            assert!(!answer.text.contains(&token), "the verified one keeps its own rule: {answer}");
        }
        shop.stack.change_policy(|policy| policy["headers"] = json!({})).await.unwrap();
    });
}
