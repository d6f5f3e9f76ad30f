//! Idempotency keys: one record per key.

use backend::application::ports::{IdempotencyKey, IdempotencyRecord};

use crate::on_each_store;

use super::*;

on_each_store![
    a_key_is_locked_until_its_transaction_ends,
    keys_of_other_principals_methods_and_routes_are_independent,
];

fn key(who: &Person, method: &'static str, route: &'static str, key: &str) -> IdempotencyKey {
    IdempotencyKey { principal: who.id(), method, route, key: key.to_owned() }
}

/// Returns a customer and an order that is not stored yet.
async fn order_to_place(store: &AnyStore) -> (Person, Authorized<Order>) {
    let (alice, tea) = (Person::customer("alice"), new_product(&Person::seller("sam"), "Tea", 5));
    insert_product(store, &tea).await;
    let order = new_order(&alice, &[&tea]);
    (alice, order)
}

async fn a_key_is_locked_until_its_transaction_ends(store: AnyStore) {
    let (alice, order) = order_to_place(&store).await;
    let key = key(&alice, "POST", "/orders", "k");
    let mut first = store.write_exclusive(&key).await.unwrap().unwrap();
    assert!(store.write_exclusive(&key).await.unwrap().is_none());
    assert_eq!(first.idempotency_record(&key).await.unwrap(), None);
    first.insert_order(&order).await.unwrap();
    let record = IdempotencyRecord { fingerprint: "f".to_owned(), order: order.id };
    first.insert_idempotency_record(&key, &record).await.unwrap();
    first.commit().await.unwrap();

    let mut second = store.write_exclusive(&key).await.unwrap().unwrap();
    assert_eq!(second.idempotency_record(&key).await.unwrap(), Some(record));
}

async fn keys_of_other_principals_methods_and_routes_are_independent(store: AnyStore) {
    let (alice, order) = order_to_place(&store).await;
    let first = key(&alice, "POST", "/orders", "k");
    let mut tx = store.write_exclusive(&first).await.unwrap().unwrap();
    tx.insert_order(&order).await.unwrap();
    tx.insert_idempotency_record(
        &first,
        &IdempotencyRecord { fingerprint: "f".to_owned(), order: order.id },
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    for other in [
        key(&Person::customer("bob"), "POST", "/orders", "k"),
        key(&alice.clone().of("https://other.example"), "POST", "/orders", "k"),
        key(&alice, "PUT", "/orders", "k"),
        key(&alice, "POST", "/products", "k"),
        key(&alice, "POST", "/orders", "K"),
    ] {
        let mut tx = store.write_exclusive(&other).await.unwrap().unwrap();
        assert_eq!(tx.idempotency_record(&other).await.unwrap(), None, "{other:?}");
    }
}
