//! Make somebody a co-owner of an order.

use portcullis_principal::PrincipalId;
use uuid::Uuid;

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::input::Input;
use super::precondition::Precondition;
use super::shop::Shop;
use crate::domain::id::{CoOwnerId, OrderId};
use crate::domain::order::Order;
use crate::domain::ownership::AddCoOwner;

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
