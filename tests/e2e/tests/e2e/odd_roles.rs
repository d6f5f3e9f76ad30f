//! A role is a whole string, from the claim to the service: with a comma, a space or letters beyond
//! ASCII it is one role, and no two roles ever make another.
use e2e::{Shared, Shop, insufficient_scope};
use serde_json::json;

use crate::support::policy::any_role;

static SHOP: Shared = Shared::made("odd-roles", |stack| {
    stack.policy(any_role).policy(|policy| {
        for row in policy["services"]["shop"]["routes"].as_array_mut().unwrap() {
            let endpoint = row["match"].as_str().unwrap().to_owned();
            *row = match &*endpoint {
                "GET /orders" => json!({ "match": endpoint, "roles": ["a,b"] }),
                "GET /delegations" => json!({ "match": endpoint, "roles": ["a b"] }),
                "GET /memberships" => json!({ "match": endpoint, "roles": ["käufer", "購買者"] }),
                "GET /audit" => json!({ "match": endpoint, "all_roles": ["x", "y"] }),
                _ => row.take(),
            };
        }
    })
});

async fn token(shop: &Shop, roles: &[&str]) -> String {
    shop.stack.idp().token("nora").roles(roles.iter().copied()).sign().await.unwrap()
}

#[test]
fn a_row_opens_for_the_whole_role_and_for_no_part_or_sum_of_roles() {
    SHOP.visit(async |shop| {
        for (path, opens, stays_shut) in [
            (
                "/orders",
                &[&["a,b"][..], &["x", "a,b"]][..],
                &[
                    &["a"][..],
                    &["b"],
                    &["a", "b"],
                    &["a, b"],
                    &["a%2Cb"],
                    &["a,b,c"],
                    &["a,b "],
                    &["\"a,b\""],
                ][..],
            ),
            (
                "/delegations",
                &[&["a b"], &["a", "a b"]],
                &[&["a", "b"], &["a,b"], &["a  b"], &["a\u{a0}b"], &["a+b"], &["a%20b"], &["A B"]],
            ),
            (
                "/memberships",
                &[&["käufer"], &["購買者"], &["a", "käufer"]],
                // the last one is written with a combining mark: other bytes, another role
                &[
                    &["kaufer"],
                    &["KÄUFER"],
                    &["k", "äufer"],
                    &["k%C3%A4ufer"],
                    &["購買"],
                    &["ka\u{308}ufer"],
                ],
            ),
            (
                "/audit",
                &[&["x", "y"], &["y", "z", "x"]],
                &[&["x"], &["x,y"], &["x y"], &["xy"], &["x", "Y"]],
            ),
        ] {
            for roles in opens {
                shop.get(path)
                    .named(roles.join("|"))
                    .token(&token(shop, roles).await)
                    .answers(200)
                    .await;
            }
            for roles in stays_shut {
                let request =
                    shop.get(path).named(roles.join("|")).token(&token(shop, roles).await);
                request.is_stopped(insufficient_scope("role-missing")).await;
            }
        }
    });
}

#[test]
fn the_service_gets_each_role_as_the_provider_said_it() {
    SHOP.visit(async |shop| {
        let mut roles = vec![
            "a",
            "a,b",
            "a, b",
            "a b",
            "a%2Cb",
            "a;b",
            "\"a\"",
            "\\a",
            "käufer",
            "購買者",
            "\u{1f375}",
            "ß",
            "SS",
        ];
        let me = shop.get("/me").token(&token(shop, &roles).await).answers(200).await;
        roles.sort_unstable();
        assert_eq!(me.body["roles"], json!(roles));
    });
}
