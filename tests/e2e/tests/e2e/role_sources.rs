//! Which claims can become which roles: the shipped policy lists them.
use dev_idp::{Control, Mint};
use e2e::{Shared, Shop, insufficient_scope};
use serde_json::json;

static SHOP: Shared = Shared::named("role-sources");

/// A token without a realm role, whose client was granted these scopes.
fn with_scopes<'s>(shop: &'s Shop, scopes: &str) -> Mint<'s, Control> {
    shop.stack.idp().token("nora").without("realm_access").claim("scope", scopes)
}

#[test]
fn a_scope_that_is_called_as_a_role_is_none_unless_the_policy_lists_it() {
    SHOP.visit(async |shop| {
        for scopes in ["openid admin", "admin", "openid admin auditor seller customer"] {
            let token = with_scopes(shop, scopes).sign().await.unwrap();
            for path in ["/audit", "/products"] {
                let request = if path == "/audit" { shop.get(path) } else { shop.post(path) };
                let request = request.named(scopes).token(&token);
                request.is_stopped(insufficient_scope("role-missing")).await;
            }
            let me = shop.get("/me").token(&token).answers(200).await;
            let customer = scopes.contains("customer");
            assert_eq!(
                me.body["roles"],
                if customer { json!(["customer"]) } else { json!([]) },
                "{scopes}"
            );
        }
        // what it lists is one
        let token = with_scopes(shop, "openid customer").sign().await.unwrap();
        shop.get("/orders").token(&token).answers(200).await;
    });
}

/// The bypass is on the record; who gets it by a scope would not be an admin.
#[test]
fn a_scope_admin_touches_nothing_of_anothers() {
    SHOP.visit(async |shop| {
        let order = format!("/orders/{}", shop.order_of("alice").await);
        let token = with_scopes(shop, "openid admin").sign().await.unwrap();
        shop.get(&order).token(&token).is_stopped(insufficient_scope("role-missing")).await;
        let token = with_scopes(shop, "openid admin customer").sign().await.unwrap();
        let answer = shop.get(&order).token(&token).send().await.is_problem(403, "no-right");
        assert_eq!(answer.header("www-authenticate"), None);
        shop.get(&order).sent_as("ada").answers(200).await;
    });
}

#[test]
fn the_role_that_bypasses_ownership_is_declared_in_the_shipped_policy() {
    let policy = crate::support::policy::shipped();
    assert_eq!(
        policy["services"]["shop"]["ownership_bypass_roles"],
        json!([backend::domain::ownership::ADMIN_ROLE])
    );
}
