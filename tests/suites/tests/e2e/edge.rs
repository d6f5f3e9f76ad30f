//! What reaches a service behind the gateway: nothing that a client forged, and everything that the gateway wrote.
use std::collections::BTreeMap;

use e2e::{Shared, in_front_of_an_echo, insufficient_scope};
use portcullis_principal::{AssertionVerifier, Endpoint};
use serde_json::json;

use crate::support::{fields, headers_of, now, payload, subject};

static SHOP: Shared = Shared::made("edge", |stack| {
    in_front_of_an_echo(stack).envoy(|config| {
        // Envoy drops HTTP/1.1 trailers by default: what is stripped here must not be Envoy's work
        let trailers = json!({ "enable_trailers": true });
        let document = config.document();
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        document.pointer_mut(manager).unwrap()["http_protocol_options"] = trailers.clone();
        let clusters = document["static_resources"]["clusters"].as_array_mut().unwrap();
        let backend = clusters.iter_mut().find(|cluster| cluster["name"] == "backend").unwrap();
        backend["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http_protocol_options": trailers },
            }
        });
    })
});

/// What a client may try: our names and those that let a request be two things, in the spellings that services confuse.
const FORGED: &[&str] = &[
    "x-auth-subject",
    "X-AUTH-SUBJECT",
    "x_auth_subject",
    "x-auth_subject",
    "x-auth-roles",
    "x_auth_roles",
    "x-auth-issuer",
    "X_Auth_Issuer",
    "x-auth-principal",
    "x_auth_principal",
    "x-portcullis-shadow",
    "x_portcullis_shadow",
    "x-envoy-original-path",
    "x-original-url",
    "x_original_url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

#[test]
fn what_a_client_forges_reaches_no_service_on_public_rows_neither() {
    SHOP.visit(async |shop| {
        let forged = |path| FORGED.iter().fold(shop.get(path), |it, name| it.header(name, "root"));
        let anonymous = headers_of(&forged("/products").answers(200).await);
        let known = headers_of(&forged("/me").sent_as("alice").answers(200).await);
        for name in FORGED {
            let name = name.to_lowercase().replace('_', "-");
            assert_eq!(anonymous.get(&name), None, "{name}");
            let values = known.get(&name).map_or(&[][..], Vec::as_slice);
            assert!(values.len() <= 1 && !values.contains(&"root".to_owned()), "{name}: {values:?}");
        }
        assert_eq!(known["x-auth-subject"], [subject("alice")]);
        assert_eq!(known["x-auth-roles"], ["customer"]);
        assert_eq!(known["x-auth-issuer"], [shop.issuer()]);
        assert_eq!(known["x-auth-principal"].len(), 1);
    });
}

#[test]
fn what_a_client_forges_reaches_no_service_in_trailers_neither() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        let forged = FORGED.join(": root\r\n") + ": root\r\n";
        let answer = shop.raw(format!(
            "POST /orders HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{forged}x-plain: kept\r\n\r\n"
        ));
        let answer = answer.await.is(200);
        assert_eq!(
            fields(&answer.body["trailers"]),
            BTreeMap::from([("x-plain".into(), vec!["kept".into()])])
        );
    });
}

/// RFC 9110 7.6.1 makes a proxy drop what `Connection` names: it must not drop what the gateway wrote.
#[test]
fn a_client_cannot_have_the_identity_removed_by_naming_it_in_connection() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        let answer = shop.raw(format!(
            "GET /me HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\n\
             Connection: close, x-auth-subject, x-auth-roles, x-auth-principal\r\n\r\n"
        ));
        let received = headers_of(&answer.await.is(200));
        assert_eq!(received["x-auth-subject"], [subject("alice")]);
        assert_eq!(received["x-auth-roles"], ["customer"]);
        assert_eq!(received["x-auth-principal"].len(), 1);
        let named = received.get("connection").is_some_and(|it| it.iter().any(|it| it.contains("x-auth")));
        assert!(!named, "the service must not be told to drop them either: {received:?}");
    });
}

#[test]
fn the_token_stays_at_the_gateway() {
    SHOP.visit(async |shop| {
        let token = shop.token("alice").await;
        for path in ["/me", "/products"] {
            let answer = shop.get(path).token(&token).answers(200).await;
            assert!(!answer.text.contains(&token), "{answer}");
            assert_eq!(headers_of(&answer).get("authorization"), None);
        }
    });
}

#[test]
fn a_role_with_a_comma_or_a_line_break_is_one_role_everywhere() {
    SHOP.visit(async |shop| {
        let role = "customer,admin";
        let token =
            shop.stack.idp().token("nora").roles([role, "a b", "käufer", "x\r\ny"]).sign().await.unwrap();
        shop.get("/orders").token(&token).is_stopped(insufficient_scope("role-missing")).await;
        let received = headers_of(&shop.get("/me").token(&token).answers(200).await);
        let roles: Vec<_> = received["x-auth-roles"].iter().flat_map(|value| value.split(',')).collect();
        // a role with a control character is dropped, the others stay one role each
        assert_eq!(roles.len(), 3, "{roles:?}");
        assert!(!roles.contains(&"admin") && !roles.contains(&"customer"), "{roles:?}");
    });
}

#[test]
fn the_assertion_says_who_for_which_request_and_ends_with_the_token() {
    SHOP.visit(async |shop| {
        let jwks = shop.gateway_key.public_jwks().to_string();
        let verifier = AssertionVerifier::from_jwks(&jwks, "portcullis", "shop").unwrap();
        for (path, row) in [("/me", "/me"), ("/orders/7", "/orders/{order_id}")] {
            let received = headers_of(&shop.get(path).sent_as("alice").answers(200).await);
            let endpoint = Endpoint { method: "GET", route: row };
            let principal = verifier.verify(&received["x-auth-principal"][0], endpoint, now()).unwrap();
            assert_eq!(principal.subject(), subject("alice"));
            assert_eq!(principal.issuer(), shop.issuer());
            assert_eq!(principal.roles(), ["customer"]);
        }

        let short = shop.stack.idp().token("alice").expires_in(20).sign().await.unwrap();
        let ends = now() + 20;
        let received = headers_of(&shop.get("/me").token(&short).answers(200).await);
        let claims = payload(&received["x-auth-principal"][0]);
        assert!(claims["exp"].as_u64().unwrap() <= ends, "{claims}");
        let received = headers_of(&shop.get("/me").sent_as("alice").answers(200).await);
        let claims = payload(&received["x-auth-principal"][0]);
        assert!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap() <= 60, "{claims}");
    });
}
