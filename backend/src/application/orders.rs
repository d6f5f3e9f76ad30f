//! Use cases of orders.

use portcullis_principal::PrincipalId;
use uuid::Uuid;

use super::failure::{Failure, FieldError};
use super::ports::{IdempotencyKey, IdempotencyRecord, Page};
use super::session::{Caller, Input, Precondition, Session, Shop};
use crate::domain::order::{
    AddCoOwner, AllOrders, CancelOrder, ListAllOrders, Order, OrderError, OrderLine, ReadOrder,
    RemoveCoOwner, ShipOrder,
};
use crate::domain::stock::{Quantity, StockChange};
use crate::domain::values::{CoOwnerId, OrderId, ProductId};

/// One product of a new order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderItem {
    /// The product.
    pub product: ProductId,
    /// Number of pieces.
    pub quantity: Quantity,
}

/// Idempotency key of a request, with the fingerprint of its body.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The idempotency key.
    pub key: IdempotencyKey,
    /// Hash of the body.
    pub fingerprint: String,
}

/// Places an order for the caller, or returns the order that a request with the same idempotency
/// key placed. No ownership question arises: the caller is always the customer.
///
/// # Errors
/// See [`Failure`]. Insufficient stock is a conflict; an unknown product is a field error.
pub async fn place_order(
    shop: &Shop,
    caller: &Caller,
    idempotency: Option<Idempotency>,
    input: impl Input<Vec<OrderItem>>,
) -> Result<Order, Failure> {
    let mut session = match &idempotency {
        Some(idempotency) => Session::write_exclusive(shop, caller, &idempotency.key).await?,
        None => Session::write(shop, caller).await?,
    };
    if let Some(idempotency) = &idempotency
        && let Some(record) = session.tx.idempotency_record(&idempotency.key).await?
    {
        return replay(session, &record, idempotency).await;
    }
    let (lines, taken) = sell_items(&mut session, &input()?).await?;
    let order = Order::place(OrderId(Uuid::now_v7()), &caller.principal, lines, session.now)
        .map_err(|error| FieldError::body("/lines", &error).into_invalid())?;
    for change in taken {
        session.tx.change_stock(change).await?;
    }
    session.tx.insert_order(&order).await?;
    if let Some(Idempotency { key, fingerprint }) = idempotency {
        session
            .tx
            .insert_idempotency_record(&key, &IdempotencyRecord { fingerprint, order: order.id })
            .await?;
    }
    session.commit(order.into_inner()).await
}

/// Returns the order of the first request as it was placed, if the caller may still read it.
async fn replay(
    mut session: Session<'_>,
    record: &IdempotencyRecord,
    again: &Idempotency,
) -> Result<Order, Failure> {
    let order = session.tx.order(record.order).await?.ok_or(Failure::NotFound("order"))?;
    let permit = session.authorize::<ReadOrder>(order).await?;
    if record.fingerprint != again.fingerprint {
        return Err(Failure::KeyReused);
    }
    session.commit(permit.into_inner().as_placed()).await
}

/// Takes the items from stock. Returns the order lines in the order of the items. Products are
/// loaded in the order of their ids, so that concurrent buyers cannot deadlock.
async fn sell_items(
    session: &mut Session<'_>,
    items: &[OrderItem],
) -> Result<(Vec<OrderLine>, Vec<StockChange>), Failure> {
    let mut indices: Vec<usize> = (0..items.len()).collect();
    indices.sort_by_key(|index| items[*index].product);
    let mut bought = Vec::with_capacity(items.len());
    for index in indices {
        let item = &items[index];
        let product = session.tx.product(item.product).await?.ok_or_else(|| {
            FieldError::body(format!("/lines/{index}/product_id"), &"must be a product of the shop")
                .into_invalid()
        })?;
        let (line, taken) = product.sell(item.quantity)?;
        bought.push((index, line, taken));
    }
    let taken = bought.iter().map(|(_, _, taken)| *taken).collect();
    bought.sort_by_key(|(index, ..)| *index);
    Ok((bought.into_iter().map(|(_, line, _)| line).collect(), taken))
}

/// Lists the caller's orders and those shared with the caller, newest first. For an admin, lists
/// all orders by the bypass.
///
/// # Errors
/// See [`Failure`].
pub async fn list_orders(
    shop: &Shop,
    caller: &Caller,
    page: Page<OrderId>,
) -> Result<Vec<Order>, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let orders = if caller.is_admin() {
        let permit = session.authorize::<ListAllOrders>(AllOrders).await?;
        session.tx.all_orders(&permit, page).await?
    } else {
        session.tx.orders_of(caller.principal.id(), session.now, page).await?
    };
    session.commit(orders).await
}

/// Returns an order.
///
/// # Errors
/// See [`Failure`].
pub async fn read_order(shop: &Shop, caller: &Caller, id: OrderId) -> Result<Order, Failure> {
    let mut session = Session::read(shop, caller).await?;
    let order = session.tx.order(id).await?.ok_or(Failure::NotFound("order"))?;
    let permit = session.authorize::<ReadOrder>(order).await?;
    session.commit(permit.into_inner()).await
}

/// Cancels an order and returns its pieces to stock.
///
/// # Errors
/// See [`Failure`]. An order of which any line was shipped is a conflict.
pub async fn cancel_order(
    shop: &Shop,
    caller: &Caller,
    id: OrderId,
    precondition: Precondition,
) -> Result<Order, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let order = session.tx.order(id).await?.ok_or(Failure::NotFound("order"))?;
    let permit = session.authorize::<CancelOrder>(order).await?;
    let outcome = precondition
        .check(permit.resource().version)
        .and_then(|()| Ok(permit.cancel(session.now)?));
    let (mut session, (order, mut back)) = session.record_rejection(outcome).await?;
    session.tx.update_order(&order).await?;
    // in the order of their ids, as `sell_items` does, so that transactions cannot deadlock
    back.sort_by_key(|change: &StockChange| change.product());
    for change in back {
        session.tx.change_stock(change).await?;
    }
    session.commit(order.into_inner()).await
}

/// Ships the lines of an order that the caller sells.
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
    let order = session.tx.order(id).await?.ok_or(Failure::NotFound("order"))?;
    let permit = session.authorize::<ShipOrder>(order).await?;
    let outcome =
        precondition.check(permit.resource().version).and_then(|()| Ok(permit.ship(session.now)?));
    let (mut session, order) = session.record_rejection(outcome).await?;
    session.tx.update_order(&order).await?;
    session.commit(order.into_inner()).await
}

/// Shares an order. The new co-owner is the last in the list.
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
    let order = session.tx.order(id).await?.ok_or(Failure::NotFound("order"))?;
    let permit = session.authorize::<AddCoOwner>(order).await?;
    precondition.check(permit.resource().version)?;
    let order = permit.share(CoOwnerId(Uuid::now_v7()), input()?)?;
    session.tx.update_order(&order).await?;
    session.commit(order.into_inner()).await
}

/// Stops sharing an order with a co-owner.
///
/// # Errors
/// See [`Failure`]. A share that does not exist is [`Failure::NotFound`].
pub async fn unshare_order(
    shop: &Shop,
    caller: &Caller,
    id: OrderId,
    share: CoOwnerId,
    precondition: Precondition,
) -> Result<Order, Failure> {
    let mut session = Session::write(shop, caller).await?;
    let order = session.tx.order(id).await?.ok_or(Failure::NotFound("order"))?;
    let permit = session.authorize::<RemoveCoOwner>(order).await?;
    precondition.check(permit.resource().version)?;
    let order = permit.unshare(share).map_err(|error| match error {
        OrderError::NotShared => Failure::NotFound("co-owner"),
        other => other.into(),
    })?;
    session.tx.update_order(&order).await?;
    session.commit(order.into_inner()).await
}
