//! Cancel an order, and put its pieces back.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::precondition::Precondition;
use super::shop::Shop;
use crate::domain::id::OrderId;
use crate::domain::order::Order;
use crate::domain::ownership::CancelOrder;
use crate::domain::product::StockChange;

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
