//! Stored values are read back unchanged.

use std::time::Duration;

use backend::domain::audit::{AuditRecord, Outcome};
use backend::domain::delegation::{Delegation, Scope};
use backend::domain::order::{AddCoOwner, ShipOrder};
use backend::domain::organisation::{AddDepartment, AddProduct, InviteMember, Role};
use backend::domain::ownership::Operation;
use backend::domain::relations::Relationship;
use backend::domain::values::{
    AuditId, CoOwnerId, DelegationId, MembershipId, OrganisationId, Text,
};

use crate::on_each_store;

use super::*;

on_each_store![stored_values_are_read_back_unchanged,];

async fn stored_values_are_read_back_unchanged(store: AnyStore) {
    let (alice, bob, sam) = (
        Person::customer("Ålice \"O'Hara\" \\ %_"),
        Person::customer("bob"),
        Person::seller("sam"),
    );
    let mut details = details("Tee für Löwen 🦁", 99_999_999_999, 1_000_000);
    details.description = Some(Text::new("two\nlines\tand a tab").unwrap());
    let tea = Product::offer(ProductId(Uuid::now_v7()), &sam.principal(), details);
    let mut tx = write(&store).await;
    let (company, manager) = insert_company(&mut *tx, "Löwe & Söhne", &sam).await;
    let positions = tx.relations(&sam.id(), Relationship::Organisation(company.id)).await.unwrap();
    let team = permit::<AddDepartment>((*company).clone(), &sam, &positions)
        .add(OrganisationId(Uuid::now_v7()), Text::new("Team").unwrap())
        .unwrap();
    tx.insert_organisation(&team).await.unwrap();
    let invited = permit::<InviteMember>((*company).clone(), &sam, &positions).invite(
        MembershipId(Uuid::now_v7()),
        bob.id(),
        Role::Editor,
    );
    tx.insert_membership(&invited).await.unwrap();
    tx.insert_product(&tea).await.unwrap();
    let cup = permit::<AddProduct>((*company).clone(), &sam, &positions)
        .offer(ProductId(Uuid::now_v7()), crate::support::shop::details("Cup", 1, 10));
    tx.insert_product(&cup).await.unwrap();
    let order = new_order(&alice, &[&cup, &tea]);
    tx.insert_order(&order).await.unwrap();
    let shared = own::<AddCoOwner>((*order).clone(), &alice)
        .share(CoOwnerId(Uuid::now_v7()), bob.id())
        .unwrap();
    tx.update_order(&shared).await.unwrap();
    let shipped = own::<ShipOrder>((*shared).clone(), &sam).ship(NOW).unwrap();
    tx.update_order(&shipped).await.unwrap();
    let until = NOW.plus(Duration::from_hours(1));
    let delegation = Delegation::grant(
        DelegationId(Uuid::now_v7()),
        &alice.principal(),
        bob.id(),
        Scope::Reading,
        until,
        NOW,
    );
    let delegation = delegation.unwrap();
    tx.insert_delegation(&delegation).await.unwrap();
    let record = AuditRecord {
        id: AuditId(Uuid::now_v7()),
        at: NOW,
        principal: bob.id(),
        operation: Operation::ReadOrder,
        resource: "order 1".to_owned(),
        outcome: Outcome::Rejected,
        reason: Some(Text::new("because").unwrap()),
        request_id: None,
    };
    tx.record(&record).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.product(tea.id).await.unwrap().as_ref(), Some(&*tea));
    assert_eq!(tx.product(cup.id).await.unwrap().as_ref(), Some(&*cup));
    assert_eq!(tx.order(order.id).await.unwrap().as_ref(), Some(&*shipped));
    assert_eq!(shipped.lines.iter().map(|line| line.product).collect::<Vec<_>>(), [cup.id, tea.id]);
    assert_eq!(tx.organisation(company.id).await.unwrap().as_ref(), Some(&*company));
    assert_eq!(tx.organisation(team.id).await.unwrap().as_ref(), Some(&*team));
    assert_eq!(tx.membership(invited.id).await.unwrap().as_ref(), Some(&*invited));
    assert_eq!(
        tx.members_of(company.id, all()).await.unwrap(),
        [(*invited).clone(), (*manager).clone()]
    );
    assert_eq!(
        tx.memberships_of(&bob.id(), all()).await.unwrap(),
        [((*invited).clone(), (*company).clone())]
    );
    assert_eq!(tx.delegation(delegation.id).await.unwrap().as_ref(), Some(&*delegation));
    assert_eq!(tx.delegations_of(&bob.id(), all()).await.unwrap(), [(*delegation).clone()]);
    assert_eq!(tx.audit_records(all()).await.unwrap(), [record]);
}
