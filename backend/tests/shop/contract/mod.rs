//! Contract of every storage: the MUSTs of `application/ports.rs`, tested on each.

mod keys;
mod reading;
mod records;
mod transactions;

use std::sync::Arc;

use backend::application::ports::{MAX_SCANNED, Page, Store, Transaction};
use backend::domain::order::Order;
use backend::domain::organisation::{Membership, Organisation};
use backend::domain::ownership::{Action, Authorized, Permit, decide};
use backend::domain::product::Product;
use backend::domain::relations::Relations;
use backend::domain::stock::Quantity;
use backend::domain::values::{MembershipId, OrderId, OrganisationId, ProductId, Text, Timestamp};
use uuid::Uuid;

use crate::support::Person;
use crate::support::shop::details;

type AnyStore = Arc<dyn Store>;

const NOW: Timestamp = Timestamp(1_700_000_000_123);

fn new_product(seller: &Person, name: &str, stock: u32) -> Authorized<Product> {
    Product::offer(ProductId(Uuid::now_v7()), &seller.principal(), details(name, 250, stock))
}

fn new_order(customer: &Person, products: &[&Product]) -> Authorized<Order> {
    let lines = products.iter().map(|product| product.sell(Quantity::new(2).unwrap()).unwrap().0);
    Order::place(OrderId(Uuid::now_v7()), &customer.principal(), lines.collect(), NOW).unwrap()
}

fn permit<A: Action>(on: A::Resource, who: &Person, relations: &Relations) -> Permit<A> {
    decide::<A>(on, &who.principal(), relations, NOW).unwrap()
}

fn own<A: Action>(on: A::Resource, who: &Person) -> Permit<A> {
    permit(on, who, &Relations::default())
}

fn all<Id>() -> Page<Id> {
    Page { after: None, limit: 100 }
}

async fn write(store: &AnyStore) -> Box<dyn Transaction> {
    store.write().await.unwrap()
}

async fn insert_product(store: &AnyStore, product: &Authorized<Product>) {
    let mut tx = write(store).await;
    tx.insert_product(product).await.unwrap();
    tx.commit().await.unwrap();
}

/// Stores an organisation and the membership of its manager.
async fn insert_company(
    tx: &mut dyn Transaction,
    name: &str,
    manager: &Person,
) -> (Authorized<Organisation>, Authorized<Membership>) {
    let (id, membership) = (OrganisationId(Uuid::now_v7()), MembershipId(Uuid::now_v7()));
    let created =
        Organisation::create(id, Text::new(name).unwrap(), &manager.principal(), membership, NOW);
    tx.insert_organisation(&created.0).await.unwrap();
    tx.insert_membership(&created.1).await.unwrap();
    created
}
