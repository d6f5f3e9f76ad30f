//! The six mistakes that the three levels exist to prevent, a test each.
use e2e::{NO_TOKEN, Shared, Shop, insufficient_scope, invalid_token, lines, product};
use harness::artifacts::root;
use serde_json::{Value, json};

use crate::dependency_rules::{code, sources};
use crate::routes::endpoints;
use crate::support::{policy, subject};

static SHOP: Shared = Shared::named("mistakes");

/// Who somebody is does not depend on what they may.
#[test]
fn mistake_1_roles_decided_in_level_1() {
    SHOP.visit(async |shop| {
        let idp = shop.stack.idp();
        let nora = || idp.token("nora");
        for token in [
            nora().sign().await.unwrap(),
            nora().without("realm_access").sign().await.unwrap(),
            nora().claim("realm_access", json!({})).sign().await.unwrap(),
            nora().claim("realm_access", json!({ "roles": null })).sign().await.unwrap(),
            nora().roles(["unheard-of"]).sign().await.unwrap(),
        ] {
            let me = shop.get("/me").token(&token).answers(200).await;
            assert_eq!(me.body["subject"], subject("nora"));
            shop.get("/orders").token(&token).is_stopped(insufficient_scope("role-missing")).await;
        }
    });
}

/// The gateway passes every customer to every order: whose it is is decided behind it, at one door.
#[test]
fn mistake_2_ownership_decided_outside_the_use_case_handler() {
    SHOP.visit(async |shop| {
        let order = format!("/orders/{}", shop.order_of("alice").await);
        shop.get(&order).sent_as("bob").is_denied(403, "no-right").await;
    });
    let backend = root().join("backend/src");
    let deciders =
        sources(&backend).into_iter().filter(|file| code(file).contains("ownership::decide"));
    let deciders: Vec<_> =
        deciders.map(|file| file.strip_prefix(&backend).unwrap().to_owned()).collect();
    assert_eq!(deciders, [std::path::PathBuf::from("application/session.rs")]);
    for file in ["filter/engine/src", "filter/plugin/src"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
    {
        // the roles that a service lets past its ownership checks are named for the lint alone
        let code = code(&file).to_lowercase().replace("ownership_bypass_roles", "");
        for word in ["owner", "customer_id", "seller_id", "ownership"] {
            assert!(!code.contains(word), "{} mentions {word}", file.display());
        }
    }
}

/// What looks like a switch is no part of the policy, and there is no Cargo feature that would
/// leave the check out.
#[test]
fn mistake_3_a_signature_that_is_not_verified() {
    type Change = fn(&mut Value);
    let attempts: [(&str, Change); 14] = [
        ("verify", |it| it["verify"] = json!(false)),
        ("verify_signature", |it| it["verify_signature"] = json!(false)),
        ("insecure", |it| it["insecure"] = json!(true)),
        ("skip_signature", |it| it["skip_signature"] = json!(true)),
        ("allow_unsigned", |it| it["allow_unsigned"] = json!(true)),
        ("jwks: verify", |it| it["jwks"]["verify"] = json!(false)),
        ("no keys", |it| it["jwks"] = json!({})),
        ("no jwks", |it| drop(it.as_object_mut().unwrap().remove("jwks"))),
        ("none", |it| it["algorithms"] = json!(["none"])),
        ("None", |it| it["algorithms"] = json!(["RS256", "None"])),
        ("HS256", |it| it["algorithms"] = json!(["HS256"])),
        ("no algorithm", |it| it["algorithms"] = json!([])),
        ("no audience", |it| it["audiences"] = json!([])),
        ("a symmetric key", |it| {
            it["jwks"] = json!({ "inline": { "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] } });
        }),
    ];
    assert!(policy::load(&policy::shipped()).is_ok());
    for (name, change) in attempts {
        let mut document = policy::shipped();
        change(document["providers"].as_object_mut().unwrap().values_mut().next().unwrap());
        let error = policy::load(&document).expect_err(name);
        assert!(error.contains("providers."), "{name}: {error}");
    }
    for mode in [json!("off"), json!("permissive"), json!("disabled"), json!({ "insecure": true })]
    {
        let mut document = policy::shipped();
        document["mode"] = mode.clone();
        assert!(policy::load(&document).is_err(), "{mode}");
    }
    for file in ["filter/engine/src", "filter/plugin/src", "filter/principal/src"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
    {
        let code = code(&file);
        for word in ["insecure_disable_signature_validation", "insecure_decode", "dangerous"] {
            assert!(!code.contains(word), "{} mentions {word}", file.display());
        }
    }
    SHOP.visit(async |shop| {
        let forged = shop
            .stack
            .idp()
            .token("alice")
            .signature(dev_idp::Signature::Stranger)
            .sign()
            .await
            .unwrap();
        for path in ["/me", "/products", "/orders"] {
            shop.get(path).token(&forged).is_stopped(invalid_token("signature-invalid")).await;
        }
    });
}

/// Found by the walk of `routes.rs`, which this breaks on purpose; refused at the edge all the
/// same.
#[test]
fn mistake_4_an_endpoint_without_declared_roles() {
    for (row, what) in [
        (json!({ "match": "GET /orders/{order_id}" }), "no requirement"),
        (json!({ "match": "GET /orders/{order_id}", "roles": [] }), "an empty list"),
        (
            json!({ "match": "GET /orders/{order_id}", "authenticated": false }),
            "a requirement denied",
        ),
    ] {
        let mut document = policy::shipped();
        let rows = document["services"]["shop"]["routes"].as_array_mut().unwrap();
        rows.retain(|row| row["match"] != "GET /orders/{order_id}");
        rows.push(row);
        assert!(policy::load(&document).is_err(), "{what}");
    }

    let mut document = policy::shipped();
    let rows = document["services"]["shop"]["routes"].as_array_mut().unwrap();
    rows.retain(|row| row["match"] != "GET /me");
    assert_eq!(crate::routes::undeclared(&document), ["GET /me"]);

    e2e::run(async {
        let without = harness::stack::Stack::named("mistakes-undeclared").policy(|document| {
            let rows = document["services"]["shop"]["routes"].as_array_mut().unwrap();
            rows.retain(|row| row["match"] != "GET /me");
        });
        let shop = Shop::of(without).await.unwrap();
        shop.get("/me").sent_as("ada").is_stopped(insufficient_scope("route-undeclared")).await;
        shop.get("/me").is_stopped(NO_TOKEN).await;
        shop.get("/orders").sent_as("ada").answers(200).await;
    });
}

/// Neither the missing role nor the missing row may answer before the token is judged.
#[test]
fn mistake_5_403_for_an_invalid_token() {
    SHOP.visit(async |shop| {
        for (method, path) in
            endpoints().chain([("GET", "/nothing".into()), ("BREW", "/me".into())])
        {
            for who in ["alice", "nora"] {
                let ended = shop.stack.idp().token(who).expires_in(-60).sign().await.unwrap();
                let request = || shop.ask(method.parse().unwrap(), &path).h2();
                request().token(&ended).is_stopped(invalid_token("token-expired")).await;
                request().token("no-token").is_stopped(invalid_token("token-malformed")).await;
            }
        }
    });
}

/// The right role opens the endpoint, never the resource.
#[test]
fn mistake_6_a_role_check_without_the_ownership_check() {
    SHOP.visit(async |shop| {
        let order = shop.order_of("alice").await;
        let tea = shop.product_of("sam").await;
        let order = |rest: &str| format!("/orders/{order}{rest}");
        let tea = format!("/products/{tea}");
        let bob = json!({ "subject": subject("bob") });
        for (who, method, path, body) in [
            ("bob", "GET", order(""), None),
            ("bob", "HEAD", order(""), None),
            ("bob", "POST", order("/cancellation"), None),
            ("bob", "POST", order("/co-owners"), Some(bob)),
            ("sofia", "POST", order("/shipment"), None),
            ("sofia", "PUT", tea.clone(), Some(product("Mine", 1))),
            ("sofia", "DELETE", tea.clone(), None),
        ] {
            let request =
                shop.ask(method.parse().unwrap(), &path).sent_as(who).header("if-match", "*");
            let request = body.into_iter().fold(request, e2e::Ask::json);
            if method == "HEAD" {
                request.answers(403).await;
            } else {
                request.is_denied(403, "no-right").await;
            }
        }
        // the owners may
        shop.get(&order("")).sent_as("alice").answers(200).await;
        let body = lines(tea.rsplit('/').next().unwrap(), 1);
        shop.post("/orders").sent_as("bob").json(body).answers(201).await;
        shop.delete(&tea).sent_as("sam").header("if-match", "*").answers(204).await;
    });
}
