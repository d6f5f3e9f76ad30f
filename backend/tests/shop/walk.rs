//! Endpoint walk: calls every operation of `ROUTES` as every kind of caller. After each rejected
//! request, all data is unchanged. The results are a committed snapshot, so a change of access
//! shows in a diff.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use backend::adapters::http::App;
use backend::adapters::storage::SqlStore;
use backend::application::Settings;
use backend::application::ports::{Clock as _, Page, Store as _};
use backend::{Access, ROUTES};
use jiff::Timestamp as Instant;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::http::{Response, state};
use crate::support::memory::SetClock;
use crate::support::{Database, Person, Service};

/// A request for each operation. The end-to-end walk through the gateway sends the same requests.
const WALK: &str = include_str!("walk.json");

/// The callers, and the settings of the service for each.
const WALKERS: [(&str, Setting); 20] = [
    ("nobody", Setting::Default),
    ("forger", Setting::Default),
    ("stranger", Setting::Default),
    ("namesake", Setting::Default),
    ("owner", Setting::Default),
    ("seller", Setting::Default),
    ("co-owner", Setting::Default),
    ("delegate-reading", Setting::Default),
    ("delegate-everything", Setting::Default),
    ("delegate-ended", Setting::Default),
    ("delegate-revoked", Setting::Default),
    ("manager", Setting::Default),
    ("editor", Setting::Default),
    ("member", Setting::Default),
    ("invited", Setting::Default),
    ("admin", Setting::Default),
    ("admin-with-reason", Setting::Default),
    ("admin", Setting::ReasonRequired),
    ("admin-with-reason", Setting::ReasonRequired),
    ("stranger", Setting::ExistenceHidden),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Default,
    ReasonRequired,
    ExistenceHidden,
}

impl Setting {
    fn settings(self) -> Settings {
        Settings {
            admin_reason_required: self == Self::ReasonRequired,
            hide_existence: self == Self::ExistenceHidden,
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::ReasonRequired => " (reason required)",
            Self::ExistenceHidden => " (existence hidden)",
        }
    }
}

/// One resource of each kind, and people with every relation to them.
pub struct World {
    store: Arc<SqlStore>,
    clock: SetClock,
    issuer: String,
    order: String,
    co_owner: String,
    product: String,
    delegation: String,
    organisation: String,
    membership: String,
}

impl World {
    fn person(&self, name: &str) -> Person {
        let roles: &[&str] =
            if name.starts_with("admin") { &["admin"] } else { &["customer", "seller"] };
        Person::new(name.trim_end_matches("-with-reason"), roles).of(&self.issuer)
    }

    fn service(&self, setting: Setting) -> Service {
        let mut app: App = state(self.store.clone(), setting.settings());
        app.shop.clock = Arc::new(self.clock.clone());
        Service::of(app)
    }

    async fn new(store: Arc<SqlStore>) -> Self {
        let clock = SetClock::at(Instant::now().as_millisecond());
        let mut world = Self {
            store,
            clock,
            issuer: format!("https://{}.example", Uuid::now_v7()),
            order: String::new(),
            co_owner: String::new(),
            product: String::new(),
            delegation: String::new(),
            organisation: String::new(),
            membership: String::new(),
        };
        let shop = world.service(Setting::Default);
        let (owner, seller, manager) =
            (world.person("owner"), world.person("seller"), world.person("manager"));

        world.organisation =
            shop.post(&manager, "/organisations", json!({ "name": "Company" })).await.created();
        let members = format!("/organisations/{}/members", world.organisation);
        for (name, role) in [
            ("seller", "editor"),
            ("editor", "editor"),
            ("member", "member"),
            ("owner", "member"),
            ("invited", "manager"),
        ] {
            let invitation = json!({ "member": { "subject": name }, "role": role });
            let membership = shop.post(&manager, &members, invitation).await.created();
            if name == "invited" {
                world.membership = membership;
            } else {
                let acceptance = format!("/memberships/{membership}/acceptance");
                shop.call(&world.person(name), "POST", &acceptance, &[], None).await.is(200);
            }
        }

        let price = json!({ "cents": 250, "currency": "EUR" });
        let product = json!({ "name": "Tea", "price": price, "stock": 9, "organisation_id": world.organisation });
        world.product = shop.post(&seller, "/products", product).await.created();
        world.order = shop.order(&owner, &world.product, 1).await;
        let share = json!({ "subject": "co-owner" });
        let shared =
            shop.post(&owner, &format!("/orders/{}/co-owners", world.order), share).await.is(201);
        shared.body["co_owners"][0]["id"].as_str().unwrap().clone_into(&mut world.co_owner);

        for (name, scope, seconds) in [
            ("delegate-ended", "everything", 1),
            ("delegate-revoked", "everything", 3_600),
            ("delegate-everything", "everything", 3_600),
            ("delegate-reading", "reading", 3_600),
        ] {
            let until = (Instant::from_millisecond(world.clock.now().0).unwrap()
                + jiff::SignedDuration::from_secs(seconds))
            .to_string();
            let grant = json!({ "delegate": { "subject": name }, "scope": scope, "until": until });
            world.delegation = shop.post(&owner, "/delegations", grant).await.created();
            if name == "delegate-revoked" {
                shop.call(
                    &owner,
                    "DELETE",
                    &format!("/delegations/{}", world.delegation),
                    &[],
                    None,
                )
                .await
                .is(204);
            }
        }
        world.clock.advance(1_000);
        world
    }

    /// Returns a request that succeeds for at least one caller. Fails if the operation is not in
    /// `walk.json`.
    fn request(
        &self,
        operation: &str,
    ) -> (String, Vec<(&'static str, &'static str)>, Option<Value>) {
        let in_an_hour = Instant::from_millisecond(self.clock.now().0).unwrap();
        let in_an_hour = (in_an_hour + jiff::SignedDuration::from_hours(1)).to_string();
        let table = [
            ("{order}", &self.order),
            ("{co_owner}", &self.co_owner),
            ("{product}", &self.product),
            ("{delegation}", &self.delegation),
            ("{organisation}", &self.organisation),
            ("{membership}", &self.membership),
            ("{in_an_hour}", &in_an_hour),
        ]
        .into_iter()
        .fold(WALK.to_owned(), |table, (name, value)| table.replace(name, value));
        let mut table: Value = serde_json::from_str(&table).unwrap();
        let request = table.get_mut(operation);
        let request =
            request.unwrap_or_else(|| panic!("the operation {operation} is not in walk.json"));
        let any_version = request["headers"]["if-match"].is_string();
        let headers = if any_version { vec![("if-match", "*")] } else { vec![] };
        let path = request["path"].as_str().unwrap().to_owned();
        (path, headers, request.get_mut("body").map(Value::take))
    }

    async fn send(
        &self,
        walker: &str,
        setting: Setting,
        method: &str,
        operation: &str,
    ) -> Response {
        let (path, mut headers, body) = self.request(operation);
        let shop = self.service(setting);
        match walker {
            "nobody" => {
                shop.send(method, &path, &headers, body.unwrap_or_default().to_string()).await
            }
            "forger" => {
                let forged = self.person("owner").assertion_for(method, "/elsewhere", "shop", 0);
                headers.extend([("x-auth-subject", "owner"), ("x-auth-roles", "admin")]);
                headers.push(("x-auth-principal", &forged));
                shop.send(method, &path, &headers, body.unwrap_or_default().to_string()).await
            }
            "namesake" => {
                let namesake = self.person("owner").of("https://elsewhere.example");
                shop.call(&namesake, method, &path, &headers, body).await
            }
            _ => {
                if walker.ends_with("with-reason") {
                    headers.push(("x-admin-reason", "a customer called"));
                }
                shop.call(&self.person(walker), method, &path, &headers, body).await
            }
        }
    }

    /// Returns all data except the audit records.
    async fn everything(&self) -> String {
        let mut tx = self.store.read().await.unwrap();
        let (owner, all) = (self.person("owner").id(), || Page { after: None, limit: 100 });
        let everything = (
            tx.order(self.order.parse().unwrap()).await.unwrap(),
            tx.orders_of(&owner, self.clock.now(), Page { after: None, limit: 100 }).await.unwrap(),
            tx.products(None, Page { after: None, limit: 100 }).await.unwrap(),
            tx.delegations_of(&owner, Page { after: None, limit: 100 }).await.unwrap(),
            tx.organisation(self.organisation.parse().unwrap()).await.unwrap(),
            tx.members_of(self.organisation.parse().unwrap(), all()).await.unwrap(),
        );
        format!("{everything:#?}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_to_every_operation_equals_the_snapshot_and_rejected_requests_change_nothing() {
    let database = Database::sqlite().await;
    let mut world = World::new(database.store.clone()).await;
    let mut walk = String::new();
    for route in ROUTES {
        let mut outcomes: BTreeMap<u16, Vec<String>> = BTreeMap::new();
        for (walker, setting) in WALKERS {
            let before = world.everything().await;
            let response = world.send(walker, setting, route.method, route.id).await;
            let status = response.status.as_u16();
            let changed = world.everything().await != before;
            assert!(
                !changed || status < 300,
                "{walker} was refused {} and it was done: {response:?}",
                route.id
            );
            if walker == "nobody" || walker == "forger" {
                let public = route.access == Access::Public && walker == "nobody";
                assert_eq!(status == 401, !public, "{} as {walker}", route.id);
            }
            outcomes.entry(status).or_default().push(format!("{walker}{}", setting.suffix()));
            if changed {
                world = World::new(database.store.clone()).await;
            }
        }
        writeln!(walk, "{} {} ({})", route.method, route.path, route.id).unwrap();
        for (status, walkers) in outcomes {
            writeln!(walk, "    {status}  {}", walkers.join(", ")).unwrap();
        }
    }
    insta::assert_snapshot!("walk", walk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_the_same_403_or_hidden_404_whatever_else_is_invalid() {
    let database = Database::sqlite().await;
    let world = World::new(database.store.clone()).await;
    let stranger = world.person("stranger");
    let absent = Uuid::nil().to_string();
    for route in ROUTES
        .iter()
        .filter(|route| route.path.contains('{') && route.access == Access::Authenticated)
    {
        let (path, _, body) = world.request(route.id);
        let mut plain: BTreeMap<u16, Value> = BTreeMap::new();
        for (headers, body) in [
            (vec![("if-match", "*")], body.clone()),
            (vec![], body.clone()),
            (vec![("if-match", "\"99\"")], body.clone()),
            (vec![("if-none-match", "*")], body.clone()),
            (vec![("idempotency-key", "k")], body.clone()),
            (vec![("content-type", "text/plain")], body.clone()),
            (vec![("if-match", "*")], Some(json!("not an object"))),
            (vec![("if-match", "*")], Some(json!({ "unknown": true }))),
            (vec![("if-match", "*")], None),
        ] {
            let response = world.service(Setting::Default);
            let response = response
                .call(&stranger, route.method, &path, &headers, body.clone())
                .await
                .problem(403, "no-right");
            let response = without_id(response);
            assert_eq!(
                *plain.entry(403).or_insert_with(|| response.clone()),
                response,
                "{}",
                route.id
            );

            let hidden = world.service(Setting::ExistenceHidden);
            let there = hidden
                .call(&stranger, route.method, &path, &headers, body.clone())
                .await
                .problem(404, "absent");
            let id = path.split('/').nth(2).unwrap();
            let nowhere = hidden
                .call(&stranger, route.method, &path.replace(id, &absent), &headers, body)
                .await;
            assert_eq!(
                without_id(there),
                without_id(nowhere.problem(404, "absent")),
                "{}",
                route.id
            );
        }
        let bad_query = format!("{path}?limit=0&after=x");
        let response = world
            .service(Setting::Default)
            .call(&stranger, route.method, &bad_query, &[], body)
            .await;
        response.problem(403, "no-right");
    }
}

/// Returns the problem document without its request id.
fn without_id(mut response: Response) -> Value {
    response
        .body
        .as_object_mut()
        .unwrap()
        .remove("request_id")
        .expect("each refusal has its request id");
    response.body
}
