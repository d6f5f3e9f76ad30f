//! Use cases without HTTP or a database, with a manual clock.

use std::sync::Arc;
use std::time::Duration;

use backend::application::delegations::{NewDelegation, grant_delegation, revoke_delegation};
use backend::application::failure::{Conflict, Failure, Invalid};
use backend::application::orders::{
    Idempotency, OrderItem, cancel_order, place_order, read_order, ship_order,
};
use backend::application::organisations::create_organisation;
use backend::application::ports::{Clock as _, IdempotencyKey, IdempotencyRecord};
use backend::application::products::{NewProduct, add_product, update_product};
use backend::application::{Caller, Precondition, Settings, Shop};
use backend::domain::delegation::Scope;
use backend::domain::order::{MAX_LINES, Order, OrderError, OrderState};
use backend::domain::product::{MAX_CENTS, ProductError};
use backend::domain::stock::{MAX_QUANTITY, Quantity};
use backend::domain::values::{Currency, ProductId, Text};
use proptest::prelude::*;

use crate::support::Person;
use crate::support::memory::{MemoryStore, SetClock};
use crate::support::shop::{caller, details, new_product};

fn shop() -> (Shop, SetClock) {
    let clock = SetClock::at(1_700_000_000_000);
    let store = Arc::new(MemoryStore::default());
    (Shop { store, clock: Arc::new(clock.clone()), settings: Settings::default() }, clock)
}

fn item(product: ProductId, quantity: u32) -> OrderItem {
    OrderItem { product, quantity: Quantity::new(quantity).unwrap() }
}

async fn order(shop: &Shop, who: &Caller, items: Vec<OrderItem>) -> Result<Order, Failure> {
    place_order(shop, who, None, || Ok(items)).await
}

async fn stock(shop: &Shop, product: ProductId) -> u32 {
    shop.store.read().await.unwrap().product(product).await.unwrap().unwrap().details.stock
}

#[tokio::test]
async fn an_order_has_the_price_at_its_time() {
    let (shop, _) = shop();
    let (alice, sam) = (caller(&Person::customer("alice")), Person::seller("sam"));
    let tea = new_product(&shop, &sam, 250, 10).await.id;
    let before = order(&shop, &alice, vec![item(tea, 2)]).await.unwrap();
    let dearer = || Ok(details("Tea", 300, 8));
    update_product(&shop, &caller(&sam), tea, Precondition::Any, dearer).await.unwrap();
    let after = order(&shop, &alice, vec![item(tea, 2)]).await.unwrap();
    let before = read_order(&shop, &alice, before.id).await.unwrap();
    assert_eq!((before.total().unwrap().cents, after.total().unwrap().cents), (500, 600));
}

#[tokio::test]
async fn an_order_takes_stock_and_its_cancellation_returns_it() {
    let (shop, _) = shop();
    let (alice, sam) = (caller(&Person::customer("alice")), Person::seller("sam"));
    let (tea, cup) =
        (new_product(&shop, &sam, 250, 10).await.id, new_product(&shop, &sam, 900, 1).await.id);
    let both = order(&shop, &alice, vec![item(cup, 1), item(tea, 3)]).await.unwrap();
    assert_eq!(both.lines.iter().map(|line| line.product).collect::<Vec<_>>(), [cup, tea]);
    assert_eq!((stock(&shop, tea).await, stock(&shop, cup).await), (7, 0));
    // if one item is out of stock, nothing is bought
    let short = order(&shop, &alice, vec![item(tea, 1), item(cup, 1)]).await;
    let out = Conflict::Product(ProductError::OutOfStock { left: 0 });
    assert!(matches!(short, Err(Failure::Conflict(conflict)) if conflict == out), "{short:?}");
    assert_eq!(stock(&shop, tea).await, 7);
    cancel_order(&shop, &alice, both.id, Precondition::None).await.unwrap();
    assert_eq!((stock(&shop, tea).await, stock(&shop, cup).await), (10, 1));
    let twice = cancel_order(&shop, &alice, both.id, Precondition::None).await;
    assert!(
        matches!(twice, Err(Failure::Conflict(Conflict::Order(OrderError::Cancelled)))),
        "{twice:?}"
    );
    assert_eq!(stock(&shop, tea).await, 10);
}

#[tokio::test]
async fn each_seller_ships_own_lines_and_a_shipped_order_cannot_be_cancelled() {
    let (shop, _) = shop();
    let alice = caller(&Person::customer("alice"));
    let (sam, sue) = (Person::seller("sam"), Person::seller("sue"));
    let (tea, cup) =
        (new_product(&shop, &sam, 250, 10).await.id, new_product(&shop, &sue, 900, 10).await.id);
    let id = order(&shop, &alice, vec![item(tea, 1), item(cup, 1)]).await.unwrap().id;
    let stranger = ship_order(&shop, &caller(&Person::seller("eve")), id, Precondition::None).await;
    assert!(matches!(stranger, Err(Failure::Refused(_))), "{stranger:?}");
    let owner = ship_order(&shop, &alice, id, Precondition::None).await;
    assert!(matches!(owner, Err(Failure::Refused(_))), "{owner:?}");
    let partly = ship_order(&shop, &caller(&sam), id, Precondition::None).await.unwrap();
    assert_eq!(partly.state(), OrderState::PartlyShipped);
    let again = ship_order(&shop, &caller(&sam), id, Precondition::None).await;
    assert!(
        matches!(again, Err(Failure::Conflict(Conflict::Order(OrderError::Shipped)))),
        "{again:?}"
    );
    let late = cancel_order(&shop, &alice, id, Precondition::None).await;
    assert!(
        matches!(late, Err(Failure::Conflict(Conflict::Order(OrderError::Shipped)))),
        "{late:?}"
    );
    let wholly = ship_order(&shop, &caller(&sue), id, Precondition::None).await.unwrap();
    assert_eq!(wholly.state(), OrderState::Shipped);
}

#[tokio::test]
async fn a_cancelled_order_cannot_be_shipped() {
    let (shop, _) = shop();
    let (alice, sam) = (caller(&Person::customer("alice")), Person::seller("sam"));
    let tea = new_product(&shop, &sam, 250, 10).await.id;
    let id = order(&shop, &alice, vec![item(tea, 1)]).await.unwrap().id;
    cancel_order(&shop, &alice, id, Precondition::None).await.unwrap();
    let late = ship_order(&shop, &caller(&sam), id, Precondition::None).await;
    assert!(
        matches!(late, Err(Failure::Conflict(Conflict::Order(OrderError::Cancelled)))),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_delegation_ends_to_the_millisecond_and_immediately_when_revoked() {
    let (shop, clock) = shop();
    let (alice, bob) = (caller(&Person::customer("alice")), caller(&Person::customer("bob")));
    let tea = new_product(&shop, &Person::seller("sam"), 250, 10).await.id;
    let id = order(&shop, &alice, vec![item(tea, 1)]).await.unwrap().id;
    let grant = async |seconds| {
        let until = clock.now().plus(Duration::from_secs(seconds));
        let grant =
            NewDelegation { delegate: bob.principal.id().clone(), scope: Scope::Reading, until };
        grant_delegation(&shop, &alice, || Ok(grant)).await.unwrap().id
    };
    let may = async || read_order(&shop, &bob, id).await.is_ok();
    assert!(!may().await);
    grant(10).await;
    assert!(may().await);
    let cancelled = cancel_order(&shop, &bob, id, Precondition::None).await;
    assert!(matches!(cancelled, Err(Failure::Refused(_))), "for reading only: {cancelled:?}");
    clock.advance(9_999);
    assert!(may().await);
    clock.advance(1);
    assert!(!may().await);
    let second = grant(10).await;
    assert!(may().await);
    let by_the_delegate = revoke_delegation(&shop, &bob, second).await;
    assert!(matches!(by_the_delegate, Err(Failure::Refused(_))), "{by_the_delegate:?}");
    revoke_delegation(&shop, &alice, second).await.unwrap();
    assert!(!may().await);
}

#[tokio::test]
async fn a_delegation_is_to_another_person_and_ends_within_366_days() {
    let (shop, clock) = shop();
    let (alice, bob) = (caller(&Person::customer("alice")), caller(&Person::customer("bob")));
    for (delegate, hours, pointer) in [
        (&alice, 1, Some("/delegate")),
        (&bob, 0, Some("/until")),
        (&bob, 366 * 24 + 1, Some("/until")),
        (&bob, 366 * 24, None),
    ] {
        let delegate = delegate.principal.id().clone();
        let grant = NewDelegation {
            delegate,
            scope: Scope::Reading,
            until: clock.now().plus(Duration::from_hours(hours)),
        };
        let granted = grant_delegation(&shop, &alice, || Ok(grant)).await;
        let error = match granted {
            Err(Failure::Invalid(Invalid::Fields(errors))) => {
                Some(format!("{:?}", errors[0].location))
            }
            other => other.map(|_| None).unwrap(),
        };
        assert_eq!(error, pointer.map(|pointer| format!("Body({pointer:?})")));
    }
}

/// A customer cannot lose access to an own order, so the test stores a record that refers to
/// another customer's order.
#[tokio::test]
async fn a_repeated_request_decides_ownership_before_it_reveals_anything() {
    let (shop, _) = shop();
    let (alice, bob) = (caller(&Person::customer("alice")), caller(&Person::customer("bob")));
    let tea = new_product(&shop, &Person::seller("sam"), 250, 10).await.id;
    let hers = order(&shop, &alice, vec![item(tea, 1)]).await.unwrap();
    let principal = bob.principal.id().clone();
    let key = IdempotencyKey { principal, method: "POST", route: "/orders", key: "k".to_owned() };
    let mut tx = shop.store.write_exclusive(&key).await.unwrap().unwrap();
    tx.insert_idempotency_record(
        &key,
        &IdempotencyRecord { fingerprint: "f".to_owned(), order: hers.id },
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    for fingerprint in ["f", "another"] {
        let again = Idempotency { key: key.clone(), fingerprint: fingerprint.to_owned() };
        let replayed = place_order(&shop, &bob, Some(again), || Ok(vec![item(tea, 1)])).await;
        assert!(matches!(replayed, Err(Failure::Refused(_))), "{replayed:?}");
    }
    assert_eq!(stock(&shop, tea).await, 9);
}

#[tokio::test]
async fn only_its_editors_can_add_a_product_of_an_organisation() {
    let (shop, _) = shop();
    let (sam, eve) = (caller(&Person::seller("sam")), caller(&Person::seller("eve")));
    let company =
        create_organisation(&shop, &sam, || Ok(Text::new("Company").unwrap())).await.unwrap();
    let new = || Ok(NewProduct { organisation: Some(company.id), details: details("Tea", 250, 1) });
    assert_eq!(add_product(&shop, &sam, new).await.unwrap().organisation, Some(company.id));
    let stranger = add_product(&shop, &eve, new).await;
    assert!(matches!(stranger, Err(Failure::Refused(_))), "{stranger:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_total_of_an_order_is_exact(lines in proptest::collection::vec((1..=MAX_CENTS, 1..=MAX_QUANTITY), 1..=MAX_LINES)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let total = runtime.block_on(async {
            let (shop, _) = shop();
            let (alice, sam) = (caller(&Person::customer("alice")), Person::seller("sam"));
            let mut items = Vec::new();
            for (cents, quantity) in &lines {
                items.push(item(new_product(&shop, &sam, *cents, MAX_QUANTITY).await.id, *quantity));
            }
            order(&shop, &alice, items).await.unwrap().total().unwrap()
        });
        let expected: i128 = lines.iter().map(|(cents, quantity)| i128::from(*cents) * i128::from(*quantity)).sum();
        prop_assert_eq!(i128::from(total.cents), expected);
        prop_assert_eq!(total.currency, Currency::new("EUR").unwrap());
    }
}
