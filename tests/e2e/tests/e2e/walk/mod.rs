//! The endpoint walk, through Envoy and the filter: every operation of the service as everybody
//! there is. After each refusal everything is read again and is unchanged. The outcome is a
//! committed file, so a change of who may do what is a diff.
mod people;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use backend::{Access, ROUTES, Route};
use e2e::{Answer, Shared, Shop};
use futures_util::future::join_all;
use portcullis_engine::reason::Reason;
use serde_json::Value;

use self::people::Setting;
use self::world::{SHORT, WALK, World};

static DEFAULT: Shared = Shared::made("walk", |stack| stack.provider("partner"));
static REASON_REQUIRED: Shared = Shared::made("walk-reason-required", |stack| {
    stack.provider("partner").backend_env("BACKEND_REQUIRE_ADMIN_REASON", "true")
});
static EXISTENCE_HIDDEN: Shared = Shared::made("walk-existence-hidden", |stack| {
    stack.provider("partner").backend_env("BACKEND_HIDE_EXISTENCE", "true")
});

/// For each operation, who got which answer.
type Walk = BTreeMap<&'static str, BTreeMap<String, Vec<String>>>;

/// Everybody walks through every operation.
async fn walk(shop: &Shop, setting: Setting, walk: &mut Walk) {
    let mut worlds = join_all(ROUTES.iter().map(|route| World::new(shop, route.id))).await;
    tokio::time::sleep(SHORT).await;
    for (route, world) in ROUTES.iter().zip(&mut worlds) {
        let mut before = world.everything().await;
        for walker in setting.walkers() {
            let answer = world.request(walker, route.method, route.id).await.send().await;
            let after = world.everything().await;
            if answer.status < 300 {
                world.renew(route.id).await;
                before = world.everything().await;
            } else {
                assert_eq!(after, before, "it was refused, and it was done: {answer}");
            }
            who_refuses(shop, route, walker, &answer);
            let outcomes = walk.entry(route.id).or_default();
            outcomes
                .entry(outcome(&answer))
                .or_default()
                .push(format!("{walker}{}", setting.suffix()));
        }
    }
}

fn outcome(answer: &Answer) -> String {
    match answer.body["reason"].as_str() {
        Some(reason) if answer.status >= 400 => format!("{} {reason}", answer.status),
        _ => answer.status.to_string(),
    }
}

/// What does not depend on whose anything is: levels 1 and 2 refuse, and what they refuse the
/// service never sees.
#[track_caller]
fn who_refuses(shop: &Shop, route: &Route, walker: &str, answer: &Answer) {
    let reason = answer.body["reason"].as_str().filter(|_| answer.status >= 400);
    let at_the_gateway = Reason::ALL.iter().any(|known| Some(known.id()) == reason);
    let reached = answer.header("x-envoy-upstream-service-time").is_some();
    assert_eq!(reached, !at_the_gateway, "{answer}");

    let public = route.access == Access::Public;
    let expected = match walker {
        "nobody" | "forger" if !public => Some("token-missing"),
        "owner-expired" => Some("token-expired"),
        "owner-forged" => Some("signature-invalid"),
        "owner-without-role" if asks_for_roles(shop, route) => Some("role-missing"),
        _ => return,
    };
    assert_eq!(reason, expected, "{answer}");
    assert_eq!(answer.header("www-authenticate").is_some(), expected.is_some(), "{answer}");
}

/// Whether the row of the operation asks for roles.
fn asks_for_roles(shop: &Shop, route: &Route) -> bool {
    let endpoint = format!("{} {}", route.method, route.path);
    let rows = shop.stack.policy()["services"]["shop"]["routes"].as_array().expect("routes");
    let row: &Value = rows.iter().find(|row| row["match"] == *endpoint).expect("a row");
    row["roles"].is_array() || row["all_roles"].is_array()
}

#[test]
fn the_table_has_a_request_for_every_operation_and_for_nothing_else() {
    let table: BTreeMap<String, Value> = serde_json::from_str(WALK).expect("walk.json");
    let operations: BTreeSet<_> = ROUTES.iter().map(|route| route.id.to_owned()).collect();
    assert_eq!(table.into_keys().collect::<BTreeSet<_>>(), operations);
}

#[test]
fn every_operation_as_everybody_is_the_committed_walk_and_what_is_refused_is_not_done() {
    let mut outcomes = Walk::new();
    DEFAULT.visit(async |shop| walk(shop, Setting::Default, &mut outcomes).await);
    REASON_REQUIRED.visit(async |shop| walk(shop, Setting::ReasonRequired, &mut outcomes).await);
    EXISTENCE_HIDDEN.visit(async |shop| walk(shop, Setting::ExistenceHidden, &mut outcomes).await);

    let mut text = String::new();
    for route in ROUTES {
        writeln!(text, "{} {} ({})", route.method, route.path, route.id).unwrap();
        for (outcome, walkers) in &outcomes[route.id] {
            writeln!(text, "    {outcome}  {}", walkers.join(", ")).unwrap();
        }
    }
    insta::assert_snapshot!("walk", text);
}
