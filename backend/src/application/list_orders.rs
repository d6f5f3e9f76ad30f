//! List orders: one's own and those shared with one; for an admin all, by the bypass.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::ports::Page;
use super::shop::Shop;
use crate::domain::id::OrderId;
use crate::domain::order::Order;
use crate::domain::ownership::{AllOrders, ListAllOrders};

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
