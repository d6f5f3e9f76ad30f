//! What every storage keeps: the MUSTs of `application/ports.rs`, tried on each.

use std::sync::Arc;
use std::time::Duration;

use backend::application::ports::{Answer, Constraint, IdempotencyKey, Page, Store, StoreError, Transaction};
use backend::domain::audit::{AuditRecord, Outcome};
use backend::domain::delegation::{Delegation, Scope};
use backend::domain::id::{
    AuditId, CoOwnerId, DelegationId, MembershipId, OrderId, OrganisationId, ProductId,
};
use backend::domain::order::{Order, Quantity};
use backend::domain::organisation::{Organisation, Role};
use backend::domain::ownership::{
    AcceptMembership, Act, AddCoOwner, AddDepartment, AddProduct, AllOrders, Bond, EndMembership,
    InviteMember, ListAllOrders, Operation, Permit, Relations, RevokeDelegation, ShipOrder, UpdateProduct,
    Warranted, decide,
};
use backend::domain::product::Product;
use backend::domain::text::Text;
use backend::domain::time::Timestamp;
use uuid::Uuid;

use crate::on_each_store;
use crate::support::Person;
use crate::support::shop::details;

type AnyStore = Arc<dyn Store>;

const NOW: Timestamp = Timestamp(1_700_000_000_123);

on_each_store![
    what_was_written_is_read_again_to_the_letter,
    what_was_not_committed_never_was,
    a_reading_transaction_sees_one_state_and_writes_nothing,
    a_change_of_what_has_changed_meanwhile_is_stale,
    what_a_writer_has_loaded_waits_for_its_end,
    a_stock_never_goes_below_zero,
    somebody_has_one_place_in_a_node,
    pages_have_everything_once_the_latest_first,
    a_search_is_taken_by_the_letter_in_any_case,
    relations_are_what_is_on_record_and_accepted,
    a_key_is_worked_on_by_one_at_a_time,
    keys_of_other_people_methods_and_routes_are_other_keys,
];

fn new_product(seller: &Person, name: &str, stock: u32) -> Warranted<Product> {
    Product::offer(ProductId(Uuid::now_v7()), &seller.principal(), details(name, 250, stock))
}

fn new_order(customer: &Person, products: &[&Product]) -> Warranted<Order> {
    let lines = products.iter().map(|product| product.sell(Quantity::new(2).unwrap()).unwrap().0);
    Order::place(OrderId(Uuid::now_v7()), &customer.principal(), lines.collect(), NOW).unwrap()
}

fn permit<A: Act>(on: A::On, who: &Person, relations: &Relations) -> Permit<A> {
    decide::<A>(on, &who.principal(), relations, NOW).unwrap()
}

fn own<A: Act>(on: A::On, who: &Person) -> Permit<A> {
    permit(on, who, &Relations::default())
}

fn all<Id>() -> Page<Id> {
    Page { after: None, limit: 100 }
}

async fn write(store: &AnyStore) -> Box<dyn Transaction> {
    store.write().await.unwrap()
}

async fn stored_product(store: &AnyStore, product: &Warranted<Product>) {
    let mut tx = write(store).await;
    tx.insert_product(product).await.unwrap();
    tx.commit().await.unwrap();
}

async fn what_was_written_is_read_again_to_the_letter(store: AnyStore) {
    let (alice, bob, sam) =
        (Person::customer("Ålice \"O'Hara\" \\ %_"), Person::customer("bob"), Person::seller("sam"));
    let mut details = details("Tee für Löwen 🦁", 99_999_999_999, 1_000_000);
    details.description = Some(Text::new("two\nlines\tand a tab").unwrap());
    let tea = Product::offer(ProductId(Uuid::now_v7()), &sam.principal(), details);
    let (company, manager) = Organisation::found(
        OrganisationId(Uuid::now_v7()),
        Text::new("Löwe & Söhne").unwrap(),
        &sam.principal(),
        MembershipId(Uuid::now_v7()),
        NOW,
    );
    let mut tx = write(&store).await;
    tx.insert_organisation(&company).await.unwrap();
    tx.insert_membership(&manager).await.unwrap();
    let posts = tx.relations(&sam.id(), Bond::Organisation(company.id)).await.unwrap();
    let team = permit::<AddDepartment>((*company).clone(), &sam, &posts)
        .add(OrganisationId(Uuid::now_v7()), Text::new("Team").unwrap())
        .unwrap();
    tx.insert_organisation(&team).await.unwrap();
    let invited = permit::<InviteMember>((*company).clone(), &sam, &posts).invite(
        MembershipId(Uuid::now_v7()),
        bob.id(),
        Role::Editor,
    );
    tx.insert_membership(&invited).await.unwrap();
    tx.insert_product(&tea).await.unwrap();
    let cup = permit::<AddProduct>((*company).clone(), &sam, &posts)
        .offer(ProductId(Uuid::now_v7()), crate::support::shop::details("Cup", 1, 10));
    tx.insert_product(&cup).await.unwrap();
    let order = new_order(&alice, &[&cup, &tea]);
    tx.insert_order(&order).await.unwrap();
    let shared =
        own::<AddCoOwner>((*order).clone(), &alice).share(CoOwnerId(Uuid::now_v7()), bob.id()).unwrap();
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
        who: bob.id(),
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
    assert_eq!(tx.members_of(company.id, all()).await.unwrap(), [(*invited).clone(), (*manager).clone()]);
    assert_eq!(
        tx.memberships_of(&bob.id(), all()).await.unwrap(),
        [((*invited).clone(), (*company).clone())]
    );
    assert_eq!(tx.delegation(delegation.id).await.unwrap().as_ref(), Some(&*delegation));
    assert_eq!(tx.delegations_of(&bob.id(), all()).await.unwrap(), [(*delegation).clone()]);
    assert_eq!(tx.audit_records(all()).await.unwrap(), [record]);
}

async fn what_was_not_committed_never_was(store: AnyStore) {
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let tea = new_product(&sam, "Tea", 5);
    stored_product(&store, &tea).await;
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

async fn a_reading_transaction_sees_one_state_and_writes_nothing(store: AnyStore) {
    let sam = Person::seller("sam");
    let (first, second) = (new_product(&sam, "First", 5), new_product(&sam, "Second", 5));
    stored_product(&store, &first).await;
    let mut reading = store.read().await.unwrap();
    assert_eq!(reading.products(None, all()).await.unwrap().len(), 1);
    stored_product(&store, &second).await;
    assert_eq!(reading.products(None, all()).await.unwrap().len(), 1);
    assert!(reading.insert_product(&new_product(&sam, "Third", 5)).await.is_err());
    drop(reading);
    assert_eq!(store.read().await.unwrap().products(None, all()).await.unwrap().len(), 2);
}

async fn a_change_of_what_has_changed_meanwhile_is_stale(store: AnyStore) {
    let sam = Person::seller("sam");
    let tea = new_product(&sam, "Tea", 5);
    stored_product(&store, &tea).await;
    let update = |name| own::<UpdateProduct>((*tea).clone(), &sam).update(details(name, 1, 1)).unwrap();
    let mut tx = write(&store).await;
    tx.update_product(&update("first")).await.unwrap();
    assert!(matches!(tx.update_product(&update("second")).await, Err(StoreError::Stale)));
    tx.commit().await.unwrap();
    let stored = store.read().await.unwrap().product(tea.id).await.unwrap().unwrap();
    assert_eq!((stored.details.name.as_str(), stored.version), ("first", 2));
}

async fn what_a_writer_has_loaded_waits_for_its_end(store: AnyStore) {
    let sam = Person::seller("sam");
    let tea = new_product(&sam, "Tea", 0);
    stored_product(&store, &tea).await;
    let rounds: Vec<_> = (0..20)
        .map(|_| {
            let (store, sam, id) = (Arc::clone(&store), sam.clone(), tea.id);
            tokio::spawn(async move {
                let mut tx = write(&store).await;
                let product = tx.product(id).await.unwrap().unwrap();
                let mut more = product.details.clone();
                more.stock += 1;
                tx.update_product(&own::<UpdateProduct>(product, &sam).update(more).unwrap()).await.unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for round in rounds {
        round.await.unwrap();
    }
    assert_eq!(store.read().await.unwrap().product(tea.id).await.unwrap().unwrap().details.stock, 20);
}

async fn a_stock_never_goes_below_zero(store: AnyStore) {
    let sam = Person::seller("sam");
    let tea = new_product(&sam, "Tea", 3);
    stored_product(&store, &tea).await;
    let (_, two) = tea.sell(Quantity::new(2).unwrap()).unwrap();
    let mut tx = write(&store).await;
    tx.change_stock(two).await.unwrap();
    let refused = tx.change_stock(two).await;
    assert!(matches!(refused, Err(StoreError::Constraint(Constraint::StockNegative))), "{refused:?}");
    drop(tx);
    assert_eq!(store.read().await.unwrap().product(tea.id).await.unwrap().as_ref(), Some(&*tea));
}

async fn somebody_has_one_place_in_a_node(store: AnyStore) {
    let (sam, bob) = (Person::seller("sam"), Person::customer("bob"));
    let (id, membership) = (OrganisationId(Uuid::now_v7()), MembershipId(Uuid::now_v7()));
    let (company, manager) =
        Organisation::found(id, Text::new("Company").unwrap(), &sam.principal(), membership, NOW);
    let mut tx = write(&store).await;
    tx.insert_organisation(&company).await.unwrap();
    tx.insert_membership(&manager).await.unwrap();
    let relations = tx.relations(&sam.id(), Bond::Organisation(id)).await.unwrap();
    let invite = |who: &Person| {
        permit::<InviteMember>((*company).clone(), &sam, &relations).invite(
            MembershipId(Uuid::now_v7()),
            who.id(),
            Role::Member,
        )
    };
    tx.insert_membership(&invite(&bob)).await.unwrap();
    // the same subject of another issuer is somebody else
    tx.insert_membership(&invite(&bob.clone().of("https://other.example"))).await.unwrap();
    let twice = tx.insert_membership(&invite(&bob)).await;
    assert!(matches!(twice, Err(StoreError::Constraint(Constraint::MemberTwice))), "{twice:?}");
}

async fn pages_have_everything_once_the_latest_first(store: AnyStore) {
    let (alice, sam, root) = (Person::customer("alice"), Person::seller("sam"), Person::admin("root"));
    let tea = new_product(&sam, "Tea", 5);
    stored_product(&store, &tea).await;
    let mut placed = Vec::new();
    let mut tx = write(&store).await;
    for _ in 0..7 {
        let order = new_order(&alice, &[&tea]);
        tx.insert_order(&order).await.unwrap();
        placed.push(order.id);
    }
    tx.commit().await.unwrap();
    placed.reverse();

    let everybodys = own::<ListAllOrders>(AllOrders, &root);
    for all_of_them in [false, true] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let mut tx = store.read().await.unwrap();
            let page = Page { after, limit: 3 };
            let orders = if all_of_them {
                tx.all_orders(&everybodys, page).await.unwrap()
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

async fn a_search_is_taken_by_the_letter_in_any_case(store: AnyStore) {
    let sam = Person::seller("sam");
    for name in ["100% Arabica", "100 Arabica", "snake_case", "snakeXcase", "wow!", "wow"] {
        stored_product(&store, &new_product(&sam, name, 1)).await;
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

async fn relations_are_what_is_on_record_and_accepted(store: AnyStore) {
    let (sam, bob, carol) = (Person::seller("sam"), Person::customer("bob"), Person::customer("carol"));
    let (id, membership) = (OrganisationId(Uuid::now_v7()), MembershipId(Uuid::now_v7()));
    let (company, manager) =
        Organisation::found(id, Text::new("Company").unwrap(), &sam.principal(), membership, NOW);
    let mut tx = write(&store).await;
    tx.insert_organisation(&company).await.unwrap();
    tx.insert_membership(&manager).await.unwrap();
    let posts = tx.relations(&sam.id(), Bond::Organisation(id)).await.unwrap();
    assert_eq!(
        posts.posts.iter().map(|post| (post.role, post.above)).collect::<Vec<_>>(),
        [(Role::Manager, 0)]
    );
    let department = permit::<AddDepartment>((*company).clone(), &sam, &posts)
        .add(OrganisationId(Uuid::now_v7()), Text::new("Department").unwrap())
        .unwrap();
    tx.insert_organisation(&department).await.unwrap();
    let posts = tx.relations(&sam.id(), Bond::Organisation(department.id)).await.unwrap();
    assert_eq!(
        posts.posts.iter().map(|post| (post.role, post.above)).collect::<Vec<_>>(),
        [(Role::Manager, 1)]
    );
    let invited = permit::<InviteMember>((*department).clone(), &sam, &posts).invite(
        MembershipId(Uuid::now_v7()),
        bob.id(),
        Role::Editor,
    );
    tx.insert_membership(&invited).await.unwrap();
    assert_eq!(tx.relations(&sam.id(), Bond::Person(&bob.id())).await.unwrap(), Relations::default());
    assert_eq!(
        tx.relations(&bob.id(), Bond::Organisation(department.id)).await.unwrap(),
        Relations::default()
    );
    let accepted = own::<AcceptMembership>((*invited).clone(), &bob).accept(NOW).unwrap();
    tx.update_membership(&accepted).await.unwrap();
    let above_bob = tx.relations(&sam.id(), Bond::Person(&bob.id())).await.unwrap();
    let seen: Vec<_> = above_bob.posts.iter().map(|post| (post.role, post.above, post.theirs)).collect();
    assert_eq!(seen, [(Role::Manager, 1, Some(Role::Editor))]);
    // downwards only: bob's place is below the company's
    assert_eq!(tx.relations(&bob.id(), Bond::Organisation(id)).await.unwrap(), Relations::default());
    assert_eq!(tx.relations(&bob.id(), Bond::Person(&sam.id())).await.unwrap(), Relations::default());

    let until = NOW.plus(Duration::from_hours(1));
    let id = DelegationId(Uuid::now_v7());
    let delegation =
        Delegation::grant(id, &bob.principal(), carol.id(), Scope::Everything, until, NOW).unwrap();
    tx.insert_delegation(&delegation).await.unwrap();
    let granted = tx.relations(&carol.id(), Bond::Person(&bob.id())).await.unwrap();
    assert_eq!(granted.delegations, [(*delegation).clone()]);
    assert_eq!(tx.relations(&bob.id(), Bond::Person(&carol.id())).await.unwrap(), Relations::default());

    tx.delete_delegation(&own::<RevokeDelegation>((*delegation).clone(), &bob)).await.unwrap();
    tx.delete_membership(&own::<EndMembership>((*accepted).clone(), &bob)).await.unwrap();
    assert_eq!(tx.relations(&carol.id(), Bond::Person(&bob.id())).await.unwrap(), Relations::default());
    assert_eq!(tx.relations(&sam.id(), Bond::Person(&bob.id())).await.unwrap(), Relations::default());
}

fn key(who: &Person, method: &'static str, route: &'static str, key: &str) -> IdempotencyKey {
    IdempotencyKey { who: who.id(), method, route, key: key.to_owned() }
}

async fn a_key_is_worked_on_by_one_at_a_time(store: AnyStore) {
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let tea = new_product(&sam, "Tea", 5);
    stored_product(&store, &tea).await;
    let (key, order) = (key(&alice, "POST", "/orders", "k"), new_order(&alice, &[&tea]));
    let mut first = store.write_alone(&key).await.unwrap().unwrap();
    assert!(store.write_alone(&key).await.unwrap().is_none());
    assert_eq!(first.answer(&key).await.unwrap(), None);
    first.insert_order(&order).await.unwrap();
    let answer = Answer { fingerprint: "f".to_owned(), order: order.id };
    first.keep_answer(&key, &answer).await.unwrap();
    first.commit().await.unwrap();

    let mut second = store.write_alone(&key).await.unwrap().unwrap();
    assert_eq!(second.answer(&key).await.unwrap(), Some(answer));
}

async fn keys_of_other_people_methods_and_routes_are_other_keys(store: AnyStore) {
    let (alice, sam) = (Person::customer("alice"), Person::seller("sam"));
    let tea = new_product(&sam, "Tea", 5);
    stored_product(&store, &tea).await;
    let (first, order) = (key(&alice, "POST", "/orders", "k"), new_order(&alice, &[&tea]));
    let mut tx = store.write_alone(&first).await.unwrap().unwrap();
    tx.insert_order(&order).await.unwrap();
    tx.keep_answer(&first, &Answer { fingerprint: "f".to_owned(), order: order.id }).await.unwrap();
    tx.commit().await.unwrap();
    for other in [
        key(&Person::customer("bob"), "POST", "/orders", "k"),
        key(&alice.clone().of("https://other.example"), "POST", "/orders", "k"),
        key(&alice, "PUT", "/orders", "k"),
        key(&alice, "POST", "/products", "k"),
        key(&alice, "POST", "/orders", "K"),
    ] {
        let mut tx = store.write_alone(&other).await.unwrap().unwrap();
        assert_eq!(tx.answer(&other).await.unwrap(), None, "{other:?}");
    }
}
