//! Use cases of orders.

use portcullis_principal::PrincipalId;
use uuid::Uuid;

use super::failure::{Failure, Fault};
use super::input::{Input, Precondition};
use super::ports::{Answer, IdempotencyKey, Page};
use super::session::{Caller, Session, Shop};
use crate::domain::order::{
    AddCoOwner, AllOrders, CancelOrder, ListAllOrders, Order, OrderError, OrderLine, ReadOrder,
    RemoveCoOwner, ShipOrder,
};
use crate::domain::stock::{Quantity, StockChange};
use crate::domain::values::{CoOwnerId, OrderId, ProductId};

/// What is to be bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Of what.
    pub product: ProductId,
    /// How many.
    pub quantity: Quantity,
}

/// Under what the request may be sent again, and what tells its body from another.
#[derive(Clone, Debug)]
pub struct Repeatable {
    /// The key.
    pub key: IdempotencyKey,
    /// Of the body.
    pub fingerprint: String,
}

/// Places the order, or gives the answer that was given under the same key.
///
/// # Errors
/// See [`Failure`]. Stock that is not there is a conflict; a product that is not there, a fault of the body.
pub async fn place_order(
    shop: &Shop,
    caller: &Caller,
    repeatable: Option<Repeatable>,
    input: impl Input<Vec<Wish>>,
) -> Result<Order, Failure> {
    let mut session = match &repeatable {
        Some(repeatable) => Session::write_alone(shop, caller, &repeatable.key).await?,
        None => Session::write(shop, caller).await?,
    };
    if let Some(repeatable) = &repeatable
        && let Some(answer) = session.tx.answer(&repeatable.key).await?
    {
        return replay(session, &answer, repeatable).await;
    }
    let (lines, taken) = buy(&mut session, &input()?).await?;
    let order = Order::place(OrderId(Uuid::now_v7()), &caller.principal, lines, session.now)
        .map_err(|error| Fault::body("/lines", &error).alone())?;
    for change in taken {
        session.tx.change_stock(change).await?;
    }
    session.tx.insert_order(&order).await?;
    if let Some(Repeatable { key, fingerprint }) = repeatable {
        session.tx.keep_answer(&key, &Answer { fingerprint, order: order.id }).await?;
    }
    session.done(order.into_inner()).await
}

/// The answer of the first time, to those who may still see it.
async fn replay(mut session: Session<'_>, answer: &Answer, again: &Repeatable) -> Result<Order, Failure> {
    let order = session.tx.order(answer.order).await?.ok_or(Failure::Absent("order"))?;
    let permit = session.admit::<ReadOrder>(order).await?;
    if answer.fingerprint != again.fingerprint {
        return Err(Failure::KeyReused);
    }
    session.done(permit.into_inner().as_placed()).await
}

/// The lines in the order of the wishes. Products are loaded in the order of their ids, so that two buyers of the same
/// things wait for each other in one direction only.
async fn buy(
    session: &mut Session<'_>,
    wishes: &[Wish],
) -> Result<(Vec<OrderLine>, Vec<StockChange>), Failure> {
    let mut places: Vec<usize> = (0..wishes.len()).collect();
    places.sort_by_key(|place| wishes[*place].product);
    let mut bought = Vec::with_capacity(wishes.len());
    for place in places {
        let wish = &wishes[place];
        let product = session.tx.product(wish.product).await?.ok_or_else(|| {
            Fault::body(format!("/lines/{place}/product_id"), &"must be a product of the shop").alone()
        })?;
        let (line, taken) = product.sell(wish.quantity)?;
        bought.push((place, line, taken));
    }
    let taken = bought.iter().map(|(_, _, taken)| *taken).collect();
    bought.sort_by_key(|(place, ..)| *place);
    Ok((bought.into_iter().map(|(_, line, _)| line).collect(), taken))
}

/// The orders, the latest first.
///
/// # Errors
/// See [`Failure`].
pub async fn list_orders(shop: &Shop, caller: &Caller, page: Page<OrderId>) -> Result<Vec<Order>, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let orders = if caller.is_admin() {
        let permit = session.admit::<ListAllOrders>(AllOrders).await?;
        session.tx.all_orders(&permit, page).await?
    } else {
        session.tx.orders_of(caller.principal.id(), session.now, page).await?
    };
    session.done(orders).await
}

/// The order, to those who may see it.
///
/// # Errors
/// See [`Failure`].
pub async fn read_order(shop: &Shop, caller: &Caller, id: OrderId) -> Result<Order, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let order = session.tx.order(id).await?.ok_or(Failure::Absent("order"))?;
    let permit = session.admit::<ReadOrder>(order).await?;
    session.done(permit.into_inner()).await
}

/// Cancels the order.
///
/// # Errors
/// See [`Failure`]. Once anything of it is shipped it is a conflict.
pub async fn cancel_order(
    shop: &Shop,
    caller: &Caller,
    id: OrderId,
    precondition: Precondition,
) -> Result<Order, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let order = session.tx.order(id).await?.ok_or(Failure::Absent("order"))?;
    let permit = session.admit::<CancelOrder>(order).await?;
    let outcome = precondition.check(permit.on().version).and_then(|()| Ok(permit.cancel(session.now)?));
    let (mut session, (order, mut back)) = session.judged(outcome).await?;
    session.tx.update_order(&order).await?;
    // in the order of their ids, as buyers take them
    back.sort_by_key(|change: &StockChange| change.product());
    for change in back {
        session.tx.change_stock(change).await?;
    }
    session.done(order.into_inner()).await
}

/// Ships the caller's lines of the order.
///
/// # Errors
/// See [`Failure`].
pub async fn ship_order(
    shop: &Shop,
    caller: &Caller,
    id: OrderId,
    precondition: Precondition,
) -> Result<Order, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let order = session.tx.order(id).await?.ok_or(Failure::Absent("order"))?;
    let permit = session.admit::<ShipOrder>(order).await?;
    let outcome = precondition.check(permit.on().version).and_then(|()| Ok(permit.ship(session.now)?));
    let (mut session, order) = session.judged(outcome).await?;
    session.tx.update_order(&order).await?;
    session.done(order.into_inner()).await
}

/// Shares the order. The new co-owner is the last one.
///
/// # Errors
/// See [`Failure`].
pub async fn share_order(
    shop: &Shop,
    caller: &Caller,
    id: OrderId,
    precondition: Precondition,
    input: impl Input<PrincipalId>,
) -> Result<Order, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let order = session.tx.order(id).await?.ok_or(Failure::Absent("order"))?;
    let permit = session.admit::<AddCoOwner>(order).await?;
    precondition.check(permit.on().version)?;
    let order = permit.share(CoOwnerId(Uuid::now_v7()), input()?)?;
    session.tx.update_order(&order).await?;
    session.done(order.into_inner()).await
}

/// Ends the share.
///
/// # Errors
/// See [`Failure`]. A share that is not there is absent, as any other thing.
pub async fn unshare_order(
    shop: &Shop,
    caller: &Caller,
    id: OrderId,
    share: CoOwnerId,
    precondition: Precondition,
) -> Result<Order, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let order = session.tx.order(id).await?.ok_or(Failure::Absent("order"))?;
    let permit = session.admit::<RemoveCoOwner>(order).await?;
    precondition.check(permit.on().version)?;
    let order = permit.unshare(share).map_err(|error| match error {
        OrderError::NotShared => Failure::Absent("co-owner"),
        other => other.into(),
    })?;
    session.tx.update_order(&order).await?;
    session.done(order.into_inner()).await
}
