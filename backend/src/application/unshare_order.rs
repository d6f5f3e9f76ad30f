//! Make somebody a co-owner of an order no more.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::precondition::Precondition;
use super::shop::Shop;
use crate::domain::id::{CoOwnerId, OrderId};
use crate::domain::order::{Order, OrderError};
use crate::domain::ownership::RemoveCoOwner;

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
