//! One of everything, and everybody's relation to it, made through the gateway.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use e2e::{Answer, Ask, Shop};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::people::token;

/// A request for each operation, shared with the service's own walk.
pub(super) const WALK: &str = include_str!("../../../../../backend/tests/shop/walk.json");

/// How long the delegation runs that has ended when the walk begins.
pub(super) const SHORT: Duration = Duration::from_secs(2);

/// A world of its own: its people are nobody in another one.
pub(super) struct World<'s> {
    shop: &'s Shop,
    name: &'static str,
    tokens: RefCell<BTreeMap<String, Option<String>>>,
    ids: BTreeMap<&'static str, String>,
}

impl<'s> World<'s> {
    /// A world for the walk of one operation.
    pub(super) async fn new(shop: &'s Shop, name: &'static str) -> Self {
        let mut world = Self { shop, name, tokens: RefCell::default(), ids: BTreeMap::new() };
        let company = json!({ "name": "Company" });
        world.make("organisation", "manager", "/organisations", company).await;
        for (name, role) in
            [("seller", "editor"), ("editor", "editor"), ("member", "member"), ("owner", "member")]
        {
            let membership = world.invite(name, role).await;
            world
                .post(name, &format!("/memberships/{membership}/acceptance"), Value::Null)
                .await
                .is(200);
        }
        let membership = world.invite("invited", "manager").await;
        world.ids.insert("membership", membership);
        for (name, lasts) in [
            ("delegate-ended", SHORT),
            ("delegate-revoked", AN_HOUR),
            ("delegate-everything", AN_HOUR),
        ] {
            let delegation = world.delegate(name, "everything", lasts).await;
            if name == "delegate-revoked" {
                let path = format!("/delegations/{delegation}");
                world.ask("owner", "DELETE", &path).await.answers(204).await;
            }
        }
        let delegation = world.delegate("delegate-reading", "reading", AN_HOUR).await;
        world.ids.insert("delegation", delegation);
        world.renew_goods().await;
        world
    }

    /// Makes new what the operation has changed.
    pub(super) async fn renew(&mut self, operation: &str) {
        match operation {
            "accept_membership" | "end_membership" => {
                let old = format!("/memberships/{}", self.ids["membership"]);
                let gone = self.ask("manager", "DELETE", &old).await.send().await;
                assert!([204, 404].contains(&gone.status), "{gone}");
                let membership = self.invite("invited", "manager").await;
                self.ids.insert("membership", membership);
            }
            "revoke_delegation" => {
                let delegation = self.delegate("delegate-reading", "reading", AN_HOUR).await;
                self.ids.insert("delegation", delegation);
            }
            _ => self.renew_goods().await,
        }
    }

    /// A new product of the seller's company, and a new order of it, shared with the co-owner.
    async fn renew_goods(&mut self) {
        let price = json!({ "cents": 250, "currency": "EUR" });
        let company = &self.ids["organisation"];
        let tea = json!({ "name": "Tea", "price": price, "stock": 9, "organisation_id": company });
        self.make("product", "seller", "/products", tea).await;
        let lines = json!({ "lines": [{ "product_id": self.ids["product"], "quantity": 1 }] });
        self.make("order", "owner", "/orders", lines).await;
        let co_owners = format!("/orders/{}/co-owners", self.ids["order"]);
        let shared = self
            .post("owner", &co_owners, json!({ "subject": self.subject("co-owner") }))
            .await
            .is(201);
        let id = shared.body["co_owners"][0]["id"].as_str().expect("an id").to_owned();
        self.ids.insert("co_owner", id);
    }

    /// The request that ought to succeed for somebody. An operation that is not in the table fails
    /// the walk.
    pub(super) async fn request(&self, walker: &str, method: &str, operation: &str) -> Ask<'s> {
        let ids = self.ids.iter().map(|(name, id)| (format!("{{{name}}}"), id.clone()));
        let in_an_hour = ("{in_an_hour}".to_owned(), from_now(AN_HOUR));
        let table = ids
            .chain([in_an_hour])
            .fold(WALK.to_owned(), |table, (name, id)| table.replace(&name, &id));
        let table: Value = serde_json::from_str(&table).expect("walk.json");
        let request = &table[operation];
        assert!(request.is_object(), "the operation {operation} is not in walk.json");
        let path = request["path"].as_str().expect("a path");
        let ask = self.ask(walker, method, path).await.named(format!("{operation} as {walker}"));
        let headers = request["headers"].as_object().into_iter().flatten();
        let ask = headers
            .fold(ask, |ask, (name, value)| ask.header(name, value.as_str().expect("a text")));
        if request["body"].is_null() { ask } else { ask.json(request["body"].clone()) }
    }

    /// Everything there is, but the audit records.
    pub(super) async fn everything(&self) -> String {
        let id = |name| &self.ids[name];
        let reads = [
            ("owner", format!("/orders/{}", id("order"))),
            ("owner", "/orders?limit=100".to_owned()),
            ("owner", "/delegations?limit=100".to_owned()),
            ("owner", "/memberships?limit=100".to_owned()),
            ("manager", format!("/organisations/{}", id("organisation"))),
            ("manager", format!("/organisations/{}/members?limit=100", id("organisation"))),
            ("manager", "/memberships?limit=100".to_owned()),
            ("invited", "/memberships?limit=100".to_owned()),
            ("nobody", format!("/products/{}", id("product"))),
            ("nobody", "/products?q=Cup&limit=100".to_owned()),
        ];
        let read = async |(who, path): (&str, String)| {
            let answer = self.ask(who, "GET", &path).await.send().await;
            format!("{path}: {} {}\n", answer.status, answer.text)
        };
        join_all(reads.map(read)).await.concat()
    }

    async fn make(&mut self, name: &'static str, who: &str, path: &str, body: Value) {
        let id = self.post(who, path, body).await.is(201).id().to_owned();
        self.ids.insert(name, id);
    }

    async fn invite(&self, name: &str, role: &str) -> String {
        let members = format!("/organisations/{}/members", self.ids["organisation"]);
        let invitation = json!({ "member": { "subject": self.subject(name) }, "role": role });
        self.post("manager", &members, invitation).await.is(201).id().to_owned()
    }

    async fn delegate(&self, name: &str, scope: &str, lasts: Duration) -> String {
        let delegate = json!({ "subject": self.subject(name) });
        let grant = json!({ "delegate": delegate, "scope": scope, "until": from_now(lasts) });
        self.post("owner", "/delegations", grant).await.is(201).id().to_owned()
    }

    async fn post(&self, who: &str, path: &str, body: Value) -> Answer {
        let ask = self.ask(who, "POST", path).await;
        if body.is_null() { ask.send().await } else { ask.json(body).send().await }
    }

    async fn ask(&self, who: &str, method: &str, path: &str) -> Ask<'s> {
        let ask = self.shop.ask(method.parse().expect("a method"), path);
        let ask = match self.token(who).await {
            Some(token) => ask.token(&token),
            None => ask,
        };
        let (owner, issuer) = (self.subject("owner"), self.shop.issuer());
        let headers: &[(&str, &str)] = match who {
            "admin-with-reason" => &[("x-admin-reason", "a customer called")],
            "forger" => &[
                ("x-auth-subject", &owner),
                ("x-auth-roles", "customer,seller,admin"),
                ("x-auth-issuer", &issuer),
                ("x-auth-principal", "e30.e30.e30"),
            ],
            _ => &[],
        };
        headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
    }

    /// The same for the whole walk: it is good for longer than that.
    async fn token(&self, who: &str) -> Option<String> {
        let known = self.tokens.borrow().get(who).cloned();
        if let Some(token) = known {
            return token;
        }
        let token = token(self.shop, self.name, who).await;
        self.tokens.borrow_mut().insert(who.to_owned(), token.clone());
        token
    }

    fn subject(&self, name: &str) -> String {
        format!("{name}.{}", self.name)
    }
}

const AN_HOUR: Duration = Duration::from_hours(1);

/// As RFC 3339 writes it.
fn from_now(lasts: Duration) -> String {
    Timestamp::try_from(SystemTime::now() + lasts).expect("a time").to_string()
}
