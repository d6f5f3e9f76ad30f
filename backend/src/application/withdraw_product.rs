//! Offer a product no more.

use super::admission::{Caller, Session};
use super::failure::Failure;
use super::precondition::Precondition;
use super::shop::Shop;
use crate::domain::id::ProductId;
use crate::domain::ownership::WithdrawProduct;

/// Withdraws the product.
///
/// # Errors
/// See [`Failure`]. The precondition is required.
pub async fn withdraw_product(
    shop: &Shop,
    caller: &Caller,
    id: ProductId,
    precondition: Precondition,
) -> Result<(), Failure> {
    let mut session = Session::write(shop, caller).await?;
    let product = session.tx.product(id).await?.ok_or(Failure::Absent("product"))?;
    let permit = session.admit::<WithdrawProduct>(product).await?;
    let outcome = precondition.require(permit.on().version).and_then(|()| Ok(permit.withdraw(session.now)?));
    let (mut session, product) = session.judged(outcome).await?;
    session.tx.update_product(&product).await?;
    session.done(()).await
}
