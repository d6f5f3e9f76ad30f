//! Ship what one sells of an order.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::precondition::Precondition;
use super::shop::Shop;
use crate::domain::id::OrderId;
use crate::domain::order::Order;
use crate::domain::ownership::ShipOrder;

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
