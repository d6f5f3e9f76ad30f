//! Atomicity and isolation of transactions.

use backend::application::ports::{Constraint, StoreError};
use backend::domain::organisation::{InviteMember, Role};
use backend::domain::product::UpdateProduct;
use backend::domain::relations::Relationship;
use backend::domain::values::MembershipId;

use crate::on_each_store;

use super::*;

on_each_store![
    uncommitted_changes_are_rolled_back,
    a_read_transaction_sees_one_snapshot_and_rejects_writes,
    an_update_of_a_changed_row_is_stale,
    a_row_loaded_by_a_writer_is_locked_until_its_transaction_ends,
    a_stock_cannot_become_negative,
    a_person_has_at_most_one_membership_in_an_organisation,
];

async fn uncommitted_changes_are_rolled_back(store: AnyStore) {
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let tea = new_product(&sam, "Tea", 5);
    insert_product(&store, &tea).await;
    let order = new_order(&alice, &[&tea]);
    let mut tx = write(&store).await;
    tx.insert_order(&order).await.unwrap();
    let (_, taken) = tea.sell(Quantity::new(2).unwrap()).unwrap();
    tx.change_stock(taken).await.unwrap();
    assert!(tx.order(order.id).await.unwrap().is_some());
    drop(tx);
    let mut tx = write(&store).await;
    assert!(tx.order(order.id).await.unwrap().is_none());
    assert_eq!(tx.product(tea.id).await.unwrap().as_ref(), Some(&*tea));
}

async fn a_read_transaction_sees_one_snapshot_and_rejects_writes(store: AnyStore) {
    let sam = Person::seller("sam");
    let (first, second) = (new_product(&sam, "First", 5), new_product(&sam, "Second", 5));
    insert_product(&store, &first).await;
    let mut reading = store.read().await.unwrap();
    assert_eq!(reading.products(None, all()).await.unwrap().len(), 1);
    insert_product(&store, &second).await;
    assert_eq!(reading.products(None, all()).await.unwrap().len(), 1);
    assert!(reading.insert_product(&new_product(&sam, "Third", 5)).await.is_err());
    drop(reading);
    assert_eq!(store.read().await.unwrap().products(None, all()).await.unwrap().len(), 2);
}

async fn an_update_of_a_changed_row_is_stale(store: AnyStore) {
    let sam = Person::seller("sam");
    let tea = new_product(&sam, "Tea", 5);
    insert_product(&store, &tea).await;
    let update =
        |name| own::<UpdateProduct>((*tea).clone(), &sam).update(details(name, 1, 1)).unwrap();
    let mut tx = write(&store).await;
    tx.update_product(&update("first")).await.unwrap();
    assert!(matches!(tx.update_product(&update("second")).await, Err(StoreError::Stale)));
    tx.commit().await.unwrap();
    let stored = store.read().await.unwrap().product(tea.id).await.unwrap().unwrap();
    assert_eq!((stored.details.name.as_str(), stored.version), ("first", 2));
}

async fn a_row_loaded_by_a_writer_is_locked_until_its_transaction_ends(store: AnyStore) {
    let sam = Person::seller("sam");
    let tea = new_product(&sam, "Tea", 0);
    insert_product(&store, &tea).await;
    let rounds: Vec<_> = (0..20)
        .map(|_| {
            let (store, sam, id) = (Arc::clone(&store), sam.clone(), tea.id);
            tokio::spawn(async move {
                let mut tx = write(&store).await;
                let product = tx.product(id).await.unwrap().unwrap();
                let mut more = product.details.clone();
                more.stock += 1;
                tx.update_product(&own::<UpdateProduct>(product, &sam).update(more).unwrap())
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for round in rounds {
        round.await.unwrap();
    }
    assert_eq!(
        store.read().await.unwrap().product(tea.id).await.unwrap().unwrap().details.stock,
        20
    );
}

async fn a_stock_cannot_become_negative(store: AnyStore) {
    let sam = Person::seller("sam");
    let tea = new_product(&sam, "Tea", 3);
    insert_product(&store, &tea).await;
    let (_, two) = tea.sell(Quantity::new(2).unwrap()).unwrap();
    let mut tx = write(&store).await;
    tx.change_stock(two).await.unwrap();
    let refused = tx.change_stock(two).await;
    assert!(
        matches!(refused, Err(StoreError::Constraint(Constraint::NegativeStock))),
        "{refused:?}"
    );
    drop(tx);
    assert_eq!(store.read().await.unwrap().product(tea.id).await.unwrap().as_ref(), Some(&*tea));
}

async fn a_person_has_at_most_one_membership_in_an_organisation(store: AnyStore) {
    let (sam, bob) = (Person::seller("sam"), Person::customer("bob"));
    let mut tx = write(&store).await;
    let (company, _) = insert_company(&mut *tx, "Company", &sam).await;
    let id = company.id;
    let relations = tx.relations(&sam.id(), Relationship::Organisation(id)).await.unwrap();
    let invite = |who: &Person| {
        permit::<InviteMember>((*company).clone(), &sam, &relations).invite(
            MembershipId(Uuid::now_v7()),
            who.id(),
            Role::Member,
        )
    };
    tx.insert_membership(&invite(&bob)).await.unwrap();
    // the same subject of another issuer is another person
    tx.insert_membership(&invite(&bob.clone().of("https://other.example"))).await.unwrap();
    let twice = tx.insert_membership(&invite(&bob)).await;
    assert!(matches!(twice, Err(StoreError::Constraint(Constraint::DuplicateMember))), "{twice:?}");
}
