//! See an order.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::shop::Shop;
use crate::domain::id::OrderId;
use crate::domain::order::Order;
use crate::domain::ownership::ReadOrder;

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
