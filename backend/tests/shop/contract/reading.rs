//! Pages, searches and relations.

use std::time::Duration;

use backend::domain::delegation::{Delegation, RevokeDelegation, Scope};
use backend::domain::order::{AllOrders, ListAllOrders};
use backend::domain::organisation::{
    AcceptMembership, AddDepartment, EndMembership, InviteMember, Role,
};
use backend::domain::relations::Relationship;
use backend::domain::values::{DelegationId, MembershipId, OrganisationId, Text};

use crate::on_each_store;

use super::*;

on_each_store![
    pages_list_every_item_once_newest_first,
    a_search_is_literal_and_case_insensitive,
    a_search_page_scans_a_bounded_number_of_products,
    relations_contain_delegations_and_accepted_memberships,
];

async fn pages_list_every_item_once_newest_first(store: AnyStore) {
    let (alice, sam, root) =
        (Person::customer("alice"), Person::seller("sam"), Person::admin("root"));
    let tea = new_product(&sam, "Tea", 5);
    insert_product(&store, &tea).await;
    let mut placed = Vec::new();
    let mut tx = write(&store).await;
    for _ in 0..7 {
        let order = new_order(&alice, &[&tea]);
        tx.insert_order(&order).await.unwrap();
        placed.push(order.id);
    }
    tx.commit().await.unwrap();
    placed.reverse();

    let permit_for_all = own::<ListAllOrders>(AllOrders, &root);
    for as_admin in [false, true] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let mut tx = store.read().await.unwrap();
            let page = Page { after, limit: 3 };
            let orders = if as_admin {
                tx.all_orders(&permit_for_all, page).await.unwrap()
            } else {
                tx.orders_of(&alice.id(), NOW, page).await.unwrap()
            };
            assert!(orders.iter().all(|order| order.lines.len() == 1));
            seen.extend(orders.iter().map(|order| order.id));
            after = seen.last().copied();
            if orders.len() < 3 {
                break;
            }
        }
        assert_eq!(seen, placed);
    }
}

async fn a_search_is_literal_and_case_insensitive(store: AnyStore) {
    let sam = Person::seller("sam");
    for name in ["100% Arabica", "100 Arabica", "snake_case", "snakeXcase", "wow!", "wow"] {
        insert_product(&store, &new_product(&sam, name, 1)).await;
    }
    for (search, expected) in [
        ("arabica", 2),
        ("ARABICA", 2),
        ("100%", 1),
        ("e_c", 1),
        ("wow!", 1),
        ("wow", 2),
        ("'; DROP TABLE products; --", 0),
        ("%", 1),
        ("_", 1),
    ] {
        let mut tx = store.read().await.unwrap();
        assert_eq!(tx.products(Some(search), all()).await.unwrap().len(), expected, "{search}");
    }
}

async fn a_search_page_scans_a_bounded_number_of_products(store: AnyStore) {
    let sam = Person::seller("sam");
    let mut tx = write(&store).await;
    let mut ids = Vec::new();
    // the only match is the oldest product
    for name in
        std::iter::once("needle").chain(std::iter::repeat_n("hay", 2 * MAX_SCANNED as usize))
    {
        let product = new_product(&sam, name, 1);
        tx.insert_product(&product).await.unwrap();
        ids.insert(0, product.id);
    }
    tx.commit().await.unwrap();
    let bound = MAX_SCANNED as usize;
    let mut tx = store.read().await.unwrap();
    let mut found = Vec::new();
    let mut after = None;
    for expected in [Some(ids[bound - 1]), Some(ids[2 * bound - 1]), None] {
        assert_eq!(found, [], "beyond what a page reads");
        let page = Page { after, limit: 100 };
        found = tx
            .products(Some("needle"), page)
            .await
            .unwrap()
            .iter()
            .map(|product| product.id)
            .collect();
        after = tx.last_scanned(after).await.unwrap();
        assert_eq!(after, expected);
    }
    assert_eq!(found, [ids[2 * bound]]);
}

async fn relations_contain_delegations_and_accepted_memberships(store: AnyStore) {
    let (sam, bob, carol) =
        (Person::seller("sam"), Person::customer("bob"), Person::customer("carol"));
    let mut tx = write(&store).await;
    let (company, _) = insert_company(&mut *tx, "Company", &sam).await;
    let id = company.id;
    let positions = tx.relations(&sam.id(), Relationship::Organisation(id)).await.unwrap();
    assert_eq!(
        positions
            .positions
            .iter()
            .map(|position| (position.role, position.levels_above))
            .collect::<Vec<_>>(),
        [(Role::Manager, 0)]
    );
    let department = permit::<AddDepartment>((*company).clone(), &sam, &positions)
        .add(OrganisationId(Uuid::now_v7()), Text::new("Department").unwrap())
        .unwrap();
    tx.insert_organisation(&department).await.unwrap();
    let positions =
        tx.relations(&sam.id(), Relationship::Organisation(department.id)).await.unwrap();
    assert_eq!(
        positions
            .positions
            .iter()
            .map(|position| (position.role, position.levels_above))
            .collect::<Vec<_>>(),
        [(Role::Manager, 1)]
    );
    let invited = permit::<InviteMember>((*department).clone(), &sam, &positions).invite(
        MembershipId(Uuid::now_v7()),
        bob.id(),
        Role::Editor,
    );
    tx.insert_membership(&invited).await.unwrap();
    assert_eq!(
        tx.relations(&sam.id(), Relationship::Person(&bob.id())).await.unwrap(),
        Relations::default()
    );
    assert_eq!(
        tx.relations(&bob.id(), Relationship::Organisation(department.id)).await.unwrap(),
        Relations::default()
    );
    let accepted = own::<AcceptMembership>((*invited).clone(), &bob).accept(NOW).unwrap();
    tx.update_membership(&accepted).await.unwrap();
    let above_bob = tx.relations(&sam.id(), Relationship::Person(&bob.id())).await.unwrap();
    let seen: Vec<_> = above_bob
        .positions
        .iter()
        .map(|position| (position.role, position.levels_above, position.person_role))
        .collect();
    assert_eq!(seen, [(Role::Manager, 1, Some(Role::Editor))]);
    // roles apply downwards only: bob's organisation is below the company
    assert_eq!(
        tx.relations(&bob.id(), Relationship::Organisation(id)).await.unwrap(),
        Relations::default()
    );
    assert_eq!(
        tx.relations(&bob.id(), Relationship::Person(&sam.id())).await.unwrap(),
        Relations::default()
    );

    let until = NOW.plus(Duration::from_hours(1));
    let id = DelegationId(Uuid::now_v7());
    let delegation =
        Delegation::grant(id, &bob.principal(), carol.id(), Scope::Everything, until, NOW).unwrap();
    tx.insert_delegation(&delegation).await.unwrap();
    let granted = tx.relations(&carol.id(), Relationship::Person(&bob.id())).await.unwrap();
    assert_eq!(granted.delegations, [(*delegation).clone()]);
    assert_eq!(
        tx.relations(&bob.id(), Relationship::Person(&carol.id())).await.unwrap(),
        Relations::default()
    );

    tx.delete_delegation(&own::<RevokeDelegation>((*delegation).clone(), &bob)).await.unwrap();
    tx.delete_membership(&own::<EndMembership>((*accepted).clone(), &bob)).await.unwrap();
    assert_eq!(
        tx.relations(&carol.id(), Relationship::Person(&bob.id())).await.unwrap(),
        Relations::default()
    );
    assert_eq!(
        tx.relations(&sam.id(), Relationship::Person(&bob.id())).await.unwrap(),
        Relations::default()
    );
}
